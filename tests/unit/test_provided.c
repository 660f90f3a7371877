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
	refuse("pkce", "{\"authCode\":\"c\",\"codeVerifier\":\"short\"}", "codeVerifier");
	refuse("pkce", "{\"authCode\":\"c\",\"redirectUri\":[]}", "redirectUri");
	memset(json + strlen(json), 'x', 4097);
	strcat(json, "\"}");
	refuse("pkce", json, "1 to 4096");
}
END_TEST

UNIT_MAIN("provided", code_is_read_with_what_belongs_to_it,
	what_is_left_out_or_null_is_the_profiles_own_or_nothing,
	assertion_is_read_where_the_grant_sends_one, what_cannot_be_sent_is_told)
