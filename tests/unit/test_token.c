#include "core/token.h"

#include "core/secret.h"
#include "unit.h"

static struct token *make(int64_t sent_ms, int64_t lifetime_ms)
{
	return token_new(secret_new("t", 1), sent_ms, lifetime_ms);
}

START_TEST(token_is_handed_out_until_its_margin_and_not_a_millisecond_longer)
{
	struct token *token = make(1000, 3600000);

	ck_assert_int_eq(token_expires(token), 3601000);
	ck_assert_int_eq(token_usable_until(token), 3591000);
	ck_assert(token_usable(token, 1000));
	ck_assert(token_usable(token, 3591000));
	ck_assert(!token_usable(token, 3591001));
	ck_assert(!token_usable(NULL, 0));
	token_free(token);
}
END_TEST

START_TEST(min_validity_asks_for_that_much_left)
{
	struct token *token = make(0, 100000);

	ck_assert(token_satisfies(token, 60000, 40000));
	ck_assert(!token_satisfies(token, 60000, 40001));
	ck_assert(token_satisfies(token, 0, 90000));
	ck_assert(!token_satisfies(token, 0, 90001));
	token_free(token);
}
END_TEST

START_TEST(more_than_three_quarters_of_the_life_counts_as_three_quarters)
{
	struct token *token = make(0, 100000);

	ck_assert(token_satisfies(token, 99999999, 25000));
	ck_assert(!token_satisfies(token, 99999999, 25001));
	token_free(token);
}
END_TEST

static unsigned freed;

static void count_free(void *rendered)
{
	freed++;
}

START_TEST(what_was_rendered_goes_with_the_token)
{
	struct token *token = make(0, 1000);

	token->rendered[TOKEN_IN_REPLY] = &freed;
	token->rendered[TOKEN_TOLD_IN_EVENT] = &freed;
	token->free_rendered = count_free;
	token_unrender(token);
	ck_assert_uint_eq(freed, 2);
	token_unrender(token);
	ck_assert_uint_eq(freed, 2);
	token->rendered[TOKEN_IN_EVENT] = &freed;
	token_free(token);
	ck_assert_uint_eq(freed, 3);
	token_free(NULL);
}
END_TEST

UNIT_MAIN("token", token_is_handed_out_until_its_margin_and_not_a_millisecond_longer,
	min_validity_asks_for_that_much_left,
	more_than_three_quarters_of_the_life_counts_as_three_quarters,
	what_was_rendered_goes_with_the_token)
