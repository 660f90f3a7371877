#include "core/authorize.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "core/code.h"
#include "core/grant.h"
#include "core/secret.h"
#include "core/settings.h"
#include "fixture.h"

enum { ALICE = 1001, BOB = 1002, START_MS = 5000 };

#define BACK "https://app.example/back"

static struct settings *settings;
static struct authorize_list list;
static unsigned made;  /* random texts so far */
static bool exhausted; /* there are no more */

static struct secret *make_verifier(void)
{
	char text[32];

	return exhausted ? NULL : secret_new(text, (size_t)sprintf(text, "verifier-%u", ++made));
}

static int make_challenge(const struct secret *verifier, char ret[AUTHORIZE_RANDOM_SIZE])
{
	snprintf(ret, AUTHORIZE_RANDOM_SIZE, "hash-of-%s", secret_reveal(verifier));
	return 0;
}

static int make_state(char ret[AUTHORIZE_RANDOM_SIZE])
{
	snprintf(ret, AUTHORIZE_RANDOM_SIZE, "state-%u", ++made);
	return 0;
}

static const struct authorize_random random_texts = {make_verifier, make_challenge, make_state};

static void set_up(void)
{
	made = 0;
	exhausted = false;
	TAILQ_INIT(&list);
	settings = fixture_settings("default");
	fixture_set(&settings->redirect_uri, BACK);
	fixture_set(&settings->authorize_url, "https://login.example/oauth/authorize");
}

static void tear_down(void)
{
	authorize_end_all(&list);
	settings_unref(settings);
}

/* The URL of a request with that state; the caller's. */
static char *begin(uid_t uid, const char *state, int64_t now_ms)
{
	const struct authorize_wish wish = {.uid = uid, .state = state};
	const struct authorize *pending;
	char *url;

	ck_assert_int_eq(
		authorize_begin(&list, settings, &random_texts, &wish, now_ms, &pending, &url), 0);
	ck_assert_int_eq(pending->uid, uid);
	ck_assert_int_eq(pending->expires_ms, now_ms + 10 * 60 * 1000);
	return url;
}

static void begin_only(uid_t uid, const char *state, int64_t now_ms)
{
	free(begin(uid, state, now_ms));
}

static void expect_url(const char *state, const char *url)
{
	char *got = begin(ALICE, state, START_MS);

	ck_assert_str_eq(got, url);
	free(got);
}

/* ---- the URL */

START_TEST(url_holds_what_rfc_6749_and_rfc_7636_ask_for)
{
	expect_url("12345678",
		"https://login.example/oauth/authorize?client_id=id"
		"&redirect_uri=https%3A%2F%2Fapp.example%2Fback&response_type=code"
		"&code_challenge=hash-of-verifier-1&code_challenge_method=S256&state=12345678");
}
END_TEST

START_TEST(url_of_an_implicit_grant_asks_for_a_token)
{
	settings->grant = &grant_implicit;
	expect_url("12345678", "https://login.example/oauth/authorize?client_id=id"
			       "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&response_type=token&"
			       "state=12345678");
	ck_assert_str_eq(authorize_response_type(settings), "token");
}
END_TEST

START_TEST(url_holds_what_the_profile_says_beyond_that)
{
	fixture_set(&settings->client_id, "i d&");
	fixture_set(&settings->scope, "a b");
	fixture_set(&settings->org, "acme");
	fixture_set(&settings->provider, "okta");
	fixture_set(&settings->audience, "https://api.example");
	fixture_set(&settings->resource, "urn:x");
	expect_url("s&t=\"8\"+", "https://login.example/oauth/authorize?client_id=i+d%26"
				 "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&response_type=code"
				 "&code_challenge=hash-of-verifier-1&code_challenge_method=S256"
				 "&state=s%26t%3D%228%22%2B&scope=a+b&org=acme&provider=okta"
				 "&audience=https%3A%2F%2Fapi.example&resource=urn%3Ax");
}
END_TEST

START_TEST(url_goes_on_behind_a_query_that_is_there)
{
	fixture_set(&settings->authorize_url, "https://login.example/a?prompt=login");
	expect_url("12345678",
		"https://login.example/a?prompt=login&client_id=id"
		"&redirect_uri=https%3A%2F%2Fapp.example%2Fback&response_type=code"
		"&code_challenge=hash-of-verifier-1&code_challenge_method=S256&state=12345678");
}
END_TEST

START_TEST(redirect_uri_of_the_wish_goes_before_that_of_the_profile)
{
	const struct authorize_wish wish = {.uid = ALICE, .redirect_uri = "http://localhost:1/"};
	const struct authorize *pending;
	char *url;

	ck_assert_int_eq(
		authorize_begin(&list, settings, &random_texts, &wish, START_MS, &pending, &url),
		0);
	ck_assert_str_eq(pending->redirect_uri, "http://localhost:1/");
	ck_assert_str_eq(pending->state, "state-1");
	ck_assert(strstr(url, "&redirect_uri=http%3A%2F%2Flocalhost%3A1%2F&"));
	ck_assert(strstr(url, "&state=state-1"));
	free(url);
}
END_TEST

START_TEST(without_randomness_nothing_begins)
{
	const struct authorize_wish wish = {.uid = ALICE};
	const struct authorize *pending;
	char *url;

	exhausted = true;
	ck_assert_int_lt(
		authorize_begin(&list, settings, &random_texts, &wish, START_MS, &pending, &url),
		0);
	ck_assert(TAILQ_EMPTY(&list));
}
END_TEST

/* ---- coming back */

START_TEST(code_goes_out_with_the_verifier_and_redirect_uri_of_its_request)
{
	struct authorize *pending;
	struct code *code;

	begin_only(ALICE, "first-state", START_MS);
	begin_only(ALICE, "second-state", START_MS);
	pending = authorize_find(&list, ALICE, "second-state", START_MS);
	ck_assert_ptr_nonnull(pending);
	code = authorize_code(pending, "c0de");
	ck_assert_str_eq(secret_reveal(code->code), "c0de");
	ck_assert_str_eq(secret_reveal(code->verifier), "verifier-2");
	ck_assert_str_eq(code->redirect_uri, BACK);
	code_free(code);
}
END_TEST

START_TEST(state_is_good_once)
{
	begin_only(ALICE, "the-state", START_MS);
	begin_only(ALICE, "another-state", START_MS);
	authorize_end(&list, authorize_find(&list, ALICE, "the-state", START_MS));
	ck_assert_ptr_null(authorize_find(&list, ALICE, "the-state", START_MS));
	ck_assert_ptr_nonnull(authorize_find(&list, ALICE, "another-state", START_MS));
}
END_TEST

START_TEST(state_is_good_for_ten_minutes_and_not_a_millisecond_longer)
{
	begin_only(ALICE, "the-state", START_MS);
	begin_only(ALICE, "later-state", START_MS + 1);
	ck_assert_ptr_nonnull(authorize_find(&list, ALICE, "the-state", START_MS + 599999));
	ck_assert_ptr_null(authorize_find(&list, ALICE, "the-state", START_MS + 600000));
	ck_assert_ptr_nonnull(authorize_find(&list, ALICE, "later-state", START_MS + 600000));
}
END_TEST

START_TEST(state_of_another_uid_is_unknown_and_stays)
{
	begin_only(ALICE, "the-state", START_MS);
	ck_assert_ptr_null(authorize_find(&list, BOB, "the-state", START_MS));
	ck_assert_ptr_nonnull(authorize_find(&list, ALICE, "the-state", START_MS));
}
END_TEST

START_TEST(two_uids_may_choose_the_same_state)
{
	begin_only(ALICE, "the-state", START_MS);
	begin_only(BOB, "the-state", START_MS);
	authorize_end(&list, authorize_find(&list, BOB, "the-state", START_MS));
	ck_assert_ptr_nonnull(authorize_find(&list, ALICE, "the-state", START_MS));
}
END_TEST

static void begin_many(uid_t uid, const char *prefix, int from, int to)
{
	char state[32];

	for (int i = from; i < to; i++) {
		snprintf(state, sizeof(state), "%s-%d", prefix, i);
		begin_only(uid, state, START_MS);
	}
}

static int count_of(uid_t uid)
{
	const struct authorize *pending;
	int n = 0;

	TAILQ_FOREACH (pending, &list, link) {
		n += pending->uid == uid;
	}
	return n;
}

START_TEST(seventeenth_pushes_out_the_first_of_the_same_uid)
{
	begin_many(ALICE, "alice", 0, 16);
	ck_assert_ptr_nonnull(authorize_find(&list, ALICE, "alice-0", START_MS));
	begin_many(ALICE, "alice", 16, 17);
	ck_assert_ptr_null(authorize_find(&list, ALICE, "alice-0", START_MS));
	ck_assert_ptr_nonnull(authorize_find(&list, ALICE, "alice-1", START_MS));
	ck_assert_int_eq(count_of(ALICE), 16);
}
END_TEST

START_TEST(who_asks_without_end_pushes_out_nobody_else)
{
	begin_only(BOB, "bobs-state", START_MS);
	begin_many(ALICE, "alice", 0, 1000);
	ck_assert_ptr_nonnull(authorize_find(&list, BOB, "bobs-state", START_MS));
	ck_assert_int_eq(count_of(ALICE), 15);
}
END_TEST

START_TEST(who_comes_to_a_full_table_gets_a_place)
{
	begin_many(ALICE, "alice", 0, 16);
	begin_only(BOB, "bobs-state", START_MS);
	ck_assert_ptr_nonnull(authorize_find(&list, BOB, "bobs-state", START_MS));
	ck_assert_ptr_null(authorize_find(&list, ALICE, "alice-0", START_MS));
	ck_assert_int_eq(count_of(ALICE), 15);
}
END_TEST

START_TEST(those_that_have_passed_take_no_place)
{
	begin_many(ALICE, "alice", 0, 16);
	begin_only(BOB, "bobs-state", START_MS + 600000);
	ck_assert_int_eq(count_of(ALICE), 0);
	ck_assert_int_eq(count_of(BOB), 1);
}
END_TEST

/* ---- redirect URIs */

static const struct {
	const char *registered, *asked;
	bool taken;
} redirects[] = {
	{BACK, BACK, true},
	{BACK, BACK "/", false},
	{BACK, "https://app.example:8443/back", false},
	{BACK, "https://evil.example/back", false},
	{BACK, "", false},
	{"com.example.app:/back", "com.example.app:/back", true},
	{"com.example.app:/back", "com.example.app:/other", false},
	{"http://localhost", "http://localhost:8400", true},
	{"http://localhost/", "http://localhost:1/", true},
	{"http://localhost:8400/back", "http://localhost:65535/back", true},
	{"http://localhost:8400/back", "http://localhost/back", true},
	{"http://localhost:8400/back?x=1", "http://localhost:9/back?x=1", true},
	{"http://127.0.0.1:8400/", "http://127.0.0.1:9/", true},
	{"http://[::1]:8400/", "http://[::1]:9/", true},
	{"http://localhost:8400/back", "http://localhost:9/other", false},
	{"http://localhost", "http://localhost:9/", false},
	{"http://localhost:8400/", "http://127.0.0.1:9/", false},
	{"http://localhost:8400/", "https://localhost:9/", false},
	{"http://localhost:8400/", "http://localhost:0/", false},
	{"http://localhost:8400/", "http://localhost:65536/", false},
	{"http://localhost:8400/", "http://localhost:999999999999/", false},
	{"http://localhost:8400/", "http://localhost:/", false},
	{"http://localhost:8400/", "http://localhost:9@evil.example/", false},
	{"http://localhost:8400/", "http://localhost:9#/", false},
	{"http://localhost:8400/", "http://localhost.evil.example:9/", false},
	{"http://127.0.0.1:8400/", "http://127.0.0.1.evil.example:9/", false},
	{"http://127.evil.example:8400/", "http://127.evil.example:9/", false},
	{"http://[::1]:8400/", "http://[::1:9/", false},
};

START_TEST(code_comes_back_to_the_registered_place_or_to_another_port_of_loopback)
{
	fixture_set(&settings->redirect_uri, redirects[_i].registered);
	ck_assert_msg(
		authorize_takes_redirect(settings, redirects[_i].asked) == redirects[_i].taken,
		"%s and %s", redirects[_i].registered, redirects[_i].asked);
}
END_TEST

CASES_MAIN("authorize", set_up, tear_down, {url_holds_what_rfc_6749_and_rfc_7636_ask_for, 1},
	{url_of_an_implicit_grant_asks_for_a_token, 1},
	{url_holds_what_the_profile_says_beyond_that, 1},
	{url_goes_on_behind_a_query_that_is_there, 1},
	{redirect_uri_of_the_wish_goes_before_that_of_the_profile, 1},
	{without_randomness_nothing_begins, 1},
	{code_goes_out_with_the_verifier_and_redirect_uri_of_its_request, 1},
	{state_is_good_once, 1}, {state_is_good_for_ten_minutes_and_not_a_millisecond_longer, 1},
	{state_of_another_uid_is_unknown_and_stays, 1}, {two_uids_may_choose_the_same_state, 1},
	{seventeenth_pushes_out_the_first_of_the_same_uid, 1},
	{who_asks_without_end_pushes_out_nobody_else, 1},
	{who_comes_to_a_full_table_gets_a_place, 1}, {those_that_have_passed_take_no_place, 1},
	{code_comes_back_to_the_registered_place_or_to_another_port_of_loopback,
		sizeof(redirects) / sizeof(*redirects)})
