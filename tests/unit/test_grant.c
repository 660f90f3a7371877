#include "core/grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"

static struct grant_input input; /* nothing but the settings */

static void expect_request(struct settings *settings, const char *form, const char *authorization)
{
	struct grant_request request;

	ck_assert_int_eq(grant_request_init(&request, settings, &input), 0);
	ck_assert_str_eq(secret_reveal(request.body), form);
	if (authorization) {
		ck_assert_str_eq(secret_reveal(request.authorization), authorization);
	} else {
		ck_assert_ptr_null(request.authorization);
	}
	grant_request_done(&request);
}

START_TEST(client_credentials_go_into_the_basic_header)
{
	struct settings *settings = fixture_settings("p");

	/* "id:s3cret!" with the ! as %21 */
	expect_request(settings, "grant_type=client_credentials", "Basic aWQ6czNjcmV0JTIx");
	settings_unref(settings);
}
END_TEST

START_TEST(basic_encodes_reserved_characters_as_rfc_6749_wants)
{
	struct settings *settings = fixture_settings("p");

	fixture_set(&settings->client_id, "a:b");
	secret_free(settings->secrets[SETTINGS_CLIENT_SECRET].value);
	settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_new("x y&%", 5);
	/* a%3Ab:x+y%26%25 */
	expect_request(settings, "grant_type=client_credentials", "Basic YSUzQWI6eCt5JTI2JTI1");
	settings_unref(settings);
}
END_TEST

START_TEST(the_basic_header_of_a_uuid_is_what_genesys_sdks_send)
{
	struct settings *settings = fixture_settings("p");

	fixture_set(&settings->client_id, "7f0e5c1a-0000-4000-8000-00000000abcd");
	secret_free(settings->secrets[SETTINGS_CLIENT_SECRET].value);
	settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_new("AbC-_9", 6);
	expect_request(settings, "grant_type=client_credentials",
		"Basic N2YwZTVjMWEtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDBhYmNkOkFiQy1fOQ==");
	settings_unref(settings);
}
END_TEST

START_TEST(post_puts_id_and_secret_into_the_form)
{
	struct settings *settings = fixture_settings("p");

	settings->client_auth = CLIENT_AUTH_POST;
	fixture_set(&settings->scope, "a b");
	fixture_set(&settings->audience, "urn:x");
	fixture_set(&settings->resource, "https://api.example/");
	expect_request(settings,
		"grant_type=client_credentials&scope=a+b&audience=urn%3Ax"
		"&resource=https%3A%2F%2Fapi.example%2F&client_id=id&client_secret=s3cret%21",
		NULL);
	settings_unref(settings);
}
END_TEST

START_TEST(only_grants_of_this_version_are_found)
{
	ck_assert_ptr_nonnull(grant_find("client_credentials"));
	ck_assert_ptr_null(grant_find("password"));
}
END_TEST

struct verdict_case {
	int status;
	const char *body;
	enum grant_verdict verdict, with_session;
};

static const struct verdict_case verdicts[] = {
	{301, "", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{302, "<html>", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{404, "", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{408, "", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{425, "", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{429, "{}", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{500, "{\"error\":\"invalid_client\"}", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{503, "", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{400, "{\"error\":\"temporarily_unavailable\"}", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{400, "{\"error\":\"server_error\"}", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{403, "{\"error\":\"slow_down\"}", GRANT_TEMPORARY, GRANT_TEMPORARY},
	{400, "{\"error\":\"invalid_request\",\"description\":\"rate limit exceeded, try later\"}",
		GRANT_TEMPORARY, GRANT_TEMPORARY},
	{400,
		"{\"error\":\"invalid_request\",\"error_description\":\"Rate limit exceeded the "
		"maximum\"}",
		GRANT_TEMPORARY, GRANT_TEMPORARY},
	{400, "{\"error\":\"invalid_request\",\"description\":\"no rate limit exceeded\"}",
		GRANT_PERMANENT, GRANT_PERMANENT},
	{400, "{\"error\":\"invalid_client\",\"description\":\"client not found\"}",
		GRANT_PERMANENT, GRANT_PERMANENT},
	{400, "", GRANT_PERMANENT, GRANT_PERMANENT},
	{400, "{\"error\":\"invalid_grant\"}", GRANT_PERMANENT, GRANT_LOGIN_REQUIRED},
	{401, "{\"error\":\"invalid_grant\"}", GRANT_PERMANENT, GRANT_LOGIN_REQUIRED},
	{401, "", GRANT_PERMANENT, GRANT_PERMANENT},
	{403, "", GRANT_PERMANENT, GRANT_PERMANENT},
	{400, "{\"error\":[1]}", GRANT_PERMANENT, GRANT_PERMANENT},
	{400, "{cut", GRANT_PERMANENT, GRANT_PERMANENT},
};

START_TEST(every_status_and_error_has_its_verdict)
{
	struct settings *settings = fixture_settings("p");
	const struct grant *plain = settings->grant;
	struct grant_result result;

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
		struct answer_http answer = fixture_answer(verdicts[i].status, verdicts[i].body);

		settings->grant = plain;
		grant_judge(settings, &input, &answer, &result);
		ck_assert_msg(
			result.verdict == verdicts[i].verdict, "row %zu: %d", i, result.verdict);
		ck_assert_int_eq(result.status, verdicts[i].status);
		ck_assert_ptr_null(result.token);
		ck_assert_ptr_nonnull(strstr(result.message, "login.example:443"));
		settings->grant = &grant_saml2_bearer;
		grant_judge(settings, &input, &answer, &result);
		ck_assert_msg(result.verdict == verdicts[i].with_session, "row %zu: %d", i,
			result.verdict);
	}
	settings_unref(settings);
}
END_TEST

START_TEST(no_answer_is_temporary_and_names_the_cause)
{
	struct settings *settings = fixture_settings("p");
	struct answer_http answer = {.error = "Connection refused"};
	struct grant_result result;

	grant_judge(settings, &input, &answer, &result);
	ck_assert_int_eq(result.verdict, GRANT_TEMPORARY);
	ck_assert_int_eq(result.status, 0);
	ck_assert_str_eq(result.message,
		"The login server login.example:443 cannot be reached: Connection refused");
	settings_unref(settings);
}
END_TEST

static int64_t retry_after(const char *retry, const char *date, int status)
{
	struct settings *settings = fixture_settings("p");
	struct answer_http answer = fixture_answer(status, "");
	struct grant_result result;

	answer.retry_after = retry;
	answer.date = date;
	grant_judge(settings, &input, &answer, &result);
	settings_unref(settings);
	return result.retry_after_ms;
}

START_TEST(retry_after_is_read_as_seconds_or_as_a_date_by_the_servers_clock)
{
	static const char now[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	static const char later[] = "Sun, 06 Nov 1994 08:50:07 GMT";

	ck_assert_int_eq(retry_after("30", NULL, 429), 30000);
	ck_assert_int_eq(retry_after("0", NULL, 503), 0);
	ck_assert_int_eq(retry_after(later, now, 503), 30000);
	ck_assert_int_eq(retry_after(now, later, 503), 0);
	ck_assert_int_eq(retry_after(later, NULL, 503), 0);
	ck_assert_int_eq(retry_after("99999999999999999999999", NULL, 503), 180000);
	ck_assert_int_eq(retry_after("-5", NULL, 503), 0);
	ck_assert_int_eq(retry_after("soon", now, 503), 0);
	ck_assert_int_eq(retry_after("", NULL, 503), 0);
	ck_assert_int_eq(retry_after("Sun, 06 Nov 2094 08:50:07 GMT", now, 503), 180000);
}
END_TEST

START_TEST(what_a_server_says_is_shown_without_our_secret_and_without_control_bytes)
{
	struct settings *settings = fixture_settings("p");
	struct answer_http answer = fixture_answer(401,
		"{\"error\":\"bad\\u001b\",\"error_description\":\"you sent s3cret! and "
		"s3cret%21\"}");
	struct grant_result result;

	grant_judge(settings, &input, &answer, &result);
	ck_assert_str_eq(result.upstream_error, "bad\\x1b");
	ck_assert_ptr_nonnull(strstr(result.message, "you sent *** and ***"));
	ck_assert_ptr_null(strstr(result.message, "s3cret"));
	settings_unref(settings);
}
END_TEST

START_TEST(the_correlation_id_is_kept_for_good_and_bad_answers)
{
	struct settings *settings = fixture_settings("p");
	struct answer_http answer = fixture_answer(
		200, "{\"access_token\":\"t\",\"expires_in\":9}");
	struct grant_result result;

	answer.correlation_id = "ab\tc";
	grant_judge(settings, &input, &answer, &result);
	ck_assert_int_eq(result.verdict, GRANT_GRANTED);
	ck_assert_str_eq(result.correlation_id, "ab\\x09c");
	grant_result_done(&result);
	ck_assert_ptr_null(result.token);
	settings_unref(settings);
}
END_TEST

START_TEST(a_2xx_that_cannot_be_used_is_temporary_and_says_why)
{
	struct settings *settings = fixture_settings("p");
	struct answer_http answer = fixture_answer(200, "<html>log in to the wifi</html>");
	struct grant_result result;

	answer.retry_after = "7";
	grant_judge(settings, &input, &answer, &result);
	ck_assert_int_eq(result.verdict, GRANT_TEMPORARY);
	ck_assert_int_eq(result.retry_after_ms, 7000);
	ck_assert_ptr_nonnull(strstr(result.message, "it is not JSON"));
	settings_unref(settings);
}
END_TEST

UNIT_MAIN("grant", client_credentials_go_into_the_basic_header,
	basic_encodes_reserved_characters_as_rfc_6749_wants,
	the_basic_header_of_a_uuid_is_what_genesys_sdks_send, post_puts_id_and_secret_into_the_form,
	only_grants_of_this_version_are_found, every_status_and_error_has_its_verdict,
	no_answer_is_temporary_and_names_the_cause,
	retry_after_is_read_as_seconds_or_as_a_date_by_the_servers_clock,
	what_a_server_says_is_shown_without_our_secret_and_without_control_bytes,
	the_correlation_id_is_kept_for_good_and_bad_answers,
	a_2xx_that_cannot_be_used_is_temporary_and_says_why)
