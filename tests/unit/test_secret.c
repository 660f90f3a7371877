#include "core/secret.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static char given[256]; /* what the heap got back, as it was */
static size_t given_size;
static unsigned taken;

static void *take(size_t size)
{
	taken++;
	return malloc(size);
}

static void give(void *memory, size_t size)
{
	given_size = size;
	memcpy(given, memory, size < sizeof(given) ? size : sizeof(given));
	free(memory);
}

START_TEST(a_secret_gives_back_the_bytes_it_was_made_of_with_a_nul_behind)
{
	struct secret *secret = secret_new("a\0b", 3);

	ck_assert_uint_eq(secret_len(secret), 3);
	ck_assert_mem_eq(secret_reveal(secret), "a\0b", 4);
	secret_free(secret);
}
END_TEST

START_TEST(secrets_are_equal_when_all_their_bytes_are)
{
	struct secret *a = secret_new("same", 4), *b = secret_new("same", 4);
	struct secret *c = secret_new("sama", 4), *d = secret_new("sam", 3);

	ck_assert(secret_equal(a, b));
	ck_assert(!secret_equal(a, c));
	ck_assert(!secret_equal(a, d));
	ck_assert(!secret_equal(a, NULL));
	ck_assert(!secret_equal(NULL, a));
	ck_assert(secret_equal(NULL, NULL));
	ck_assert(secret_equals_bytes(a, "same", 4));
	ck_assert(!secret_equals_bytes(a, "same!", 5));
	secret_free(a);
	secret_free(b);
	secret_free(c);
	secret_free(d);
}
END_TEST

START_TEST(locked_secrets_live_in_the_heap_that_was_set_and_others_do_not)
{
	struct secret *locked, *plain;

	secret_set_heap(&(struct secret_heap){take, give});
	plain = secret_new("plain", 5);
	ck_assert_uint_eq(taken, 0);
	locked = secret_new_locked("locked", 6);
	ck_assert_uint_eq(taken, 1);
	secret_free(plain);
	ck_assert_uint_eq(given_size, 0);
	secret_free(locked);
	ck_assert_uint_ge(given_size, 7);
	/* The heap is told the whole size, so that it can wipe all of it. */
	ck_assert_ptr_nonnull(memmem(given, given_size, "locked", 7));
}
END_TEST

UNIT_MAIN("secret", a_secret_gives_back_the_bytes_it_was_made_of_with_a_nul_behind,
	secrets_are_equal_when_all_their_bytes_are,
	locked_secrets_live_in_the_heap_that_was_set_and_others_do_not)
