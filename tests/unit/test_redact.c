#include "core/redact.h"

#include <stdio.h>
#include <string.h>

#include "core/code.h"
#include "core/echoes.h"
#include "core/encode.h"
#include "core/secret.h"
#include "fixture.h"
#include "unit.h"

static const char odd[] = "Zq/7+s&cr et=%\"\u00e9#\\end";

static struct settings *settings;
static struct secret *refresh_token, *client_assertion, *access_token;
static struct code *code;
static struct echoes echoes;
static char shown[REDACT_BODY_SIZE];

static struct secret *secret_of(const char *text)
{
	return secret_new(text, strlen(text));
}

static void begin(const char *client_secret)
{
	static const struct grant_input none;
	struct grant_input input = none;

	settings = fixture_settings("p");
	secret_free(settings->secrets[SETTINGS_CLIENT_SECRET].value);
	settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_of(client_secret);
	settings->secrets[SETTINGS_ASSERTION].value = secret_of("PHNhbWw+assertion");
	input.refresh_token = refresh_token = secret_of("refresh-1234");
	code = code_new(&(struct code_texts){.code = "code-5678", .verifier = "verifier-9012"});
	input.code = code;
	input.client_assertion = client_assertion = secret_of("eyJ.assertion.sig");
	access_token = secret_of("access-3456");
	grant_echoes(&echoes, settings, &input);
	echoes_add(&echoes, access_token);
}

static void end(void)
{
	echoes_done(&echoes);
	secret_free(refresh_token);
	code_free(code);
	secret_free(client_assertion);
	secret_free(access_token);
	settings_unref(settings);
}

static const char *body(const char *text)
{
	redact_body(shown, text, strlen(text), &echoes);
	return shown;
}

static const char *form(const char *text)
{
	struct secret *secret = secret_of(text);

	redact_form(shown, secret, &echoes);
	secret_free(secret);
	return shown;
}

static const char *json(const char *text)
{
	struct secret *secret = secret_of(text);

	redact_json(shown, secret, &echoes);
	secret_free(secret);
	return shown;
}

static const char *header(const char *line)
{
	redact_header(shown, line, strlen(line), &echoes);
	return shown;
}

START_TEST(form_shows_what_is_harmless_alone)
{
	begin("s3cret!");
	ck_assert_str_eq(form("grant_type=client_credentials&scope=a+b&client_id=id"),
		"grant_type=client_credentials&scope=a+b&client_id=id");
	ck_assert_str_eq(form("client_secret=s3cret%21&assertion=x&code=1&code_verifier=2&"
			      "refresh_token=3&client_assertion=4&password=5&orgName=acme"),
		"client_secret=***&assertion=***&code=***&code_verifier=***&refresh_token=***&"
		"client_assertion=***&password=***&orgName=acme");
	ck_assert_str_eq(form("scope=s3cret%21&audience=x%73%33cret!&%63lient_secret=q&&x&a=b=c"),
		"scope=***&audience=***&%63lient_secret=***&***&***&a=***");
	ck_assert_str_eq(form(""), "");
	end();
}
END_TEST

START_TEST(json_of_a_request_shows_what_is_harmless_alone)
{
	begin("s3cret!");
	ck_assert_str_eq(
		json("{\"deploymentId\":\"d-1\",\"oauth\":{\"code\":\"a\",\"redirectUri\":"
		     "\"https://x/\",\"codeVerifier\":\"b\",\"nonce\":\"c\",\"maxAge\":300,"
		     "\"iss\":\"https://y\",\"idToken\":\"d\",\"more\":{\"e\":[1]}}}"),
		"{\"deploymentId\":\"d-1\",\"oauth\":{\"code\":\"***\",\"redirectUri\":"
		"\"https://x/\",\"codeVerifier\":\"***\",\"nonce\":\"***\",\"maxAge\":300,"
		"\"iss\":\"https://y\",\"idToken\":\"***\",\"more\":\"***\"}}");
	ck_assert_str_eq(json("{\"refreshToken\":\"a \\\" b\"}"), "{\"refreshToken\":\"***\"}");
	ck_assert_str_eq(json("{\"iss\":\"x-refresh-1234\"}"), "{\"iss\":\"x-***\"}");
	ck_assert_str_eq(json("{}"), "{}");
	end();
}
END_TEST

START_TEST(members_of_the_messenger_are_hidden_in_an_answer)
{
	begin("s3cret!");
	ck_assert_str_eq(
		body("{\"jwt\":\"a\",\"refreshToken\":\"b\",\"nonce\":\"c\",\"idToken\":\"d\","
		     "\"authCode\":\"e\",\"code\":\"bad.request\"}"),
		"{\"jwt\":\"***\",\"refreshToken\":\"***\",\"nonce\":\"***\",\"idToken\":\"***\","
		"\"authCode\":\"***\",\"code\":\"bad.request\"}");
	end();
}
END_TEST

START_TEST(members_that_are_named_like_secrets_are_hidden)
{
	begin("s3cret!");
	ck_assert_str_eq(
		body("{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
		     "\"refresh_token\" : \"b\" , \"id_token\":\"c\",\"scope\":\"x y\"}"),
		"{\"access_token\":\"***\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
		"\"refresh_token\" :\"***\" , \"id_token\":\"***\",\"scope\":\"x y\"}");
	/* However it is spelled, and whatever its value is. */
	ck_assert_str_eq(body("{\"\\u0061ccess_token\":\"a\",\"accessToken\":[\"b\",{\"c\":\"d\"}],"
			      "\"a\":{\"b\":[{\"ID_TOKEN\":12345}]},\"refresh_token\":null}"),
		"{\"\\u0061ccess_token\":\"***\",\"accessToken\":\"***\","
		"\"a\":{\"b\":[{\"ID_TOKEN\":\"***\"}]},\"refresh_token\":\"***\"}");
	ck_assert_str_eq(
		body("{\"access_token\\u0000x\":\"a\"}"), "{\"access_token\\u0000x\":\"***\"}");
	ck_assert_str_eq(body("{\"error\":\"invalid_token\",\"code\":\"bad.token\"}"),
		"{\"error\":\"invalid_token\",\"code\":\"bad.token\"}");
	end();
}
END_TEST

START_TEST(known_secrets_are_hidden_at_any_depth)
{
	static const char *const known[] = {"s3cret!", "s3cret%21", "s3cret%2", "PHNhbWw+assertion",
		"PHNhbWw%2Bassertion", "PHNhbWw%2bassertion", "refresh-1234", "code-5678",
		"verifier-9012", "eyJ.assertion.sig", "access-3456", "aWQ6czNjcmV0JTIx",
		"s\\u0033cret!", "\\u0072\\u0065fresh-1234",
		"Authorization: Basic aWQ6czNjcmV0JTIx"};
	char text[512], expected[512];

	begin("s3cret!");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const char *said = strcmp(known[i], "s3cret%2") != 0 ? "***" : known[i];

		snprintf(text, sizeof(text), "{\"a\":[1,{\"b\":\"%s\"}]}", known[i]);
		snprintf(expected, sizeof(expected), "{\"a\":[1,{\"b\":\"%s\"}]}", said);
		ck_assert_str_eq(body(text), expected);
		snprintf(text, sizeof(text), "{\"you said: %s, or not\":true}", known[i]);
		body(text);
		ck_assert(said == known[i] || strstr(shown, "***"));
	}
	ck_assert_str_eq(body("<p>s3cret! is wrong</p>"), "<p>*** is wrong</p>");
	ck_assert_str_eq(body("s3cret%21s3cret!refresh-1234"), "*********");
	end();
}
END_TEST

START_TEST(secret_with_every_odd_character_is_hidden)
{
	char quoted[128] = "", *out = quoted;
	struct form encoded = {0};
	char text[1024];

	for (const char *in = odd; *in; in++) {
		out = strchr("\"\\", *in) ? stpcpy(out, "\\") : out;
		*out++ = *in;
		*out = '\0';
	}
	form_add_encoded(&encoded, odd, strlen(odd));
	form_add_raw(&encoded, "", 1);
	begin(odd);
	snprintf(text, sizeof(text), "%s {\"a\":\"%s\",\"b\":\"%s\"} %s&x=%s", odd, quoted,
		encoded.text, quoted, encoded.text);
	body(text);
	ck_assert_ptr_null(strstr(shown, "Zq"));
	ck_assert_ptr_null(strstr(shown, "end"));
	snprintf(text, sizeof(text), "X-Note: %s %s", odd, encoded.text);
	ck_assert_ptr_null(strstr(header(text), "Zq"));
	form_done(&encoded);
	end();
}
END_TEST

START_TEST(what_is_no_json_hides_named_values_too)
{
	begin("s3cret!");
	ck_assert_str_eq(body("{\"access_token\":\"never-closed"), "{\"access_token\":\"***\"");
	ck_assert_str_eq(
		body("{\"access_token\":\"x\"} trailing"), "{\"access_token\":\"***\"} trailing");
	ck_assert_str_eq(body("access_token=abc&token_type=bearer&refresh_token=def"),
		"access_token=***&token_type=bearer&refresh_token=***");
	ck_assert_str_eq(body("{'access_token': 'abc', 'scope': 'x'}"),
		"{'access_token': '***', 'scope': 'x'}");
	ck_assert_str_eq(body("<a><access_token>abc</access_token></a>"),
		"<a><access_token>***</access_token></a>");
	ck_assert_str_eq(
		body("{\"url\":\"https://x/cb?a=b&access_token=abc\"}"), "{\"url\":\"***\"}");
	ck_assert_str_eq(
		body("{\"inner\":\"{\\\"access_token\\\":\\\"abc\\\"}\"}"), "{\"inner\":\"***\"}");
	ck_assert_str_eq(body("<html>\n\tthe token is bad\x01\xff</html>"),
		"<html>\\x0a\\x09the token is bad\\x01\\xff</html>");
	ck_assert_str_eq(body(""), "");
	ck_assert_str_eq(body("\""), "\"");
	ck_assert_str_eq(body("\"\\"), "\"\\");
	end();
}
END_TEST

START_TEST(body_is_cut_and_a_cut_shows_no_piece_of_a_secret)
{
	char text[4096];

	begin("s3cret!");
	for (size_t n = REDACT_BODY_MAX - 20; n <= REDACT_BODY_MAX; n++) {
		memset(text, 'x', n);
		strcpy(text + n, "s3cret! and so on, which is more than there is room for");
		body(text);
		ck_assert_uint_le(strlen(shown), REDACT_BODY_MAX + strlen("…"));
		ck_assert_str_eq(shown + strlen(shown) - strlen("…"), "…");
		ck_assert_ptr_null(strstr(shown, "s3"));
	}
	end();
}
END_TEST

START_TEST(headers_hide_cookies_queries_and_secrets)
{
	begin("a#s3cret?b");
	ck_assert_str_eq(header("Location: a#s3cret?b/x"), "Location: ***/x");
	end();
	begin("s3cret!");
	ck_assert_str_eq(header("Content-Type: text/html"), "Content-Type: text/html");
	ck_assert_str_eq(header("Set-Cookie: a=b; path=/"), "Set-Cookie: ***");
	ck_assert_str_eq(header("X-Auth-Token:abc"), "X-Auth-Token: ***");
	ck_assert_str_eq(header("Location: https://x/cb?code=abc#d"), "Location: https://x/cb?***");
	ck_assert_str_eq(header("location: /s3cret!/"), "location: /***/");
	ck_assert_str_eq(
		header("WWW-Authenticate: Basic realm=\"s3cret!\", error=\"invalid_token\""),
		"WWW-Authenticate: Basic realm=\"***\", error=\"invalid_token\"");
	ck_assert_str_eq(header("X-Note: token=abc"), "X-Note: token=***");
	ck_assert_str_eq(header(" folded cookie"), "***");
	ck_assert_str_eq(header("no colon"), "***");
	ck_assert_str_eq(header(": nameless"), "***");
	ck_assert_str_eq(header("Empty:"), "Empty:");
	end();
}
END_TEST

UNIT_MAIN("redact", form_shows_what_is_harmless_alone,
	json_of_a_request_shows_what_is_harmless_alone,
	members_of_the_messenger_are_hidden_in_an_answer,
	members_that_are_named_like_secrets_are_hidden, known_secrets_are_hidden_at_any_depth,
	secret_with_every_odd_character_is_hidden, what_is_no_json_hides_named_values_too,
	body_is_cut_and_a_cut_shows_no_piece_of_a_secret, headers_hide_cookies_queries_and_secrets)
