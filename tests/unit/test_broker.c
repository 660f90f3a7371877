#include "core/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS (3600 * INT64_C(1000))

static struct profile *profile;
static struct caller callers[1000];

static const char *state(void)
{
	return profile_state_name(profile_state(profile));
}

/* A world with one profile that has a token of an hour called "one". */
static void begin_with_token(void)
{
	world_begin(1000000);
	profile = world_profile("p");
	world_grant(world_attempt(), "one", HOUR_MS);
}

/* The same without the token; its first attempt is in flight. */
static void begin_empty(void)
{
	world_begin(1000000);
	profile = world_profile("p");
}

START_TEST(a_profile_is_fetched_when_it_appears)
{
	begin_empty();
	ck_assert_uint_eq(world.started, 1);
	ck_assert_str_eq(state(), "fetching");
	world_grant(world_attempt(), "one", HOUR_MS);
	ck_assert_str_eq(state(), "fresh");
	ck_assert_uint_eq(profile->generation, 1);
	world_end();
}
END_TEST

START_TEST(a_thousand_callers_make_one_request_and_each_is_answered_once)
{
	begin_empty();
	for (int i = 0; i < 1000; i++) {
		caller_get(&callers[i], profile, 0, NULL);
		ck_assert(callers[i].waits);
	}
	ck_assert_uint_eq(profile->waiters.n, 1000);
	world_run_until(world.now_ms + 1000);
	ck_assert_uint_eq(world.started, 1);
	world_grant(world_attempt(), "one", HOUR_MS);
	for (int i = 0; i < 1000; i++) {
		ck_assert_uint_eq(callers[i].answers, 1);
		ck_assert_str_eq(callers[i].token, "one");
	}
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

START_TEST(a_valid_token_is_handed_out_at_once_to_its_margin)
{
	begin_with_token();
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_str_eq(callers[0].token, "one");
	world_run_until(1000000 + HOUR_MS - 10000);
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_str_eq(callers[0].token, "one");
	world_run_until(world.now_ms + 1);
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert(callers[0].waits);
	world_end();
}
END_TEST

START_TEST(a_token_is_renewed_at_three_quarters_of_its_life)
{
	begin_with_token();
	world_run_until(1000000 + HOUR_MS * 3 / 4 - 1);
	ck_assert_uint_eq(world.started, 1);
	world_run_until(world.now_ms + 1);
	ck_assert_uint_eq(world.started, 2);
	ck_assert_str_eq(state(), "refreshing");
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_str_eq(callers[0].token, "one");
	world_grant(world_attempt(), "two", HOUR_MS);
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_str_eq(callers[0].token, "two");
	world_end();
}
END_TEST

START_TEST(waiter_gets_refresh_timeout_at_its_deadline_and_the_late_token_is_kept)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	world_run_until(world.now_ms + 5000);
	caller_get(&callers[1], profile, 0, NULL);
	world_run_until(1000000 + 9999);
	ck_assert_uint_eq(callers[0].answers, 0);
	world_run_until(1000000 + 14000);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_TIMEOUT);
	ck_assert_int_eq(callers[0].answered_ms, 1000000 + 10000);
	ck_assert_uint_eq(callers[1].answers, 0);
	world_grant(world_attempt(), "late", HOUR_MS);
	ck_assert_str_eq(callers[1].token, "late");
	caller_get(&callers[2], profile, 0, NULL);
	ck_assert_str_eq(callers[2].token, "late");
	ck_assert_uint_eq(callers[0].answers, 1);
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

START_TEST(waiter_is_answered_once_when_the_fetch_ends_at_its_deadline)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	world.now_ms += 10000; /* the answer is handled before the timer in that turn */
	world_grant(world_attempt(), "one", HOUR_MS);
	world_run_until(world.now_ms + 1000);
	ck_assert_uint_eq(callers[0].answers, 1);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_TOKEN);
	world_end();
}
END_TEST

START_TEST(with_a_wait_of_0_nobody_waits_but_the_flight_starts)
{
	begin_with_token();
	profile->settings->wait_max_ms = 0;
	world_run_until(1000000 + HOUR_MS * 3 / 4);
	caller_get(&callers[0], profile, 2 * HOUR_MS, NULL);
	ck_assert_str_eq(callers[0].token,
		"one"); /* it is valid, and there is no waiting for a better one */
	world_run_until(1000000 + HOUR_MS);
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_TIMEOUT);
	ck_assert_uint_eq(world.n_in_flight, 1);
	world_end();
}
END_TEST

START_TEST(a_failed_refresh_keeps_the_token_and_follows_the_backoff)
{
	static const int64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};

	begin_with_token();
	world_run_until(1000000 + HOUR_MS * 3 / 4);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		world_fail(world_attempt(), GRANT_TEMPORARY, 0);
		ck_assert_str_eq(state(), "failing");
		caller_get(&callers[0], profile, 0, NULL);
		ck_assert_str_eq(callers[0].token, "one");
		world_run_until(world.now_ms + waits[i] - 1);
		ck_assert_uint_eq(world.n_in_flight, 0);
		world_run_until(world.now_ms + 1);
	}
	ck_assert_uint_eq(profile->failures, 8);
	world_grant(world_attempt(), "two", HOUR_MS);
	ck_assert_uint_eq(profile->failures, 0);
	ck_assert_ptr_null(profile->last_error.message);
	world_end();
}
END_TEST

START_TEST(retry_after_is_kept)
{
	begin_empty();
	world_fail(world_attempt(), GRANT_TEMPORARY, 45000);
	world_run_until(1000000 + 44999);
	ck_assert_uint_eq(world.started, 1);
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_UNAVAILABLE);
	ck_assert_int_eq(callers[0].retry_after_ms, 1);
	world_run_until(1000000 + 45000);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(a_waiter_stays_through_attempts_while_an_answer_can_still_come)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	ck_assert(callers[0].waits);
	caller_get(
		&callers[1], profile, 0, NULL); /* who comes during the back-off is told at once */
	ck_assert_int_eq(callers[1].outcome, OUTCOME_UNAVAILABLE);
	ck_assert_str_eq(callers[1].text, "it failed");
	world_run_until(world.now_ms + 1000);
	world_grant(world_attempt(), "one", HOUR_MS);
	ck_assert_str_eq(callers[0].token, "one");
	world_end();
}
END_TEST

START_TEST(a_waiter_is_told_at_once_when_no_answer_can_come_in_its_time)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	world_fail(world_attempt(), GRANT_TEMPORARY, 10000);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_UNAVAILABLE);
	ck_assert_int_eq(callers[0].answered_ms, 1000000);
	ck_assert_int_eq(callers[0].retry_after_ms, 10000);
	world_end();
}
END_TEST

START_TEST(a_permanent_verdict_answers_all_and_is_asked_again_after_300_seconds)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	world_fail(world_attempt(), GRANT_PERMANENT, 0);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_REJECTED);
	ck_assert_str_eq(state(), "rejected");
	caller_get(&callers[1], profile, 0, NULL);
	ck_assert_int_eq(callers[1].outcome, OUTCOME_REJECTED);
	caller_refresh(&callers[2], profile);
	ck_assert_int_eq(callers[2].outcome, OUTCOME_REJECTED);
	world_run_until(1000000 + 299999);
	ck_assert_uint_eq(world.started, 1);
	world_run_until(1000000 + 300000);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

static void refuse_for_good(struct attempt *attempt)
{
	world_fail(attempt, GRANT_PERMANENT, 0);
}

START_TEST(a_permanent_401_makes_three_requests_in_ten_minutes_however_many_ask)
{
	begin_empty();
	world.on_start = refuse_for_good;
	world_fail(world_attempt(), GRANT_PERMANENT, 0);
	while (world.now_ms < 1000000 + 600 * 1000) {
		caller_get(&callers[0], profile, 0, NULL);
		caller_get(&callers[1], profile, 999999, "x");
		caller_refresh(&callers[2], profile);
		world_run_until(world.now_ms + 100);
	}
	ck_assert_uint_eq(world.started, 3);
	world_end();
}
END_TEST

START_TEST(login_required_is_never_asked_again_by_itself_but_by_refresh)
{
	begin_empty();
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_str_eq(state(), "login_required");
	world_run_until(1000000 + 1000 * HOUR_MS);
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_uint_eq(world.started, 1);
	caller_refresh(&callers[1], profile);
	ck_assert_uint_eq(world.started, 2);
	world_grant(world_attempt(), "one", HOUR_MS);
	ck_assert_int_eq(callers[1].outcome, OUTCOME_TOKEN);
	world_end();
}
END_TEST

START_TEST(min_validity_waits_for_a_new_token_and_takes_the_first_of_its_flight)
{
	begin_with_token();
	world_run_until(1000000 + HOUR_MS / 2);
	caller_get(&callers[0], profile, HOUR_MS / 2, NULL);
	ck_assert_str_eq(callers[0].token, "one");
	caller_get(&callers[0], profile, HOUR_MS / 2 + 1, NULL);
	ck_assert(callers[0].waits);
	caller_get(&callers[1], profile, 0, NULL);
	ck_assert_str_eq(callers[1].token, "one");
	world_grant(world_attempt(), "two",
		20000); /* shorter than asked for: it is the answer all the same */
	ck_assert_str_eq(callers[0].token, "two");
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(more_validity_than_the_server_gives_does_not_hit_the_server_each_time)
{
	begin_with_token();
	for (int i = 0; i < 100; i++) {
		caller_get(&callers[0], profile, 1000 * HOUR_MS, NULL);
		ck_assert_str_eq(callers[0].token, "one");
		world_run_until(world.now_ms + 1000);
	}
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

START_TEST(min_validity_takes_the_current_token_when_the_flight_fails_or_is_in_backoff)
{
	begin_with_token();
	world_run_until(1000000 + HOUR_MS / 2);
	caller_get(&callers[0], profile, HOUR_MS, NULL);
	ck_assert(callers[0].waits);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	ck_assert_str_eq(callers[0].token, "one");
	caller_get(&callers[1], profile, HOUR_MS, NULL);
	ck_assert_str_eq(callers[1].token, "one");
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(a_rejected_token_starts_one_flight_and_only_those_who_reject_it_wait)
{
	begin_with_token();
	world_run_until(world.now_ms + 60000);
	for (int i = 0; i < 200; i++) {
		caller_get(&callers[i], profile, 0, "one");
		ck_assert(callers[i].waits);
	}
	caller_get(&callers[200], profile, 0, NULL);
	ck_assert_str_eq(callers[200].token, "one");
	caller_get(&callers[201], profile, 0, "something else");
	ck_assert_str_eq(callers[201].token, "one");
	ck_assert_uint_eq(world.started, 2);
	world_grant(world_attempt(), "two", HOUR_MS);
	for (int i = 0; i < 200; i++) {
		ck_assert_str_eq(callers[i].token, "two");
	}
	caller_get(&callers[202], profile, 0, "one"); /* it knows no better yet */
	ck_assert_str_eq(callers[202].token, "two");
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(a_second_rejection_within_ten_seconds_makes_no_request)
{
	begin_with_token();
	world_run_until(world.now_ms + 60000);
	caller_get(&callers[0], profile, 0, "one");
	world_grant(world_attempt(), "two", HOUR_MS);
	world_run_until(world.now_ms + 9999);
	caller_get(&callers[1], profile, 0, "two");
	ck_assert_int_eq(callers[1].outcome, OUTCOME_RATE_LIMITED);
	ck_assert_int_eq(callers[1].retry_after_ms, 1);
	ck_assert_uint_eq(world.started, 2);
	world_run_until(world.now_ms + 1);
	caller_get(&callers[1], profile, 0, "two");
	ck_assert(callers[1].waits);
	ck_assert_uint_eq(world.started, 3);
	world_end();
}
END_TEST

START_TEST(the_same_token_issued_again_is_the_answer_to_its_rejection)
{
	begin_with_token();
	world_run_until(world.now_ms + 60000);
	caller_get(&callers[0], profile, 0, "one");
	world_grant(world_attempt(), "one", HOUR_MS);
	ck_assert_str_eq(callers[0].token, "one");
	caller_get(&callers[1], profile, 0, "one");
	ck_assert_int_eq(callers[1].outcome, OUTCOME_RATE_LIMITED);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(who_rejects_a_token_is_never_given_it_back_when_the_flight_fails)
{
	begin_with_token();
	world_run_until(world.now_ms + 60000);
	caller_get(&callers[0], profile, 0, "one");
	world_fail(world_attempt(), GRANT_TEMPORARY, 60000);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_UNAVAILABLE);
	caller_get(&callers[1], profile, 0, NULL);
	ck_assert_str_eq(callers[1].token, "one");
	world_run_until(world.now_ms + 20000);
	caller_get(&callers[2], profile, 0, "one");
	ck_assert_int_eq(callers[2].outcome, OUTCOME_UNAVAILABLE);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(rejecting_a_token_while_it_is_being_renewed_joins_that_flight)
{
	begin_with_token();
	world_run_until(1000000 + HOUR_MS * 3 / 4);
	caller_get(&callers[0], profile, 0, "one");
	caller_get(&callers[1], profile, 0, "one");
	ck_assert(callers[0].waits && callers[1].waits);
	ck_assert_uint_eq(world.started, 2);
	world_grant(world_attempt(), "two", HOUR_MS);
	ck_assert_str_eq(callers[1].token, "two");
	world_end();
}
END_TEST

START_TEST(rejections_that_wait_for_the_gap_between_attempts_join_each_other)
{
	begin_with_token();
	caller_get(&callers[0], profile, 0, "one"); /* less than a second after the first attempt */
	caller_get(&callers[1], profile, 0, "one");
	ck_assert(callers[0].waits && callers[1].waits);
	ck_assert_uint_eq(world.started, 1);
	world_run_until(1000000 + 1000);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(refresh_joins_a_flight_and_makes_one_request_in_ten_seconds)
{
	begin_empty();
	caller_refresh(&callers[0], profile);
	world_grant(world_attempt(), "one", HOUR_MS);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_TOKEN);
	world_run_until(world.now_ms + 2000);
	caller_refresh(&callers[1], profile);
	ck_assert(callers[1].waits);
	world_grant(world_attempt(), "two", HOUR_MS);
	ck_assert_str_eq(callers[1].token, "two");
	caller_refresh(&callers[2], profile);
	ck_assert_int_eq(callers[2].outcome, OUTCOME_RATE_LIMITED);
	ck_assert_int_eq(callers[2].retry_after_ms, 10000);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(refresh_tells_a_failure_though_there_is_a_valid_token)
{
	begin_with_token();
	world_run_until(world.now_ms + 60000);
	caller_refresh(&callers[0], profile);
	world_fail(world_attempt(), GRANT_TEMPORARY, 20000);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_UNAVAILABLE);
	caller_refresh(&callers[1], profile);
	ck_assert_int_eq(callers[1].outcome, OUTCOME_UNAVAILABLE);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(a_token_that_comes_too_late_is_not_handed_out)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	world_run_until(world.now_ms + 9500);
	world_grant(world_attempt(), "stale", 10000); /* it has 0.5 s left, its margin is 1 s */
	ck_assert_int_eq(callers[0].outcome, OUTCOME_UNAVAILABLE);
	ck_assert_str_eq(state(), "failing");
	world_end();
}
END_TEST

static unsigned minted;

/* The n-th token, of 8 s. */
static void grant_eight_seconds(struct attempt *attempt)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", ++minted);
	world_grant(attempt, name, 8000);
}

START_TEST(with_tokens_of_eight_seconds_nobody_waits_for_a_day)
{
	begin_empty();
	minted = 0;
	world.on_start = grant_eight_seconds;
	grant_eight_seconds(world_attempt());
	while (world.now_ms < 1000000 + 24 * HOUR_MS) {
		world.random = world.random * 1664525 + 1013904223;
		world_run_until(world.now_ms + 997);
		caller_get(
			&callers[0], profile, 0, NULL); /* it checks the margin of what it gets */
		ck_assert_uint_eq(callers[0].answers, 1);
		ck_assert_int_eq(callers[0].outcome, OUTCOME_TOKEN);
		if (world.started > WORLD_ATTEMPTS_MAX - 10) {
			world.started = 0;
		}
	}
	ck_assert_uint_le(minted, 24 * 3600 / 5);
	ck_assert_uint_ge(minted, 24 * 3600 / 7);
	world_end();
}
END_TEST

START_TEST(no_profile_starts_two_attempts_within_a_second)
{
	begin_empty();
	for (int i = 0; i < 50; i++) {
		if (world.n_in_flight > 0) {
			world_grant(world_attempt(), i % 2 ? "a" : "b", 1000);
		}
		caller_get(&callers[i], profile, HOUR_MS, i % 3 ? NULL : "a");
		world_run_until(world.now_ms + 100);
	}
	for (unsigned i = 1; i < world.started; i++) {
		ck_assert_int_ge(world.started_ms[i] - world.started_ms[i - 1], 1000);
	}
	ck_assert_uint_ge(world.started, 4);
	world_end();
}
END_TEST

/* 300 profiles at one host. */
static void begin_with_many(void)
{
	static struct settings *settings[300];
	char name[16];

	world_begin(1000000);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "p%03d", i);
		settings[i] = fixture_settings(name);
	}
	world_configure(settings, 300);
}

/* Each attempt takes 200 ms; the one that started first ends first. */
static void serve_all(const char *token, unsigned until_started)
{
	while (world.n_in_flight > 0 || world.started < until_started) {
		world_run_until(world.now_ms + 200);
		for (unsigned i = world.n_in_flight; i > 0; i--) {
			world_grant(world.in_flight[i - 1], token, HOUR_MS);
		}
	}
}

START_TEST(three_hundred_profiles_start_eight_at_a_time_at_one_host_and_callers_go_first)
{
	struct profile *last;

	begin_with_many();
	world_run_until(world.now_ms + 100);
	ck_assert_uint_le(world.started, 7); /* they are spread over five seconds */
	last = broker_find(world.broker, "p299");
	caller_get(&callers[0], last, 0, NULL);
	ck_assert_ptr_nonnull(last->attempt); /* it does not wait for its turn */
	serve_all("t", 300);
	ck_assert_uint_eq(world.started, 300);
	ck_assert_uint_le(world.most_in_flight, 8);
	ck_assert_uint_eq(callers[0].answers, 1);
	world_end();
}
END_TEST

START_TEST(after_a_long_suspend_all_are_renewed_eight_at_a_time_callers_first)
{
	struct profile *wanted;

	begin_with_many();
	serve_all("t", 300);
	world.most_in_flight = 0;
	world.now_ms += 48 * HOUR_MS; /* asleep: nothing ticked */
	world_settle();
	ck_assert_uint_eq(world.n_in_flight, 8);
	wanted = broker_find(world.broker, "p250");
	caller_get(&callers[0], wanted, 0, NULL);
	ck_assert(callers[0].waits); /* and not given the dead token */
	world_grant(world.in_flight[0], "u", HOUR_MS);
	ck_assert_ptr_nonnull(wanted->attempt);
	serve_all("u", 600);
	ck_assert_uint_eq(world.started, 600);
	ck_assert_uint_eq(world.most_in_flight, 8);
	ck_assert_str_eq(callers[0].token, "u");
	world_end();
}
END_TEST

START_TEST(hosts_do_not_wait_for_each_other)
{
	struct settings *settings[20];
	char name[16];

	world_begin(1000000);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "p%02d", i);
		settings[i] = fixture_settings(name);
		if (i >= 10) {
			fixture_set(&settings[i]->token_host, "other.example:443");
		}
	}
	world_configure(settings, 20);
	world_run_until(world.now_ms + 1000);
	ck_assert_uint_eq(world.n_in_flight, 16);
	world_end();
}
END_TEST

/* Configures "p" again, with one thing changed. */
static void reconfigure(void (*change)(struct settings *settings))
{
	struct settings *settings = fixture_settings("p");

	if (change) {
		change(settings);
	}
	world_configure(&settings, 1);
}

static void change_secret(struct settings *settings)
{
	settings->secrets[SETTINGS_CLIENT_SECRET].value =
		(secret_free(settings->secrets[SETTINGS_CLIENT_SECRET].value),
			secret_new("new", 3));
}

static void change_scope(struct settings *settings)
{
	fixture_set(&settings->scope, "other");
}

static void stop_refreshing(struct settings *settings)
{
	settings->refresh_access_token = false;
}

START_TEST(a_reload_of_the_same_identity_keeps_token_and_flight)
{
	begin_with_token();
	reconfigure(change_secret);
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_str_eq(callers[0].token, "one");
	world_run_until(1000000 + HOUR_MS * 3 / 4);
	reconfigure(change_secret);
	ck_assert_uint_eq(world.cancelled, 0);
	world_grant(world_attempt(), "two", HOUR_MS);
	ck_assert_uint_eq(profile->generation, 2);
	world_end();
}
END_TEST

START_TEST(a_profile_keeps_its_number_and_no_other_gets_it)
{
	struct settings *both[] = {fixture_settings("o"), fixture_settings("p")};
	unsigned number;

	begin_with_token();
	number = profile->number;
	ck_assert_uint_gt(number, 0);
	world_configure(both, 2);
	ck_assert_uint_eq(world_profile("p")->number, number);
	ck_assert_uint_ne(world_profile("o")->number, number);
	world_configure(NULL, 0);
	reconfigure(NULL);
	ck_assert_uint_gt(world_profile("p")->number, number);
	world_end();
}
END_TEST

START_TEST(
	a_reload_that_changes_the_identity_drops_token_and_flight_and_its_waiters_get_the_new_one)
{
	begin_with_token();
	world_run_until(1000000 + HOUR_MS * 3 / 4);
	caller_get(&callers[0], profile, HOUR_MS, NULL);
	reconfigure(change_scope);
	ck_assert_uint_eq(world.cancelled, 1);
	ck_assert(callers[0].waits);
	caller_get(&callers[1], profile, 0, NULL);
	ck_assert(callers[1].waits);
	world_run_until(world.now_ms + 1000);
	world_grant(world_attempt(), "new", HOUR_MS);
	ck_assert_str_eq(callers[0].token, "new");
	ck_assert_str_eq(callers[1].token, "new");
	ck_assert_uint_eq(profile->generation, 2);
	world_end();
}
END_TEST

START_TEST(a_reload_with_other_credentials_ends_a_permanent_verdict)
{
	begin_empty();
	world_fail(world_attempt(), GRANT_PERMANENT, 0);
	world_run_until(world.now_ms + 5000);
	reconfigure(NULL);
	ck_assert_uint_eq(world.started, 1);
	ck_assert_str_eq(state(), "rejected");
	reconfigure(change_secret);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

static bool nobody(const struct waiter *waiter)
{
	return false;
}

START_TEST(at_a_reload_those_who_may_no_longer_wait_are_told)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	world.may_still = nobody;
	reconfigure(NULL);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_DENIED);
	ck_assert_uint_eq(world.n_in_flight, 1);
	world_end();
}
END_TEST

START_TEST(a_profile_that_is_removed_takes_its_flight_along_and_tells_its_waiters)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	world_configure(NULL, 0);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_DENIED);
	ck_assert_uint_eq(world.cancelled, 1);
	ck_assert_ptr_null(broker_find(world.broker, "p"));
	ck_assert_int_eq(broker_next(world.broker), INT64_MAX);
	world_end();
}
END_TEST

START_TEST(without_refresh_the_first_token_is_fetched_and_then_only_on_demand)
{
	world_begin(1000000);
	reconfigure(stop_refreshing);
	profile = broker_find(world.broker, "p");
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	world_run_until(world.now_ms + 1000); /* the first one is tried for */
	world_grant(world_attempt(), "one", HOUR_MS);
	caller_get(&callers[0], profile, HOUR_MS, NULL);
	ck_assert_str_eq(callers[0].token, "one");
	caller_get(&callers[0], profile, 0, "one");
	ck_assert_int_eq(callers[0].outcome, OUTCOME_LOGIN_REQUIRED);
	world_run_until(1000000 + 2 * HOUR_MS);
	ck_assert_str_eq(state(), "disabled");
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(callers[0].text, "refresh_access_token"));
	ck_assert_uint_eq(world.started, 2);
	caller_refresh(&callers[1], profile);
	caller_get(&callers[2], profile, 0, NULL); /* joins it */
	world_grant(world_attempt(), "two", HOUR_MS);
	ck_assert_str_eq(callers[1].token, "two");
	ck_assert_str_eq(callers[2].token, "two");
	world_end();
}
END_TEST

START_TEST(without_refresh_a_failed_demand_is_not_tried_again_by_itself)
{
	begin_with_token();
	reconfigure(stop_refreshing);
	world_run_until(1000000 + 2 * HOUR_MS);
	caller_refresh(&callers[0], profile);
	world_fail(world_attempt(), GRANT_TEMPORARY, 60000);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_UNAVAILABLE);
	world_run_until(world.now_ms + HOUR_MS);
	ck_assert_uint_eq(world.started, 2);
	caller_get(&callers[1], profile, 0, NULL);
	ck_assert_int_eq(callers[1].outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_int_eq(broker_next(world.broker), INT64_MAX);
	caller_refresh(&callers[2], profile);
	ck_assert_uint_eq(world.started, 3);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0); /* it can still be had in its time */
	world_run_until(world.now_ms + 2000);
	world_grant(world_attempt(), "two", HOUR_MS);
	ck_assert_str_eq(callers[2].token, "two");
	world_end();
}
END_TEST

START_TEST(switching_refresh_off_ends_the_backoff)
{
	begin_with_token();
	world_run_until(1000000 + HOUR_MS * 3 / 4);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	reconfigure(stop_refreshing);
	world_run_until(world.now_ms + 2 * HOUR_MS);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(switching_refresh_on_and_off_at_a_reload_holds_at_once)
{
	begin_with_token();
	reconfigure(stop_refreshing);
	world_run_until(1000000 + 2 * HOUR_MS);
	ck_assert_uint_eq(world.started, 1);
	reconfigure(NULL);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(a_forward_step_of_the_wall_clock_renews_what_has_expired_by_it)
{
	begin_with_token();
	world_run_until(world.now_ms + 60000);
	broker_wall_stepped(world.broker, 5000, world.now_ms);
	broker_wall_stepped(world.broker, -HOUR_MS, world.now_ms);
	broker_wall_stepped(world.broker, HOUR_MS / 2, world.now_ms);
	world_settle();
	ck_assert_uint_eq(world.started, 1);
	broker_wall_stepped(world.broker, HOUR_MS, world.now_ms);
	world_settle();
	ck_assert_uint_eq(world.started, 2);
	caller_get(&callers[0], profile, 0, NULL);
	ck_assert(callers[0].waits);
	world_end();
}
END_TEST

START_TEST(shutdown_answers_all_cancels_flights_and_starts_nothing_new)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	broker_shutdown(world.broker);
	ck_assert_int_eq(callers[0].outcome, OUTCOME_SHUTTING_DOWN);
	ck_assert_uint_eq(world.cancelled, 1);
	caller_get(&callers[1], profile, 0, NULL);
	ck_assert_int_eq(callers[1].outcome, OUTCOME_SHUTTING_DOWN);
	caller_refresh(&callers[2], profile);
	ck_assert_int_eq(callers[2].outcome, OUTCOME_SHUTTING_DOWN);
	world_run_until(world.now_ms + HOUR_MS);
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

START_TEST(who_has_gone_is_forgotten)
{
	begin_empty();
	caller_get(&callers[0], profile, 0, NULL);
	caller_get(&callers[1], profile, 0, NULL);
	broker_forget(world.broker, &callers[0].waiter);
	broker_forget(world.broker, &callers[0].waiter);
	world_grant(world_attempt(), "one", HOUR_MS);
	ck_assert_uint_eq(callers[0].answers, 0);
	ck_assert_uint_eq(callers[1].answers, 1);
	world_end();
}
END_TEST

START_TEST(an_idle_broker_wants_to_be_woken_for_its_next_refresh_alone)
{
	begin_with_token();
	ck_assert_int_eq(broker_next(world.broker), 1000000 + HOUR_MS * 3 / 4);
	world_end();
}
END_TEST

UNIT_MAIN("broker", a_profile_is_fetched_when_it_appears,
	a_thousand_callers_make_one_request_and_each_is_answered_once,
	a_valid_token_is_handed_out_at_once_to_its_margin,
	a_token_is_renewed_at_three_quarters_of_its_life,
	waiter_gets_refresh_timeout_at_its_deadline_and_the_late_token_is_kept,
	waiter_is_answered_once_when_the_fetch_ends_at_its_deadline,
	with_a_wait_of_0_nobody_waits_but_the_flight_starts,
	a_failed_refresh_keeps_the_token_and_follows_the_backoff, retry_after_is_kept,
	a_waiter_stays_through_attempts_while_an_answer_can_still_come,
	a_waiter_is_told_at_once_when_no_answer_can_come_in_its_time,
	a_permanent_verdict_answers_all_and_is_asked_again_after_300_seconds,
	a_permanent_401_makes_three_requests_in_ten_minutes_however_many_ask,
	login_required_is_never_asked_again_by_itself_but_by_refresh,
	min_validity_waits_for_a_new_token_and_takes_the_first_of_its_flight,
	more_validity_than_the_server_gives_does_not_hit_the_server_each_time,
	min_validity_takes_the_current_token_when_the_flight_fails_or_is_in_backoff,
	a_rejected_token_starts_one_flight_and_only_those_who_reject_it_wait,
	a_second_rejection_within_ten_seconds_makes_no_request,
	the_same_token_issued_again_is_the_answer_to_its_rejection,
	who_rejects_a_token_is_never_given_it_back_when_the_flight_fails,
	rejecting_a_token_while_it_is_being_renewed_joins_that_flight,
	rejections_that_wait_for_the_gap_between_attempts_join_each_other,
	refresh_joins_a_flight_and_makes_one_request_in_ten_seconds,
	refresh_tells_a_failure_though_there_is_a_valid_token,
	a_token_that_comes_too_late_is_not_handed_out,
	with_tokens_of_eight_seconds_nobody_waits_for_a_day,
	no_profile_starts_two_attempts_within_a_second,
	three_hundred_profiles_start_eight_at_a_time_at_one_host_and_callers_go_first,
	after_a_long_suspend_all_are_renewed_eight_at_a_time_callers_first,
	hosts_do_not_wait_for_each_other, a_reload_of_the_same_identity_keeps_token_and_flight,
	a_profile_keeps_its_number_and_no_other_gets_it,
	a_reload_that_changes_the_identity_drops_token_and_flight_and_its_waiters_get_the_new_one,
	a_reload_with_other_credentials_ends_a_permanent_verdict,
	at_a_reload_those_who_may_no_longer_wait_are_told,
	a_profile_that_is_removed_takes_its_flight_along_and_tells_its_waiters,
	without_refresh_the_first_token_is_fetched_and_then_only_on_demand,
	without_refresh_a_failed_demand_is_not_tried_again_by_itself,
	switching_refresh_off_ends_the_backoff,
	switching_refresh_on_and_off_at_a_reload_holds_at_once,
	a_forward_step_of_the_wall_clock_renews_what_has_expired_by_it,
	shutdown_answers_all_cancels_flights_and_starts_nothing_new, who_has_gone_is_forgotten,
	an_idle_broker_wants_to_be_woken_for_its_next_refresh_alone)
