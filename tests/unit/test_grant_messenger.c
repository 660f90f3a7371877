#include <stdio.h>
#include <string.h>

#include "core/answer.h"
#include "core/code.h"
#include "core/echoes.h"
#include "core/grant.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"

#define BASE "https://api.example/api/v2/webdeployments/token"

/* Claims in base64url: {"iat":784111770,"exp":784112370}, {"exp":784112370}, {"iat":784111770}. */
#define JWT_600  "e30.eyJpYXQiOjc4NDExMTc3MCwiZXhwIjo3ODQxMTIzNzB9.c2ln"
#define JWT_EXP  "e30.eyJleHAiOjc4NDExMjM3MH0.c2ln"
#define JWT_LESS "e30.eyJpYXQiOjc4NDExMTc3MH0.c2ln"

static struct settings *deployment(void)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find("messenger");
	settings->client_auth = CLIENT_AUTH_NONE;
	fixture_set(&settings->client_id, "deployment-1");
	fixture_set(&settings->token_url, BASE);
	return settings;
}

static void expect_request(const struct grant_input *input, const char *url, const char *body)
{
	struct settings *settings = deployment();
	struct grant_request request;

	ck_assert_int_eq(grant_request_init(&request, settings, input), 0);
	ck_assert_str_eq(request.method, "POST");
	ck_assert_str_eq(request.url, url);
	ck_assert(request.is_json);
	ck_assert_str_eq(secret_reveal(request.body), body);
	ck_assert_ptr_null(request.authorization);
	grant_request_done(&request);
	settings_unref(settings);
}

static void expect_exchange(const struct code_texts *texts, const char *oauth)
{
	struct code *code = code_new(texts);
	char body[1024];

	snprintf(body, sizeof(body), "{\"deploymentId\":\"deployment-1\",\"oauth\":%s}", oauth);
	expect_request(
		&(struct grant_input){.code = code}, BASE "/oauthcodegrantjwtexchange", body);
	code_free(code);
}

START_TEST(a_code_is_sent_with_what_came_beside_it_and_no_more)
{
	expect_exchange(&(struct code_texts){.code = "c", .redirect_uri = "https://brand/"},
		"{\"code\":\"c\",\"redirectUri\":\"https://brand/\"}");
	expect_exchange(
		&(struct code_texts){
			.code = "c\"\\",
			.redirect_uri = "https://brand/",
			.verifier = "v",
			.nonce = "n",
			.iss = "https://idp",
			.has_max_age = true,
			.max_age_s = 0,
		},
		"{\"code\":\"c\\\"\\\\\",\"redirectUri\":\"https://brand/\",\"codeVerifier\":\"v\","
		"\"nonce\":\"n\",\"maxAge\":0,\"iss\":\"https://idp\"}");
}
END_TEST

START_TEST(an_id_token_is_sent_with_its_nonce)
{
	expect_exchange(&(struct code_texts){.id_token = "a.b.c", .nonce = "n"},
		"{\"idToken\":\"a.b.c\",\"nonce\":\"n\"}");
}
END_TEST

START_TEST(a_refresh_token_is_sent_alone)
{
	struct secret *token = secret_new("r1", 2);

	expect_request(&(struct grant_input){.refresh_token = token}, BASE "/refresh",
		"{\"refreshToken\":\"r1\"}");
	secret_free(token);
}
END_TEST

/* ---- answers */

static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT"; /* 784111777 */

/* The lifetime of what the body gives, -1 when it is unusable. */
static int64_t lifetime_of(const char *body, const char *at, int64_t default_ms)
{
	struct settings *settings = deployment();
	struct answer_http answer = fixture_answer(200, body);
	struct secret *refresh_token;
	char why[ANSWER_WHY_SIZE] = "";
	struct token *token;
	int64_t lifetime_ms;

	settings->default_lifetime_ms = default_ms;
	answer.date = at;
	token = answer_jwt(settings, &answer, &refresh_token, why);
	lifetime_ms = token ? token->lifetime_ms : -1;
	ck_assert((why[0] != '\0') == !token);
	token_free(token);
	secret_free(refresh_token);
	settings_unref(settings);
	return lifetime_ms;
}

START_TEST(a_jwt_lives_from_iat_to_exp_and_no_longer_than_by_the_servers_date)
{
	ck_assert_int_eq(lifetime_of("{\"jwt\":\"" JWT_600 "\"}", NULL, 0), 600000);
	ck_assert_int_eq(lifetime_of("{\"jwt\":\"" JWT_600 "\"}", date, 0), 593000);
	ck_assert_int_eq(
		lifetime_of("{\"jwt\":\"" JWT_600 "\"}", "Sun, 06 Nov 1994 08:00:00 GMT", 0),
		600000);
	ck_assert_int_eq(lifetime_of("{\"jwt\":\"" JWT_EXP "\"}", date, 0), 593000);
	ck_assert_int_eq(
		lifetime_of("{\"jwt\":\"" JWT_600 "\",\"expires_in\":5}", date, 0), 593000);
}
END_TEST

START_TEST(a_jwt_that_has_expired_or_tells_no_end_is_unusable_unless_a_default_says)
{
	ck_assert_int_eq(
		lifetime_of("{\"jwt\":\"" JWT_600 "\"}", "Sun, 06 Nov 1994 09:49:37 GMT", 60000),
		-1);
	ck_assert_int_eq(lifetime_of("{\"jwt\":\"" JWT_LESS "\"}", date, 0), -1);
	ck_assert_int_eq(lifetime_of("{\"jwt\":\"" JWT_LESS "\"}", date, 60000), 60000);
	ck_assert_int_eq(lifetime_of("{\"jwt\":\"" JWT_EXP "\"}", NULL, 0), -1);
	ck_assert_int_eq(lifetime_of("{\"jwt\":\"opaque\"}", date, 60000), 60000);
}
END_TEST

START_TEST(what_is_no_answer_of_the_messenger_is_unusable)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"jwt\":null}", "{\"jwt\":\"\"}",
		"{\"access_token\":\"" JWT_600 "\"}", "{\"jwt\":\"a\\nb\"}",
		"{\"jwt\":\"a\\u0000b\"}", "{\"jwt\":\"" JWT_600 "\"",
		"{\"jwt\":\"" JWT_600 "\"} x"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_msg(lifetime_of(bad[i], date, 60000) == -1, "%s", bad[i]);
	}
}
END_TEST

START_TEST(a_refresh_token_comes_where_there_is_one)
{
	struct settings *settings = deployment();
	struct answer_http answer = fixture_answer(
		200, "{\"jwt\":\"" JWT_600 "\",\"refreshToken\":\"r1\"}");
	struct grant_result result;

	grant_judge(settings, &(struct grant_input){0}, &answer, &result);
	ck_assert_int_eq(result.verdict, GRANT_GRANTED);
	ck_assert_str_eq(secret_reveal(result.token->value), JWT_600);
	ck_assert_str_eq(secret_reveal(result.refresh_token), "r1");
	grant_result_done(&result);
	answer = fixture_answer(200, "{\"jwt\":\"" JWT_600 "\",\"refreshToken\":null}");
	grant_judge(settings, &(struct grant_input){0}, &answer, &result);
	ck_assert_ptr_null(result.refresh_token);
	grant_result_done(&result);
	settings_unref(settings);
}
END_TEST

START_TEST(every_refusal_ends_the_session_but_what_passes_does_not)
{
	static const struct {
		int status;
		const char *body;
		enum grant_verdict verdict;
	} rows[] = {
		{400, "", GRANT_LOGIN_REQUIRED},
		{400, "{\"code\":\"bad.request\",\"message\":\"no\"}", GRANT_LOGIN_REQUIRED},
		{401, "{\"code\":\"bad.credentials\"}", GRANT_LOGIN_REQUIRED},
		{403, "<html>", GRANT_LOGIN_REQUIRED},
		{400, "{\"error\":\"temporarily_unavailable\"}", GRANT_TEMPORARY},
		{404, "", GRANT_TEMPORARY},
		{429, "{\"code\":\"too.many.requests\"}", GRANT_TEMPORARY},
		{503, "", GRANT_TEMPORARY},
	};
	struct settings *settings = deployment();
	struct secret *token = secret_new("r1-secret", 9);
	struct grant_input input = {.refresh_token = token};
	struct grant_result result;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct answer_http answer = fixture_answer(rows[i].status, rows[i].body);

		grant_judge(settings, &input, &answer, &result);
		ck_assert_msg(result.verdict == rows[i].verdict, "row %zu: %d", i, result.verdict);
	}
	secret_free(token);
	settings_unref(settings);
}
END_TEST

START_TEST(a_refusal_shows_code_and_message_and_nothing_that_was_sent)
{
	struct settings *settings = deployment();
	struct code *code = code_new(&(struct code_texts){.code = "the-code",
		.nonce = "the-nonce",
		.id_token = "the.id.token",
		.verifier = "the-verifier"});
	struct answer_http answer = fixture_answer(400,
		"{\"code\":\"bad.request\",\"message\":\"the-code the-nonce the.id.token "
		"the-verifier\"}");
	struct grant_result result;

	grant_judge(settings, &(struct grant_input){.code = code}, &answer, &result);
	ck_assert_str_eq(result.upstream_error, "bad.request");
	ck_assert_str_eq(result.message,
		"The login server login.example:443 refused the code for profile p (HTTP 400 "
		"bad.request: *** *** *** ***); sign in again");
	code_free(code);
	settings_unref(settings);
}
END_TEST

UNIT_MAIN("grant_messenger", a_code_is_sent_with_what_came_beside_it_and_no_more,
	an_id_token_is_sent_with_its_nonce, a_refresh_token_is_sent_alone,
	a_jwt_lives_from_iat_to_exp_and_no_longer_than_by_the_servers_date,
	a_jwt_that_has_expired_or_tells_no_end_is_unusable_unless_a_default_says,
	what_is_no_answer_of_the_messenger_is_unusable, a_refresh_token_comes_where_there_is_one,
	every_refusal_ends_the_session_but_what_passes_does_not,
	a_refusal_shows_code_and_message_and_nothing_that_was_sent)
