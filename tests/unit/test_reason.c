#include "core/reason.h"

#include <stdio.h>
#include <string.h>

#include "core/due.h"
#include "core/host.h"
#include "core/profile.h"
#include "core/schedule.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

#define BEGIN_MS INT64_C(1000000)
#define HOUR_MS  (INT64_C(3600) * 1000)

static struct profile *profile;
static struct caller caller;

/* A profile of that grant; its first attempt is in flight, if there is one. */
static struct settings *begin(const char *grant)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find(grant);
	world_begin(BEGIN_MS);
	world_configure(&(struct settings *){settings}, 1);
	profile = broker_find(world.broker, "p");
	return profile->settings;
}

/* The broker would really do it then, and no sooner. */
static void check_is_true(int64_t at_ms)
{
	unsigned started = world.started;

	if (at_ms == PROFILE_NEVER) {
		world_run_until(world.now_ms + 24 * HOUR_MS);
		ck_assert_uint_eq(world.started, started);
		return;
	}
	world_run_until(at_ms - 1);
	ck_assert_uint_eq(world.started, started);
	world_run_until(at_ms);
	ck_assert_uint_eq(world.started, started + 1);
}

static void expect(int64_t at_ms, const char *words)
{
	char why[REASON_SIZE];

	ck_assert_int_eq(reason_next(profile, world.now_ms, why), at_ms);
	ck_assert_str_eq(why, words);
}

START_TEST(a_token_is_renewed_when_most_of_its_life_has_passed)
{
	begin("client_credentials");
	expect(PROFILE_NEVER, "an attempt is in flight");
	world_grant(world_attempt(), "one", HOUR_MS);
	expect(BEGIN_MS + HOUR_MS * 3 / 4, "75 % of the token's lifetime will have passed");
	check_is_true(BEGIN_MS + HOUR_MS * 3 / 4);
	world_end();
}
END_TEST

START_TEST(a_token_is_renewed_when_the_answer_said)
{
	struct grant_result result = {.verdict = GRANT_GRANTED, .status = 200};

	begin("client_credentials");
	result.token = token_new(secret_new("one", 3), BEGIN_MS, HOUR_MS);
	result.token->refresh_in_ms = 600000;
	broker_finish(world.broker, world_attempt(), &result, world.now_ms);
	world.n_in_flight = 0;
	expect(BEGIN_MS + 600000, "the answer's refresh_in");
	check_is_true(BEGIN_MS + 600000);
	world_end();
}
END_TEST

START_TEST(failures_in_a_row_are_counted)
{
	begin("client_credentials");
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	expect(BEGIN_MS + 1000, "back-off after 1 failure in a row");
	check_is_true(BEGIN_MS + 1000);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	expect(world.now_ms + 2000, "back-off after 2 failures in a row");
	check_is_true(world.now_ms + 2000);
	world_end();
}
END_TEST

START_TEST(retry_after_is_named_where_it_is_the_later_of_the_two)
{
	begin("client_credentials");
	world_fail(world_attempt(), GRANT_TEMPORARY, 30000);
	expect(BEGIN_MS + 30000, "the server said Retry-After");
	check_is_true(BEGIN_MS + 30000);
	world_fail(world_attempt(), GRANT_TEMPORARY, 1500);
	expect(world.now_ms + 2000, "back-off after 2 failures in a row");
	world_end();
}
END_TEST

START_TEST(a_lost_answer_is_asked_for_once_more_and_then_by_back_off)
{
	begin("pkce");
	caller_sign_in(&caller, profile, "code");
	world_grant_login(world_attempt(), "one", HOUR_MS, "r1");
	world_run_until(profile->due_ms);
	world_run_until(world.now_ms + 500);
	world_lose(world_attempt());
	expect(world.now_ms + SCHEDULE_ATTEMPT_GAP_MS - 500,
		"the answer was lost, and is asked for once more");
	check_is_true(world.now_ms + SCHEDULE_ATTEMPT_GAP_MS - 500);
	world_lose(world_attempt());
	expect(world.now_ms + 2000, "back-off after 2 failures in a row");
	world_end();
}
END_TEST

START_TEST(a_failure_after_a_token_is_what_counts)
{
	begin("client_credentials");
	world_grant(world_attempt(), "one", HOUR_MS);
	world_run_until(profile->due_ms);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	ck_assert_ptr_nonnull(profile->token);
	expect(world.now_ms + 1000, "back-off after 1 failure in a row");
	world_end();
}
END_TEST

START_TEST(a_permanent_refusal_is_tried_again_after_a_while)
{
	begin("client_credentials");
	world_fail(world_attempt(), GRANT_PERMANENT, 0);
	expect(BEGIN_MS + 300000, "a permanent refusal is tried again after 300 seconds");
	check_is_true(BEGIN_MS + 300000);
	world_end();
}
END_TEST

START_TEST(a_refused_login_is_never_tried_again_by_itself)
{
	begin("client_credentials");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	expect(PROFILE_NEVER, "never by itself: login required");
	check_is_true(PROFILE_NEVER);
	caller_refresh(&caller, profile);
	expect(PROFILE_NEVER, "an attempt is in flight");
	world_end();
}
END_TEST

START_TEST(who_has_to_sign_in_first_is_told_so)
{
	begin("pkce");
	expect(PROFILE_NEVER, "never by itself: login required");
	check_is_true(PROFILE_NEVER);
	caller_sign_in(&caller, profile, "code");
	expect(PROFILE_NEVER, "an attempt is in flight");
	world_grant_login(world_attempt(), "one", HOUR_MS, "r1");
	expect(world.now_ms + HOUR_MS * 3 / 4, "75 % of the token's lifetime will have passed");
	world_end();
}
END_TEST

START_TEST(a_token_without_a_refresh_token_is_not_renewed)
{
	begin("pkce");
	caller_sign_in(&caller, profile, "code");
	world_grant(world_attempt(), "one", HOUR_MS);
	expect(PROFILE_NEVER, "never by itself: login required");
	check_is_true(PROFILE_NEVER);
	world_end();
}
END_TEST

START_TEST(a_sign_in_waits_for_the_gap_after_an_attempt)
{
	begin("pkce");
	caller_sign_in(&caller, profile, "code");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	caller_sign_in(&caller, profile, "another");
	expect(BEGIN_MS + SCHEDULE_ATTEMPT_GAP_MS, "the code of a sign-in is exchanged");
	check_is_true(BEGIN_MS + SCHEDULE_ATTEMPT_GAP_MS);
	world_end();
}
END_TEST

START_TEST(a_planted_token_comes_from_elsewhere)
{
	begin("static");
	expect(PROFILE_NEVER, "never by itself: auth.setAccessToken brings the token");
	world_plant(profile, "one", HOUR_MS);
	expect(PROFILE_NEVER, "never by itself: auth.setAccessToken brings the token");
	check_is_true(PROFILE_NEVER);
	world_end();
}
END_TEST

START_TEST(without_refreshes_only_the_first_token_comes_by_itself)
{
	begin("client_credentials")->refresh_access_token = false;
	world_grant(world_attempt(), "one", HOUR_MS);
	expect(PROFILE_NEVER, "never by itself: refresh_access_token is off");
	check_is_true(PROFILE_NEVER);
	expect(PROFILE_NEVER, "never by itself: refresh_access_token is off");
	world_end();
}
END_TEST

START_TEST(a_refresh_on_demand_waits_for_the_gap_after_an_attempt)
{
	begin("client_credentials");
	world_grant(world_attempt(), "one", HOUR_MS);
	caller_refresh(&caller, profile);
	expect(BEGIN_MS + SCHEDULE_ATTEMPT_GAP_MS, "it was asked for");
	check_is_true(BEGIN_MS + SCHEDULE_ATTEMPT_GAP_MS);
	world_end();
}
END_TEST

START_TEST(attempts_take_turns_at_a_host)
{
	enum { N = DUE_HOST_ATTEMPTS_MAX + 1 };
	struct settings *settings[N];
	int64_t due_ms;

	world_begin(BEGIN_MS);
	for (int i = 0; i < N; i++) {
		settings[i] = fixture_settings((const char[]){(char)('a' + i), '\0'});
	}
	world_configure(settings, N);
	profile = broker_find(world.broker, (const char[]){'a' + N - 1, '\0'});
	due_ms = profile->due_ms;
	ck_assert_int_gt(due_ms, BEGIN_MS);
	expect(due_ms, "the first token is fetched");
	world_run_until(due_ms + 5);
	expect(due_ms, "its turn comes when one of the 8 attempts at login.example:443 has ended");
	world_grant(world.in_flight[0], "one", HOUR_MS);
	expect(PROFILE_NEVER, "an attempt is in flight");
	world_end();
}
END_TEST

UNIT_MAIN("reason", a_token_is_renewed_when_most_of_its_life_has_passed,
	a_token_is_renewed_when_the_answer_said, failures_in_a_row_are_counted,
	retry_after_is_named_where_it_is_the_later_of_the_two,
	a_lost_answer_is_asked_for_once_more_and_then_by_back_off,
	a_failure_after_a_token_is_what_counts, a_permanent_refusal_is_tried_again_after_a_while,
	a_refused_login_is_never_tried_again_by_itself, who_has_to_sign_in_first_is_told_so,
	a_token_without_a_refresh_token_is_not_renewed,
	a_sign_in_waits_for_the_gap_after_an_attempt, a_planted_token_comes_from_elsewhere,
	without_refreshes_only_the_first_token_comes_by_itself,
	a_refresh_on_demand_waits_for_the_gap_after_an_attempt, attempts_take_turns_at_a_host)
