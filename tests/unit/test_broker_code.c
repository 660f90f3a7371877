#include "core/broker.h"

#include <string.h>

#include "core/code.h"
#include "core/device.h"
#include "core/profile.h"
#include "core/schedule.h"
#include "core/secret.h"
#include "fixture.h"
#include "sign_ins.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS   INT64_C(3600000)
#define SECOND_MS INT64_C(1000)

static struct settings *settings_of(const char *grant)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find(grant);
	return settings;
}

static struct profile *profile_of(const char *grant)
{
	struct settings *settings = settings_of(grant);

	world_configure(&settings, 1);
	return broker_find(world.broker, "p");
}

/* With the token t1 and the refresh token r1. */
static struct profile *signed_in(void)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(&caller, profile, "code");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	return profile;
}

/* A code that waits for the gap between two attempts. */
static struct profile *bring_a_code(struct caller *caller)
{
	struct profile *profile;

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(caller, profile, "wrong");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	world_run_until(SECOND_MS / 10);
	caller_sign_in(caller, profile, "code");
	ck_assert_uint_eq(world.n_in_flight, 0);
	ck_assert(caller->waits);
	return profile;
}

START_TEST(who_asks_behind_a_sign_in_gets_its_token)
{
	struct caller sign_in, caller;
	struct profile *profile = bring_a_code(&sign_in);

	ck_assert_int_eq(profile_state(profile), PROFILE_FETCHING);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	world_run_until(SECOND_MS);
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(sign_in.token, "t1");
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(who_asks_behind_a_sign_in_that_fails_is_told_and_has_nothing_sent)
{
	struct caller sign_in, caller;
	struct profile *profile = bring_a_code(&sign_in);

	caller_get(&caller, profile, 0, NULL);
	world_run_until(SECOND_MS);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_int_eq(sign_in.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	world_run_until(HOUR_MS);
	ck_assert_uint_eq(world.started, 2);
	ck_assert_uint_eq(world.n_heard_of[EVENT_LOGIN_REQUIRED], 1);
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(who_asks_behind_a_sign_in_that_fails_does_not_shorten_the_back_off)
{
	struct profile *profile = signed_in();
	struct caller sign_in, caller;
	int64_t due_ms;

	world_run_until(2 * HOUR_MS - 1);
	for (int i = 0; i < 8; i++) {
		if (world.n_in_flight > 0) {
			world_fail(world_attempt(), GRANT_TEMPORARY, 0);
		}
		world_run_until(profile->due_ms);
	}
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	due_ms = profile->due_ms;
	ck_assert_int_gt(due_ms, world.now_ms + 10 * SECOND_MS);
	world_run_until(world.now_ms + 2 * SECOND_MS);
	caller_sign_in(&sign_in, profile, "wrong");
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_int_eq(caller.outcome, OUTCOME_UNAVAILABLE);
	ck_assert_int_eq(profile->due_ms, due_ms);
	world_end();
}
END_TEST

START_TEST(a_code_that_cannot_be_sent_is_told_once)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	world.unprepared = "the secret is gone";
	caller_sign_in(&caller, profile, "code");
	ck_assert_int_eq(caller.outcome, OUTCOME_REJECTED);
	ck_assert_str_eq(caller.text, "the secret is gone");
	ck_assert_ptr_null(profile->code);
	ck_assert_uint_eq(world.n_heard_of[EVENT_SIGN_IN_FAILED], 1);
	world_end();
}
END_TEST

START_TEST(a_code_that_its_provider_brought_and_that_cannot_be_sent_is_told_once)
{
	struct profile *profile;
	struct caller caller;

	for (int i = 0; i < 2; i++) {
		world_begin(0);
		profile = profile_of("authorization_code");
		broker_provider_ready(world.broker, profile, world.now_ms);
		world_settle();
		world.unprepared = "the secret is gone";
		if (i == 0) {
			caller_get(&caller, profile, 0, NULL);
			world_bring(ERRAND_CODE, "code");
		} else {
			caller_ask_sign_in(&caller, profile);
			world_bring(ERRAND_SIGN_IN, "code");
		}
		world_run_until(2 * SECOND_MS);
		ck_assert_int_eq(caller.outcome, OUTCOME_REJECTED);
		ck_assert_str_eq(caller.text, "the secret is gone");
		ck_assert_ptr_null(profile->code);
		ck_assert(!provider_is_busy(&profile->provider));
		world_end();
	}
}
END_TEST

START_TEST(a_refresh_that_is_asked_for_during_a_refused_exchange_comes_behind_it)
{
	struct profile *profile = signed_in();
	struct caller sign_in, caller;

	world_run_until(10 * SECOND_MS);
	caller_sign_in(&sign_in, profile, "wrong");
	caller_get(&caller, profile, 0, "t1");
	ck_assert(caller.waits);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert(caller.waits);
	world_run_until(12 * SECOND_MS);
	ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "r1");
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_str_eq(caller.token, "t2");
	world_end();
}
END_TEST

START_TEST(a_refresh_that_is_asked_for_during_a_poll_comes_behind_it)
{
	struct profile *profile;
	struct caller waits, caller;

	world_begin(0);
	profile = profile_of("device");
	sign_ins_elsewhere(&waits, profile);
	world_run_until(profile->device->poll_ms);
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	world_run_until(world.now_ms + SECOND_MS);
	sign_ins_elsewhere(&waits, profile);
	world_run_until(profile->device->poll_ms);
	caller_refresh(&caller, profile);
	ck_assert(caller.waits);
	world_poll_answer("authorization_pending");
	world_run_until(world.now_ms + SECOND_MS);
	ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "r1");
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_str_eq(caller.token, "t2");
	world_end();
}
END_TEST

START_TEST(a_session_that_ends_while_a_code_waits_is_told_when_that_is_refused_too)
{
	struct profile *profile = signed_in();
	struct caller refresh, sign_in, caller;

	world_run_until(profile->due_ms);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	world_run_until(profile->due_ms);
	caller_sign_in(&sign_in, profile, "wrong");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	world_run_until(world.now_ms + SECOND_MS);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_int_eq(sign_in.outcome, OUTCOME_LOGIN_REQUIRED);
	world_run_until(2 * HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	ck_assert_uint_eq(world.n_heard_of[EVENT_LOGIN_REQUIRED], 2);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	caller_refresh(&refresh, profile);
	ck_assert_int_eq(refresh.outcome, OUTCOME_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(a_reload_that_ends_a_sign_in_answers_those_who_wait_for_it)
{
	struct caller waits, sign_in;
	struct profile *profile;
	struct settings *settings;

	world_begin(0);
	profile = profile_of("device");
	sign_ins_elsewhere(&waits, profile);
	settings = settings_of("device");
	fixture_set(&settings->client_id, "another");
	world_configure(&settings, 1);
	ck_assert_int_eq(waits.outcome, OUTCOME_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(waits.text, "was changed while"));
	world_end();

	world_begin(0);
	profile = profile_of("authorization_code");
	caller_sign_in(&sign_in, profile, "code");
	ck_assert(sign_in.waits);
	settings = settings_of("authorization_code");
	fixture_set(&settings->client_id, "another");
	world_configure(&settings, 1);
	ck_assert_int_eq(sign_in.outcome, OUTCOME_UNAVAILABLE);
	ck_assert_uint_eq(sign_in.answers, 1);
	world_end();
}
END_TEST

UNIT_MAIN("broker_code", who_asks_behind_a_sign_in_gets_its_token,
	who_asks_behind_a_sign_in_that_fails_is_told_and_has_nothing_sent,
	who_asks_behind_a_sign_in_that_fails_does_not_shorten_the_back_off,
	a_code_that_cannot_be_sent_is_told_once,
	a_code_that_its_provider_brought_and_that_cannot_be_sent_is_told_once,
	a_refresh_that_is_asked_for_during_a_refused_exchange_comes_behind_it,
	a_refresh_that_is_asked_for_during_a_poll_comes_behind_it,
	a_session_that_ends_while_a_code_waits_is_told_when_that_is_refused_too,
	a_reload_that_ends_a_sign_in_answers_those_who_wait_for_it)
