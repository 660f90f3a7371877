#include "core/tell.h"

#include <stdlib.h>
#include <string.h>

#include "core/device.h"
#include "core/profile.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS (INT64_C(3600) * 1000)

static struct profile *profile_of(const char *grant)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find(grant);
	world_configure(&settings, 1);
	return broker_find(world.broker, "p");
}

/* The last event, and that so many were told so far. */
static const struct heard *expect(unsigned n, enum event_kind kind)
{
	const struct heard *heard;

	ck_assert_uint_eq(world.n_heard, n);
	heard = world_heard(0);
	ck_assert_int_eq((int)heard->kind, (int)kind);
	ck_assert_str_eq(heard->profile, "p");
	return heard;
}

START_TEST(each_token_is_told_once_with_its_generation)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("client_credentials");
	ck_assert_uint_eq(world.n_heard, 0);
	for (unsigned i = 1; i <= 5; i++) {
		world_grant(world_attempt(), "t", HOUR_MS);
		ck_assert_uint_eq(expect(i, EVENT_TOKEN_REFRESHED)->generation, i);
		ck_assert_int_eq((int)world_heard(0)->verdict, (int)GRANT_NONE);
		world_run_until(world.now_ms + HOUR_MS / 2);
		caller_refresh(&caller, profile);
	}
	world_end();
}
END_TEST

START_TEST(failure_is_told_with_what_the_server_said)
{
	struct grant_result result = {.status = 400};
	const struct heard *heard;

	world_begin(0);
	profile_of("client_credentials");
	grant_fail(&result, GRANT_PERMANENT, "it failed");
	strcpy(result.upstream_error, "invalid_client");
	strcpy(result.correlation_id, "c-1");
	world.n_in_flight--;
	broker_finish(world.broker, world.in_flight[0], &result, world.now_ms);
	heard = expect(1, EVENT_REFRESH_FAILED);
	ck_assert_int_eq((int)heard->verdict, (int)GRANT_PERMANENT);
	ck_assert_str_eq(heard->message, "it failed");
	ck_assert_str_eq(heard->upstream_error, "invalid_client");
	ck_assert_str_eq(heard->correlation_id, "c-1");
	world_end();
}
END_TEST

START_TEST(each_failed_attempt_is_told)
{
	world_begin(0);
	profile_of("client_credentials");
	for (unsigned i = 1; i <= 3; i++) {
		world_fail(world_attempt(), GRANT_TEMPORARY, 0);
		ck_assert_int_eq(
			(int)expect(i, EVENT_REFRESH_FAILED)->verdict, (int)GRANT_TEMPORARY);
		ck_assert_str_eq(world_heard(0)->upstream_error, "");
		world_run_until(world.now_ms + HOUR_MS / 60);
	}
	world_end();
}
END_TEST

START_TEST(need_of_a_login_is_told_as_that)
{
	world_begin(0);
	profile_of("authorization_code");
	ck_assert_int_eq((int)expect(1, EVENT_LOGIN_REQUIRED)->verdict, (int)GRANT_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(world_heard(0)->message, "needs a sign-in"));
	world_end();
}
END_TEST

START_TEST(sign_in_is_told_before_the_token_that_it_brings)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(&caller, profile, "code");
	world_grant_login(world_attempt(), "t", HOUR_MS, "r");
	ck_assert_uint_eq(expect(3, EVENT_TOKEN_REFRESHED)->generation, 1);
	ck_assert_int_eq((int)world_heard(1)->kind, (int)EVENT_SIGNED_IN);
	ck_assert_int_eq((int)world_heard(1)->verdict, (int)GRANT_NONE);
	world_end();
}
END_TEST

START_TEST(nothing_is_told_of_a_token_before_its_login_is_durable)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(&caller, profile, "code");
	world.disk_is_slow = true;
	world_grant_login(world_attempt(), "t", HOUR_MS, "r");
	expect(1, EVENT_LOGIN_REQUIRED);
	world_written();
	expect(3, EVENT_TOKEN_REFRESHED);
	world_end();
}
END_TEST

START_TEST(refused_code_is_told_and_nothing_of_the_profile)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(&caller, profile, "code");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_str_eq(expect(2, EVENT_SIGN_IN_FAILED)->message, "it failed");
	world_end();
}
END_TEST

START_TEST(sign_in_that_cannot_be_kept_is_told_as_both_and_its_token_once_it_is)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(&caller, profile, "code");
	world.disk_error = "the disk is full";
	world_grant_login(world_attempt(), "t", HOUR_MS, "r");
	ck_assert_str_eq(expect(3, EVENT_REFRESH_FAILED)->message, "the disk is full");
	ck_assert_int_eq((int)world_heard(1)->kind, (int)EVENT_SIGN_IN_FAILED);
	world.disk_error = NULL;
	world_run_until(world.now_ms + HOUR_MS / 60);
	expect(4, EVENT_TOKEN_REFRESHED);
	world_end();
}
END_TEST

START_TEST(planted_token_is_told_and_the_sign_in_that_it_overtakes)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(&caller, profile, "code");
	world_plant(profile, "planted", HOUR_MS);
	ck_assert_uint_eq(expect(2, EVENT_TOKEN_REFRESHED)->generation, 1);
	world_grant_login(world_attempt(), "late", HOUR_MS, "r");
	ck_assert_int_eq((int)expect(3, EVENT_SIGN_IN_FAILED)->verdict, (int)GRANT_TEMPORARY);
	ck_assert_uint_eq(world_heard(0)->generation, 1);
	world_end();
}
END_TEST

START_TEST(token_that_a_browser_brings_is_a_sign_in)
{
	struct profile *profile;

	world_begin(0);
	profile = profile_of("implicit");
	world.n_heard = 0; /* that nobody has signed in yet */
	broker_plant(world.broker, profile,
		token_new(secret_new("brought", 7), world.now_ms, HOUR_MS), true, world.now_ms);
	ck_assert_uint_eq(world.n_heard_of[EVENT_SIGNED_IN], 1);
	ck_assert_uint_eq(expect(2, EVENT_TOKEN_REFRESHED)->generation, 1);
	world_end();
}
END_TEST

START_TEST(error_that_a_browser_brings_is_told_and_nothing_of_the_profile)
{
	struct profile *profile;

	world_begin(0);
	profile = profile_of("implicit");
	world.n_heard = 0; /* that nobody has signed in yet */
	world_plant(profile, "mine", HOUR_MS);
	broker_refuse_sign_in(world.broker, profile, "She said no", "access_denied");
	ck_assert_int_eq((int)expect(2, EVENT_SIGN_IN_FAILED)->verdict, (int)GRANT_LOGIN_REQUIRED);
	ck_assert_str_eq(world_heard(0)->message, "She said no");
	ck_assert_str_eq(world_heard(0)->upstream_error, "access_denied");
	ck_assert_ptr_nonnull(profile->token);
	world_end();
}
END_TEST

/* A profile whose provider is asked for a code. */
static void ask_provider(void)
{
	struct profile *profile;

	world_begin(0);
	profile = profile_of("pkce");
	broker_provider_ready(world.broker, profile, world.now_ms);
	world_settle();
	world.n_heard = 0; /* that nobody had signed in is over */
}

START_TEST(code_that_the_provider_was_asked_for_is_no_sign_in)
{
	ask_provider();
	world_bring(ERRAND_CODE, "c");
	world_grant_login(world_attempt(), "t", HOUR_MS, "r");
	expect(1, EVENT_TOKEN_REFRESHED);
	world_end();
}
END_TEST

START_TEST(login_is_not_required_while_the_provider_has_something_left_to_do)
{
	ask_provider();
	world_bring(ERRAND_CODE, "c");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_ptr_nonnull(world.errands[ERRAND_REAUTHENTICATE]);
	ck_assert_int_eq((int)expect(1, EVENT_REFRESH_FAILED)->verdict, (int)GRANT_LOGIN_REQUIRED);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	world_bring(ERRAND_CODE, "c2");
	world_run_until(world.now_ms + 1000);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_str_eq(expect(3, EVENT_AUTH_ERROR)->message, "it failed");
	ck_assert_int_eq((int)world_heard(1)->kind, (int)EVENT_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(provider_where_nobody_has_signed_in_yet_is_told_as_need_of_a_login_alone)
{
	ask_provider();
	world_decline(ERRAND_CODE, "no", true);
	ck_assert_int_eq((int)expect(1, EVENT_LOGIN_REQUIRED)->verdict, (int)GRANT_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(provider_that_does_nothing_is_told_as_need_of_a_login_and_as_that)
{
	ask_provider();
	world_decline(ERRAND_CODE, "no", false);
	world_decline(ERRAND_REAUTHENTICATE, "no", false);
	ck_assert_int_eq((int)expect(2, EVENT_AUTH_ERROR)->verdict, (int)GRANT_LOGIN_REQUIRED);
	ck_assert_int_eq((int)world_heard(1)->kind, (int)EVENT_LOGIN_REQUIRED);
	ck_assert_str_eq(world_heard(0)->message, world_heard(1)->message);
	world_end();
}
END_TEST

START_TEST(refused_refresh_token_is_told_before_the_provider_is_asked)
{
	ask_provider();
	world_bring(ERRAND_CODE, "c");
	world_grant_login(world_attempt(), "t", HOUR_MS, "r");
	world_run_until(world.now_ms + HOUR_MS * 3 / 4);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]);
	ck_assert_str_eq(expect(2, EVENT_REFRESH_FAILED)->message, "it failed");
	world_bring(ERRAND_CODE, "c2");
	world_run_until(world.now_ms + 1000);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_uint_eq(expect(3, EVENT_TOKEN_REFRESHED)->generation, 2);
	world_end();
}
END_TEST

START_TEST(sign_in_that_a_reload_ends_is_told)
{
	struct settings *settings;
	struct caller caller;

	ask_provider();
	world_decline(ERRAND_CODE, "no", true);
	caller_ask_sign_in(&caller, broker_find(world.broker, "p"));
	ck_assert_ptr_nonnull(world.errands[ERRAND_SIGN_IN]);
	settings = fixture_settings("p");
	settings->grant = grant_find("pkce");
	free(settings->client_id);
	settings->client_id = strdup("another");
	world_configure(&settings, 1);
	ck_assert_ptr_nonnull(
		strstr(expect(2, EVENT_SIGN_IN_FAILED)->message, "changed while its sign-in was"));
	world_end();
}
END_TEST

/* A profile for which somebody is to sign in elsewhere, with codes that the server gave. */
static void give_codes(void)
{
	struct caller caller;

	world_begin(0);
	caller_get_user_code(&caller, profile_of("device"));
	world_give_codes("WDJB-MJHT", HOUR_MS, 4000);
	world.n_heard = 0; /* that nobody had signed in is over */
}

START_TEST(sign_in_elsewhere_is_told_at_its_end_alone)
{
	give_codes();
	for (int i = 0; i < 2; i++) {
		world_run_until(broker_find(world.broker, "p")->device->poll_ms);
		ck_assert_uint_eq(world.n_heard, 0);
		if (i == 0) {
			world_poll_answer("authorization_pending");
		}
	}
	world_grant_login(world_attempt(), "t", HOUR_MS, "r");
	expect(2, EVENT_TOKEN_REFRESHED);
	ck_assert_int_eq((int)world_heard(1)->kind, (int)EVENT_SIGNED_IN);
	world_end();
}
END_TEST

START_TEST(sign_in_elsewhere_that_a_reload_ends_is_told_once)
{
	for (int polls = 0; polls < 2; polls++) {
		struct settings *settings = fixture_settings("p");

		give_codes();
		if (polls > 0) {
			world_run_until(broker_find(world.broker, "p")->device->poll_ms);
			ck_assert_uint_eq(world.n_in_flight, 1);
		}
		settings->grant = grant_find("device");
		free(settings->client_id);
		settings->client_id = strdup("another");
		world_configure(&settings, 1);
		ck_assert_uint_eq(world.n_heard_of[EVENT_SIGN_IN_FAILED], 1);
		ck_assert_ptr_nonnull(strstr(world.heard[0].message, "changed while its sign-in"));
		world_end();
	}
}
END_TEST

START_TEST(logout_is_told_also_when_it_is_found_in_the_store)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	world_plant(profile, "planted", HOUR_MS);
	caller_log_out(&caller, profile);
	ck_assert_int_eq((int)expect(3, EVENT_LOGGED_OUT)->verdict, (int)GRANT_NONE);
	world_crash();
	world.n_heard = 0;
	profile_of("authorization_code");
	expect(1, EVENT_LOGGED_OUT);
	world_end();
}
END_TEST

START_TEST(nothing_is_told_of_a_profile_that_is_gone)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(&caller, profile, "code");
	world_configure(NULL, 0);
	world_grant_login(world_attempt(), "t", HOUR_MS, "r");
	expect(1, EVENT_LOGIN_REQUIRED);
	world_end();
}
END_TEST

UNIT_MAIN("tell", each_token_is_told_once_with_its_generation,
	failure_is_told_with_what_the_server_said, each_failed_attempt_is_told,
	need_of_a_login_is_told_as_that, sign_in_is_told_before_the_token_that_it_brings,
	nothing_is_told_of_a_token_before_its_login_is_durable,
	refused_code_is_told_and_nothing_of_the_profile,
	sign_in_that_cannot_be_kept_is_told_as_both_and_its_token_once_it_is,
	planted_token_is_told_and_the_sign_in_that_it_overtakes,
	token_that_a_browser_brings_is_a_sign_in,
	error_that_a_browser_brings_is_told_and_nothing_of_the_profile,
	code_that_the_provider_was_asked_for_is_no_sign_in,
	login_is_not_required_while_the_provider_has_something_left_to_do,
	provider_that_does_nothing_is_told_as_need_of_a_login_and_as_that,
	provider_where_nobody_has_signed_in_yet_is_told_as_need_of_a_login_alone,
	refused_refresh_token_is_told_before_the_provider_is_asked,
	sign_in_that_a_reload_ends_is_told, sign_in_elsewhere_is_told_at_its_end_alone,
	sign_in_elsewhere_that_a_reload_ends_is_told_once,
	logout_is_told_also_when_it_is_found_in_the_store,
	nothing_is_told_of_a_profile_that_is_gone)
