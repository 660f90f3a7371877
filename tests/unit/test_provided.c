#include "provided.h"

#include <stdio.h>
#include <string.h>

#include "core/code.h"
#include "core/grant.h"
#include "core/secret.h"
#include "fixture.h"
#include "unit.h"

static char why[PROVIDED_WHY_SIZE];

static struct code *read_for(const char *grant, const char *json)
{
	struct settings *settings = fixture_settings("p");
	struct code *code;

	settings->grant = grant_find(grant);
	fixture_set(&settings->redirect_uri, "https://app.example/own");
	code = provided_read(settings, json, strlen(json), why);
	settings_unref(settings);
	return code;
}

static void refuse(const char *grant, const char *json, const char *word)
{
	ck_assert_ptr_null(read_for(grant, json));
	ck_assert_msg(strstr(why, word), "%s: %s", json, why);
}

START_TEST(code_is_read_with_what_belongs_to_it)
{
	struct code *code = read_for("pkce",
		"{\"authCode\":\"c\\u0031\",\"redirectUri\":\"https://app.example/back\","
		"\"codeVerifier\":\"0123456789012345678901234567890123456789012\","
		"\"nonce\":\"n\",\"maxAge\":5}");

	ck_assert_ptr_nonnull(code);
	ck_assert_str_eq(secret_reveal(code->code), "c1");
	ck_assert_str_eq(code->redirect_uri, "https://app.example/back");
	ck_assert_uint_eq(secret_len(code->verifier), 43);
	ck_assert_ptr_null(code->assertion);
	code_free(code);
}
END_TEST

START_TEST(what_is_left_out_or_null_is_the_profiles_own_or_nothing)
{
	struct code *code = read_for("authorization_code",
		"{\"authCode\":\"c\",\"redirectUri\":null,\"codeVerifier\":null}");

	ck_assert_ptr_nonnull(code);
	ck_assert_str_eq(code->redirect_uri, "https://app.example/own");
	ck_assert_ptr_null(code->verifier);
	code_free(code);
}
END_TEST

START_TEST(assertion_is_read_where_the_grant_sends_one)
{
	struct code *code = read_for("saml2_bearer", "{\"assertion\":\"PHNhbWw+\"}");

	ck_assert_ptr_nonnull(code);
	ck_assert_str_eq(secret_reveal(code->assertion), "PHNhbWw+");
	ck_assert_ptr_null(code->code);
	code_free(code);
	refuse("saml2_bearer", "{\"authCode\":\"c\"}", "assertion is missing");
	refuse("pkce", "{\"assertion\":\"PHNhbWw+\"}", "authCode is missing");
}
END_TEST

START_TEST(what_cannot_be_sent_is_told)
{
	static char json[8192] = "{\"authCode\":\"";

	refuse("pkce", "{}", "authCode is missing");
	refuse("pkce", "{\"authCode\":null}", "authCode is missing");
	refuse("pkce", "{\"authCode\":\"\"}", "authCode has to be");
	refuse("pkce", "{\"authCode\":7}", "authCode has to be");
	refuse("pkce", "{\"authCode\":\"\\n\"}", "authCode has to be");
	refuse("pkce", "{\"authCode\":\"\\u00e9\"}", "authCode has to be");
	refuse("pkce", "{\"authCode\":\"c\",\"codeVerifier\":\"\"}", "1 to 128");
	refuse("pkce", "\"oops\"", "has to be an object");
	refuse("pkce", "{\"authCode\":\"c\",\"redirectUri\":[]}", "redirectUri");
	memset(json + strlen(json), 'x', 4097);
	strcat(json, "\"}");
	refuse("pkce", json, "1 to 4096");
}
END_TEST

/* Whatever its brand's server takes. */
START_TEST(verifier_may_be_shorter_than_the_rfc_has_it)
{
	struct code *code = read_for(
		"messenger", "{\"authCode\":\"c\",\"codeVerifier\":\"short!\"}");

	ck_assert_ptr_nonnull(code);
	ck_assert_str_eq(secret_reveal(code->verifier), "short!");
	code_free(code);
}
END_TEST

START_TEST(uri_has_at_most_4096_characters)
{
	static char json[8192];
	char uri[4098];
	struct code *code;

	memset(uri, 'x', sizeof(uri));
	snprintf(json, sizeof(json), "{\"authCode\":\"c\",\"redirectUri\":\"%.*s\"}", 4096, uri);
	code = read_for("pkce", json);
	ck_assert_ptr_nonnull(code);
	code_free(code);
	snprintf(json, sizeof(json), "{\"authCode\":\"c\",\"redirectUri\":\"%.*s\"}", 4097, uri);
	refuse("pkce", json, "1 to 4096");
}
END_TEST

START_TEST(nothing_is_no_data_or_an_empty_object)
{
	ck_assert(provided_is_nothing(NULL, 0));
	ck_assert(provided_is_nothing("{ }", 3));
	ck_assert(!provided_is_nothing("{\"authCode\":null}", 17));
	ck_assert(!provided_is_nothing("\"\"", 2));
}
END_TEST

START_TEST(messengers_code_is_read_with_what_its_login_adds)
{
	struct code *code = read_for("messenger", "{\"authCode\":\"c\",\"nonce\":\"n\",\"maxAge\":"
						  "5,\"iss\":\"https://brand.example\"}");

	ck_assert_ptr_nonnull(code);
	ck_assert_str_eq(secret_reveal(code->code), "c");
	ck_assert_str_eq(code->redirect_uri, "https://app.example/own");
	ck_assert_str_eq(secret_reveal(code->nonce), "n");
	ck_assert_str_eq(code->iss, "https://brand.example");
	ck_assert(code->has_max_age);
	ck_assert_int_eq(code->max_age_s, 5);
	code_free(code);
	code = read_for("messenger", "{\"idToken\":\"a.b.c\",\"nonce\":\"n\"}");
	ck_assert_ptr_nonnull(code);
	ck_assert_str_eq(secret_reveal(code->id_token), "a.b.c");
	ck_assert_ptr_null(code->code);
	ck_assert_ptr_null(code->redirect_uri);
	code_free(code);
	refuse("messenger", "{\"idToken\":\"a.b.c\"}", "nonce is missing");
	refuse("messenger", "{\"nonce\":\"n\"}", "authCode is missing");
	refuse("messenger", "{\"authCode\":\"c\",\"maxAge\":0.5}", "maxAge has to be");
}
END_TEST

UNIT_MAIN("provided", verifier_may_be_shorter_than_the_rfc_has_it, uri_has_at_most_4096_characters,
	nothing_is_no_data_or_an_empty_object, messengers_code_is_read_with_what_its_login_adds,
	code_is_read_with_what_belongs_to_it,
	what_is_left_out_or_null_is_the_profiles_own_or_nothing,
	assertion_is_read_where_the_grant_sends_one, what_cannot_be_sent_is_told)
