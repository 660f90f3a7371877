#include "core/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"

#define MAX_MS (INT64_C(31) * 24 * 3600 * 1000)

static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT"; /* 784111777 */
static int64_t default_lifetime_ms;
static char why[ANSWER_WHY_SIZE];

static struct token *read_answer(const char *body, size_t len)
{
	struct settings *settings = fixture_settings("p");
	struct answer_http answer = {
		.status = 200, .body = body, .body_len = len, .date = date, .sent_ms = 5000};
	struct secret *refresh_token;
	struct token *token;

	settings->default_lifetime_ms = default_lifetime_ms;
	why[0] = '\0';
	token = answer_token(settings, &answer, &refresh_token, why);
	secret_free(refresh_token);
	settings_unref(settings);
	return token;
}

/* The lifetime of what the body gives, -1 when it is unusable. */
static int64_t lifetime_of(const char *body)
{
	struct token *token = read_answer(body, strlen(body));
	int64_t lifetime_ms = token ? token->lifetime_ms : -1;

	token_free(token);
	return lifetime_ms;
}

static int64_t lifetime_of_member(const char *expires_in)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"access_token\":\"t\",\"expires_in\":%s}", expires_in);
	return lifetime_of(body);
}

START_TEST(a_plain_answer_gives_its_token_from_the_moment_of_sending)
{
	const char *body =
		"{\"access_token\":\"abc\",\"token_type\":\"bearer\",\"expires_in\":86399}";
	struct token *token = read_answer(body, strlen(body));

	ck_assert_ptr_nonnull(token);
	ck_assert_str_eq(secret_reveal(token->value), "abc");
	ck_assert_int_eq(token->sent_ms, 5000);
	ck_assert_int_eq(token_expires(token), 5000 + 86399000);
	ck_assert_int_eq(token->refresh_in_ms, 0);
	token_free(token);
}
END_TEST

START_TEST(expires_in_is_a_number_or_a_decimal_string)
{
	ck_assert_int_eq(lifetime_of_member("300"), 300000);
	ck_assert_int_eq(lifetime_of_member("\"300\""), 300000);
	ck_assert_int_eq(lifetime_of_member("1.5"), 1500);
	ck_assert_int_eq(lifetime_of_member("\"1.5\""), 1500);
	ck_assert_int_eq(lifetime_of_member("1"), 1000);
	ck_assert_int_eq(lifetime_of_member("3e2"), 300000);
}
END_TEST

START_TEST(a_lifetime_below_a_second_or_that_is_no_number_is_unusable)
{
	static const char *const bad[] = {"0", "-1", "-86400", "0.9", "\"0\"", "\"-5\"", "\"\"",
		"\"soon\"", "\"300s\"", "\" 300\"", "\"3e2\"", "\"1.\"", "true", "[]", "{}"};

	default_lifetime_ms = 60000; /* it is there, so it is not asked for */
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_msg(lifetime_of_member(bad[i]) == -1, "%s", bad[i]);
	}
	default_lifetime_ms = 0;
}
END_TEST

START_TEST(more_than_31_days_counts_as_31_days)
{
	ck_assert_int_eq(lifetime_of_member("2678400"), MAX_MS);
	ck_assert_int_eq(lifetime_of_member("2678401"), MAX_MS);
	ck_assert_int_eq(lifetime_of_member("1e300"), MAX_MS);
	ck_assert_int_eq(lifetime_of_member("1e999"), MAX_MS);
	ck_assert_int_eq(lifetime_of_member("\"99999999999999999999999\""), MAX_MS);
}
END_TEST

START_TEST(a_jwt_without_expires_in_lives_from_iat_to_exp)
{
	/* {"iat":1000,"exp":1900} */
	ck_assert_int_eq(
		lifetime_of("{\"access_token\":\"e30.eyJpYXQiOjEwMDAsImV4cCI6MTkwMH0.c2ln\"}"),
		900000);
	ck_assert_int_eq(
		lifetime_of("{\"access_token\":\"e30.eyJpYXQiOjEwMDAsImV4cCI6MTkwMH0.c2ln\","
			    "\"expires_in\":null}"),
		900000);
}
END_TEST

START_TEST(a_jwt_with_exp_alone_is_held_against_the_servers_date)
{
	/* {"exp":784112377}: ten minutes after Date */
	ck_assert_int_eq(
		lifetime_of("{\"access_token\":\"e30.eyJleHAiOjc4NDExMjM3N30.c2ln\"}"), 600000);
	/* {"exp":784111700}: before it */
	ck_assert_int_eq(
		lifetime_of("{\"access_token\":\"e30.eyJleHAiOjc4NDExMTcwMH0.c2ln\"}"), -1);
}
END_TEST

START_TEST(without_any_lifetime_the_default_holds_or_the_answer_is_refused_naming_it)
{
	static const char *const bodies[] = {"{\"access_token\":\"opaque\"}",
		"{\"access_token\":\"a.b\"}", "{\"access_token\":\"e30.!!!.x\"}",
		"{\"access_token\":\"e30.e30.x\"}", "{\"access_token\":\"a.b.c.d.e\"}"};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		ck_assert_int_eq(lifetime_of(bodies[i]), -1);
		ck_assert_ptr_nonnull(strstr(why, "default_lifetime"));
		default_lifetime_ms = 60000;
		ck_assert_int_eq(lifetime_of(bodies[i]), 60000);
		default_lifetime_ms = 0;
	}
}
END_TEST

START_TEST(what_is_no_token_answer_is_unusable)
{
	static const char *const bad[] = {"", "null", "[]", "\"x\"", "{}", "{\"access_token\":1}",
		"{\"access_token\":\"\",\"expires_in\":9}",
		"{\"access_token\":\"t\",\"expires_in\":9",
		"{\"access_token\":\"t\",\"expires_in\":9} x", "<html></html>",
		"{\"access_token\":\"a\\u0000b\",\"expires_in\":9}",
		"{\"access_token\":\"a\\nb\",\"expires_in\":9}",
		"{\"access_token\":\"a\\rb\",\"expires_in\":9}",
		"{\"access_token\":\"t\",\"expires_in\":9,\"token_type\":\"mac\"}",
		"{\"access_token\":\"t\",\"expires_in\":9,\"token_type\":7}",
		"{\"access_token\":\"\xff\",\"expires_in\":9}", "{\"error\":\"invalid_client\"}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_msg(lifetime_of(bad[i]) == -1, "%s", bad[i]);
		ck_assert_str_ne(why, "");
	}
}
END_TEST

START_TEST(a_nul_byte_in_the_body_is_unusable)
{
	static const char body[] = "{\"access_token\":\"t\",\"expires_in\":9}\0{}";

	ck_assert_ptr_null(read_answer(body, sizeof(body) - 1));
}
END_TEST

START_TEST(an_escaped_backslash_before_u0000_is_not_a_nul)
{
	ck_assert_int_eq(lifetime_of("{\"access_token\":\"a\\\\u0000b\",\"expires_in\":9}"), 9000);
}
END_TEST

START_TEST(token_type_is_bearer_in_any_case_of_letters_or_absent)
{
	ck_assert_int_eq(
		lifetime_of("{\"access_token\":\"t\",\"expires_in\":9,\"token_type\":\"BEARER\"}"),
		9000);
	ck_assert_int_eq(
		lifetime_of("{\"access_token\":\"t\",\"expires_in\":9,\"token_type\":null}"), 9000);
}
END_TEST

START_TEST(odd_bytes_come_through_unchanged)
{
	const char *body = "{\"access_token\":\"%s%n\\\"\\\\ \xc3\xbc\\u20ac\",\"expires_in\":9}";
	struct token *token = read_answer(body, strlen(body));

	ck_assert_str_eq(secret_reveal(token->value), "%s%n\"\\ \xc3\xbc€");
	token_free(token);
}
END_TEST

START_TEST(a_token_of_64000_bytes_is_taken_and_one_byte_more_is_not)
{
	char *body = malloc(ANSWER_TOKEN_MAX + 100);

	for (int more = 0; more < 2; more++) {
		char *end = stpcpy(body, "{\"access_token\":\"");

		memset(end, 'x', (size_t)ANSWER_TOKEN_MAX + (size_t)more);
		strcpy(end + ANSWER_TOKEN_MAX + more, "\",\"expires_in\":9}");
		ck_assert_int_eq(lifetime_of(body), more ? -1 : 9000);
	}
	free(body);
}
END_TEST

START_TEST(refresh_in_is_kept_where_it_makes_sense)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {{"1800", 1800000}, {"\"1800\"", 1800000}, {"0", 0}, {"-4", 0}, {"\"x\"", 0},
		{"null", 0}, {"1e99", 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[128];
		struct token *token;

		snprintf(body, sizeof(body),
			"{\"access_token\":\"t\",\"expires_in\":3600,\"refresh_in\":%s}",
			cases[i].text);
		token = read_answer(body, strlen(body));
		ck_assert_int_eq(token->refresh_in_ms, cases[i].ms);
		token_free(token);
	}
}
END_TEST

#define JWT_OF_ALICE "e30.eyJzdWIiOiJhbGljZSJ9.c2ln"
#define JWT_OF_BOB   "e30.eyJzdWIiOiJiMGIiLCJlbWFpbCI6ImJvYkBleGFtcGxlLmNvbSIsIm5hbWUiOiJCb2IifQ.c2ln"
#define JWT_OF_CAROL                                                                               \
	"e30."                                                                                     \
	"eyJzdWIiOiJjNCIsInByZWZlcnJlZF91c2VybmFtZSI6ImNhcm9sXHUwMDA3IiwiZW1haWwiOiJjQGV4YW1wbGUu" \
	"Y29tIn0.c2ln"
#define JWT_OF_NOBODY "e30.eyJhdWQiOiJ4Iiwic3ViIjo3fQ.c2ln"

START_TEST(account_is_whom_the_id_token_or_a_jwt_names)
{
	static const struct {
		const char *body, *account;
	} cases[] = {
		{"{\"access_token\":\"opaque\"}", ""},
		{"{\"access_token\":\"" JWT_OF_ALICE "\"}", "alice"},
		{"{\"access_token\":\"" JWT_OF_ALICE "\",\"id_token\":\"" JWT_OF_BOB "\"}",
			"bob@example.com"},
		{"{\"access_token\":\"t\",\"id_token\":\"" JWT_OF_CAROL "\"}", "carol\\x07"},
		{"{\"access_token\":\"" JWT_OF_ALICE "\",\"id_token\":\"" JWT_OF_NOBODY "\"}",
			"alice"},
		{"{\"access_token\":\"t\",\"id_token\":7}", ""},
		{"[]", ""},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct answer_http answer = fixture_answer(200, cases[i].body);
		char account[TEXT_UPSTREAM_SIZE];

		answer_account(&answer, account);
		ck_assert_str_eq(account, cases[i].account);
	}
}
END_TEST

START_TEST(dates_are_those_of_http_and_nothing_else)
{
	ck_assert_int_eq(answer_date(date), 784111777);
	ck_assert_int_eq(answer_date(NULL), -1);
	ck_assert_int_eq(answer_date(""), -1);
	ck_assert_int_eq(answer_date("Sun, 06 Nov 1994 08:49:37 GMT, x"), -1);
	ck_assert_int_eq(answer_date("yesterday"), -1);
}
END_TEST

UNIT_MAIN("answer", a_plain_answer_gives_its_token_from_the_moment_of_sending,
	expires_in_is_a_number_or_a_decimal_string,
	a_lifetime_below_a_second_or_that_is_no_number_is_unusable,
	more_than_31_days_counts_as_31_days, a_jwt_without_expires_in_lives_from_iat_to_exp,
	a_jwt_with_exp_alone_is_held_against_the_servers_date,
	without_any_lifetime_the_default_holds_or_the_answer_is_refused_naming_it,
	what_is_no_token_answer_is_unusable, a_nul_byte_in_the_body_is_unusable,
	an_escaped_backslash_before_u0000_is_not_a_nul,
	token_type_is_bearer_in_any_case_of_letters_or_absent, odd_bytes_come_through_unchanged,
	a_token_of_64000_bytes_is_taken_and_one_byte_more_is_not,
	refresh_in_is_kept_where_it_makes_sense, account_is_whom_the_id_token_or_a_jwt_names,
	dates_are_those_of_http_and_nothing_else)
