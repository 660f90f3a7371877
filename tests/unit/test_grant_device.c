#include "core/grant_device.h"

#include <stdio.h>
#include <string.h>

#include "core/answer.h"
#include "core/code.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"

#define GOOD_URI "\"verification_uri\":\"https://login.example/device\""

static struct settings *settings_of_device(void)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find("device");
	settings->client_auth = settings->grant->client_auth;
	return settings;
}

static void expect_codes_request(
	const struct settings *settings, const char *authorization, const char *body)
{
	const struct grant_input input = {0};
	struct grant_request request;

	ck_assert_int_eq(grant_device_request(&request, settings, &input), 0);
	ck_assert_str_eq(request.method, "POST");
	ck_assert_str_eq(request.url, "https://login.example/device");
	ck_assert(!request.is_json);
	ck_assert_str_eq(secret_reveal(request.body), body);
	ck_assert_pstr_eq(
		request.authorization ? secret_reveal(request.authorization) : NULL, authorization);
	grant_request_done(&request);
}

START_TEST(a_public_client_asks_for_codes_with_its_name)
{
	struct settings *settings = settings_of_device();

	expect_codes_request(settings, NULL, "client_id=id");
	fixture_set(&settings->scope, "openid offline_access");
	fixture_set(&settings->audience, "https://api.example");
	fixture_set(&settings->resource, "urn:x");
	expect_codes_request(settings, NULL,
		"scope=openid+offline_access&audience=https%3A%2F%2Fapi.example&resource=urn%3Ax&"
		"client_id=id");
	settings_unref(settings);
}
END_TEST

START_TEST(another_client_proves_who_it_is_there_too)
{
	struct settings *settings = settings_of_device();

	settings->client_auth = CLIENT_AUTH_BASIC;
	fixture_set(&settings->scope, "a");
	expect_codes_request(settings, "Basic aWQ6czNjcmV0JTIx", "scope=a");
	settings->client_auth = CLIENT_AUTH_POST;
	expect_codes_request(settings, NULL, "scope=a&client_id=id&client_secret=s3cret%21");
	settings_unref(settings);
}
END_TEST

static void expect_token_request(const struct grant_input *input, const char *body)
{
	struct settings *settings = settings_of_device();
	struct grant_request request;

	fixture_set(&settings->scope, "a");
	fixture_set(&settings->resource, "urn:x");
	ck_assert_int_eq(grant_request_init(&request, settings, input), 0);
	ck_assert_str_eq(request.url, "https://login.example/oauth/token");
	ck_assert_str_eq(secret_reveal(request.body), body);
	grant_request_done(&request);
	settings_unref(settings);
}

START_TEST(the_token_endpoint_is_asked_with_the_device_code_then_with_the_refresh_token)
{
	struct code *code = code_new(&(struct code_texts){.code = "d/c"});
	struct secret *refresh_token = secret_new("r1", 2);

	expect_token_request(&(struct grant_input){.code = code},
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=d%"
		"2Fc&resource=urn%3Ax&client_id=id");
	expect_token_request(&(struct grant_input){.refresh_token = refresh_token},
		"grant_type=refresh_token&refresh_token=r1&resource=urn%3Ax&client_id=id");
	secret_free(refresh_token);
	code_free(code);
}
END_TEST

/* ---- codes */

static struct grant_result judge(int status, const char *body, struct grant_device_codes *codes)
{
	struct answer_http http = fixture_answer(status, body);
	struct settings *settings = settings_of_device();
	const struct grant_input input = {0};
	struct grant_result result;

	http.error = status == 0 ? "it is away" : NULL;
	grant_device_judge(settings, &input, &http, codes, &result);
	settings_unref(settings);
	return result;
}

START_TEST(the_example_of_the_rfc_is_read)
{
	struct grant_device_codes codes;
	struct grant_result result = judge(200,
		"{\"device_code\":\"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS\",\"user_code\":"
		"\"WDJB-MJHT\",\"verification_uri\":\"https://example.com/device\","
		"\"verification_uri_complete\":\"https://example.com/device?user_code=WDJB-MJHT\","
		"\"expires_in\":1800,\"interval\":5}",
		&codes);

	ck_assert_int_eq(result.verdict, GRANT_GRANTED);
	ck_assert_ptr_null(result.token);
	ck_assert_str_eq(
		secret_reveal(codes.device_code), "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS");
	ck_assert_str_eq(codes.user_code, "WDJB-MJHT");
	ck_assert_str_eq(codes.verification_uri, "https://example.com/device");
	ck_assert_str_eq(
		codes.verification_uri_complete, "https://example.com/device?user_code=WDJB-MJHT");
	ck_assert_int_eq(codes.lifetime_ms, 1800000);
	ck_assert_int_eq(codes.interval_ms, 5000);
	grant_device_codes_done(&codes);
}
END_TEST

START_TEST(what_may_be_left_out_may_be_and_google_writes_url)
{
	struct grant_device_codes codes;
	struct grant_result result = judge(200,
		"{\"device_code\":\"d\",\"user_code\":\"U\",\"verification_url\":"
		"\"https://www.google.com/device\",\"expires_in\":\"1800\"}",
		&codes);

	ck_assert_int_eq(result.verdict, GRANT_GRANTED);
	ck_assert_str_eq(codes.verification_uri, "https://www.google.com/device");
	ck_assert_ptr_null(codes.verification_uri_complete);
	ck_assert_int_eq(codes.lifetime_ms, 1800000);
	ck_assert_int_eq(codes.interval_ms, 0);
	grant_device_codes_done(&codes);
}
END_TEST

static void expect_unusable(const char *body, const char *clause)
{
	struct grant_device_codes codes;
	struct grant_result result = judge(200, body, &codes);

	ck_assert_msg(result.verdict == GRANT_TEMPORARY, "%s", body);
	ck_assert_msg(strstr(result.message, clause), "%s: %s", body, result.message);
	ck_assert_ptr_null(codes.device_code);
	ck_assert_ptr_null(codes.user_code);
}

START_TEST(codes_that_nobody_could_use_are_refused)
{
	static const char no_codes[] = "no device_code and user_code", no_uri[] = "no verification";

	expect_unusable("", no_codes);
	expect_unusable("[]", no_codes);
	expect_unusable("<html>", no_codes);
	expect_unusable("{\"user_code\":\"U\",\"expires_in\":9," GOOD_URI "}", no_codes);
	expect_unusable("{\"device_code\":\"d\",\"expires_in\":9," GOOD_URI "}", no_codes);
	expect_unusable("{\"device_code\":\"\",\"user_code\":\"U\",\"expires_in\":9," GOOD_URI "}",
		no_codes);
	expect_unusable(
		"{\"device_code\":\"d\",\"user_code\":\"U\\u001b[2J\",\"expires_in\":9," GOOD_URI
		"}",
		no_codes);
	expect_unusable("{\"device_code\":\"d\",\"user_code\":\"U\",\"expires_in\":9}", no_uri);
	expect_unusable("{\"device_code\":\"d\",\"user_code\":\"U\",\"expires_in\":9,"
			"\"verification_uri\":\"javascript:alert(1)\"}",
		no_uri);
	expect_unusable("{\"device_code\":\"d\",\"user_code\":\"U\",\"expires_in\":9,"
			"\"verification_uri\":\"https://x/\\u001b[2J\"}",
		no_uri);
	expect_unusable("{\"device_code\":\"d\",\"user_code\":\"U\"," GOOD_URI "}", "expires_in");
	expect_unusable("{\"device_code\":\"d\",\"user_code\":\"U\",\"expires_in\":-1," GOOD_URI
			"}",
		"expires_in");
}
END_TEST

START_TEST(a_complete_uri_that_no_browser_opens_is_left_out)
{
	struct grant_device_codes codes;

	judge(200,
		"{\"device_code\":\"d\",\"user_code\":\"U\",\"expires_in\":9," GOOD_URI
		",\"verification_uri_complete\":\"file:///etc/passwd\"}",
		&codes);
	ck_assert_ptr_nonnull(codes.verification_uri);
	ck_assert_ptr_null(codes.verification_uri_complete);
	grant_device_codes_done(&codes);
}
END_TEST

START_TEST(a_refusal_says_whether_it_passes)
{
	struct grant_device_codes codes;
	struct grant_result result = judge(400, "{\"error\":\"unauthorized_client\"}", &codes);

	ck_assert_int_eq(result.verdict, GRANT_PERMANENT);
	ck_assert_str_eq(result.upstream_error, "unauthorized_client");
	result = judge(503, "", &codes);
	ck_assert_int_eq(result.verdict, GRANT_TEMPORARY);
	result = judge(0, "", &codes);
	ck_assert_int_eq(result.verdict, GRANT_TEMPORARY);
	ck_assert_ptr_nonnull(strstr(result.message, "it is away"));
	ck_assert_ptr_null(codes.device_code);
}
END_TEST

/* ---- polls */

static struct grant_result judge_poll(int status, const char *error)
{
	struct settings *settings = settings_of_device();
	struct code *code = code_new(&(struct code_texts){.code = "device-code-1"});
	struct grant_result result;
	struct answer_http http;
	char body[128];

	code->origin = CODE_DEVICE;
	snprintf(body, sizeof(body), "{\"error\":\"%s\",\"error_description\":\"device-code-1\"}",
		error);
	http = fixture_answer(status, body);
	grant_judge(settings, &(struct grant_input){.code = code}, &http, &result);
	code_free(code);
	settings_unref(settings);
	return result;
}

START_TEST(that_nobody_has_signed_in_yet_is_no_failure)
{
	static const char *const errors[] = {"authorization_pending", "slow_down"};
	static const int statuses[] = {400, 403, 428}; /* Google's are not 400 */

	for (int i = 0; i < 2; i++) {
		for (int j = 0; j < 3; j++) {
			struct grant_result result = judge_poll(statuses[j], errors[i]);

			ck_assert(result.pending);
			ck_assert_int_eq(result.verdict, GRANT_TEMPORARY);
			ck_assert_str_eq(result.upstream_error, errors[i]);
			ck_assert_ptr_null(strstr(result.message, "device-code-1"));
		}
	}
	ck_assert(!judge_poll(400, "access_denied").pending);
	ck_assert(!judge_poll(400, "invalid_grant").pending);
	ck_assert_int_eq(judge_poll(400, "invalid_grant").verdict, GRANT_LOGIN_REQUIRED);
}
END_TEST

UNIT_MAIN("grant_device", a_public_client_asks_for_codes_with_its_name,
	another_client_proves_who_it_is_there_too,
	the_token_endpoint_is_asked_with_the_device_code_then_with_the_refresh_token,
	the_example_of_the_rfc_is_read, what_may_be_left_out_may_be_and_google_writes_url,
	codes_that_nobody_could_use_are_refused, a_complete_uri_that_no_browser_opens_is_left_out,
	a_refusal_says_whether_it_passes, that_nobody_has_signed_in_yet_is_no_failure)
