#include "core/flight.h"

#include <string.h>

#include "core/code.h"
#include "core/profile.h"
#include "core/schedule.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "sign_ins.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS    (INT64_C(3600) * 1000)
#define MINUTES_10 (INT64_C(600) * 1000)

static struct settings *settings_of(const char *name, const char *grant)
{
	struct settings *settings = fixture_settings(name);

	settings->grant = grant_find(grant);
	if (settings->grant->parts & GRANT_ASSERTION) {
		settings->secrets[SETTINGS_ASSERTION].value = secret_new("a", 1);
	}
	return settings;
}

/* A profile of that grant; where it takes a seed, this one. */
static struct profile *profile_of(const char *grant, const char *seed)
{
	struct settings *settings = settings_of("p", grant);

	if (seed) {
		settings->secrets[SETTINGS_REFRESH_TOKEN].value = secret_new(seed, strlen(seed));
	}
	world_configure(&settings, 1);
	return broker_find(world.broker, "p");
}

static const char *sent(const struct attempt *attempt)
{
	return attempt->refresh_token ? secret_reveal(attempt->refresh_token) : "";
}

static const char *kept(void)
{
	return world_record("p")->refresh_token;
}

/* A profile whose first refresh token has been exchanged for "t1" and another, "r1". */
static struct profile *signed_in(void)
{
	struct profile *profile = profile_of("refresh_token", "seed");

	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	return profile;
}

START_TEST(a_new_refresh_token_is_durable_before_anybody_gets_the_token_that_came_with_it)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	world.disk_is_slow = true;
	profile = profile_of("refresh_token", "seed");
	ck_assert_uint_eq(world.n_in_flight, 0); /* it is noted first */
	ck_assert_str_eq(kept(), "seed");
	ck_assert(world_record("p")->sending);
	world_written();
	ck_assert_str_eq(sent(world_attempt()), "seed");
	caller_get(&caller, profile, 0, NULL);
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(kept(), "r1");
	ck_assert(!world_record("p")->sending);
	ck_assert(caller.waits);
	ck_assert_ptr_null(profile->token);
	world_written();
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(the_newest_refresh_token_is_sent_and_an_answer_without_one_keeps_the_old_one)
{
	struct profile *profile;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "r1");
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_str_eq(kept(), "r1");
	ck_assert(!world_record("p")->sending);
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "r1");
	world_grant_login(world_attempt(), "t3", HOUR_MS, "r3");
	ck_assert_str_eq(kept(), "r3");
	ck_assert_uint_eq(profile->generation, 3);
	world_end();
}
END_TEST

START_TEST(a_refresh_token_that_came_with_an_unusable_answer_is_kept)
{
	struct grant_result result = {.status = 200, .refresh_token = secret_new("r2", 2)};
	struct profile *profile;
	struct attempt *attempt;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	attempt = world_attempt();
	world.n_in_flight = 0;
	grant_fail(&result, GRANT_TEMPORARY, "it has no access_token");
	broker_finish(world.broker, attempt, &result, world.now_ms);
	ck_assert_str_eq(kept(), "r2");
	ck_assert_int_eq(profile_state(profile), PROFILE_FAILING);
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "r2");
	world_end();
}
END_TEST

START_TEST(after_a_lost_answer_the_same_token_is_sent_once_more_at_once_and_then_by_back_off)
{
	struct profile *profile;
	int64_t first_ms, second_ms;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	first_ms = world.now_ms;
	world_lose(world_attempt());
	ck_assert(world_record("p")->sending);
	world_run_until(first_ms + SCHEDULE_ATTEMPT_GAP_MS);
	ck_assert_str_eq(sent(world_attempt()), "r1");
	second_ms = world.now_ms;
	world_lose(world_attempt());
	ck_assert_int_ge(profile->due_ms - second_ms, 2 * SCHEDULE_BACKOFF_FIRST_MS * 8 / 10);
	world_run_until(profile->due_ms);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(kept(), "r2");
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(a_crash_before_the_answer_sends_the_same_token_again)
{
	struct profile *profile;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "r1");
	world_crash();
	world.n_in_flight = 0;
	profile = profile_of("refresh_token", "seed");
	ck_assert_str_eq(sent(world_attempt()), "r1");
	ck_assert(profile->login.sending);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(kept(), "r2");
	world_end();
}
END_TEST

START_TEST(invalid_grant_ends_the_session_and_the_old_seed_is_never_used_again)
{
	struct profile *profile;
	struct caller caller;
	unsigned started;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	ck_assert_str_eq(kept(), "");
	started = world.started;
	world_run_until(world.now_ms + MINUTES_10);
	caller_get(&caller, profile, 0, NULL);
	world_crash();
	profile = profile_of("refresh_token", "seed");
	world_run_until(world.now_ms + MINUTES_10);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "put a new one in its place"));
	ck_assert_uint_eq(world.started, started);
	world_end();
}
END_TEST

START_TEST(a_changed_seed_wins_over_what_is_stored)
{
	struct profile *profile;

	world_begin(0);
	signed_in();
	world_crash();
	profile = profile_of("refresh_token", "another");
	ck_assert_str_eq(sent(world_attempt()), "another");
	ck_assert_str_eq(kept(), "another");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(a_seed_that_a_reload_changes_is_used_at_once)
{
	struct profile *profile;

	world_begin(0);
	profile = signed_in();
	world_run_until(5000);
	profile_of("refresh_token", "another");
	ck_assert_str_eq(sent(world_attempt()), "another");
	ck_assert_int_eq(profile_state(profile), PROFILE_REFRESHING);
	world_end();
}
END_TEST

START_TEST(new_credentials_in_the_file_are_found_when_somebody_asks)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("saml2_bearer", NULL);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	world_run_until(HOUR_MS);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_uint_eq(world.started, 1);
	world.renewed = true;
	caller_get(&caller, profile, 0, NULL); /* it was looked for less than a second ago */
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	world_run_until(world.now_ms + BROKER_LOOK_GAP_MS);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	world_grant(world_attempt(), "t", HOUR_MS);
	ck_assert_str_eq(caller.token, "t");
	world_end();
}
END_TEST

START_TEST(with_a_full_disk_the_old_token_is_served_and_nothing_is_sent)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = signed_in();
	world.disk_error = "the disk is full";
	world_run_until(profile->due_ms);
	ck_assert_uint_eq(world.n_in_flight, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_FAILING);
	ck_assert_str_eq(profile->last_error.message, "the disk is full");
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_run_until(profile->due_ms);
	ck_assert_uint_eq(world.started, 1);
	world.disk_error = NULL;
	world_run_until(profile->due_ms);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t2");
	world_end();
}
END_TEST

START_TEST(a_token_whose_refresh_token_cannot_be_stored_is_handed_out_once_it_is)
{
	struct profile *profile;
	struct caller first, second;

	world_begin(0);
	profile = profile_of("refresh_token", "seed");
	world.disk_error = "the disk is full";
	caller_get(&first, profile, 0, NULL);
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_int_eq(profile_state(profile), PROFILE_FAILING);
	ck_assert_ptr_null(profile->token);
	world_run_until(profile->due_ms);
	world.disk_error = NULL;
	caller_get(&second, profile, 0, NULL);
	world_run_until(world.now_ms + 10 * SCHEDULE_BACKOFF_FIRST_MS);
	ck_assert_str_eq(kept(), "r1");
	ck_assert_uint_eq(world.started, 1); /* no other request */
	ck_assert_str_eq(second.token[0] ? second.token : first.token, "t1");
	caller_get(&second, profile, 0, NULL);
	ck_assert_str_eq(second.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_profile_that_needs_a_sign_in_asks_nothing_and_says_so)
{
	static const char *const grants[] = {"authorization_code", "pkce", "static"};
	struct profile *profile;
	struct caller caller;

	for (size_t i = 0; i < 3; i++) {
		world_begin(0);
		profile = profile_of(grants[i], NULL);
		world_run_until(MINUTES_10);
		ck_assert_uint_eq(world.started, 0);
		ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
		caller_get(&caller, profile, 0, NULL);
		ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
		ck_assert_ptr_nonnull(strstr(caller.text, "gctoken"));
		world_end();
	}
}
END_TEST

START_TEST(a_sign_in_sends_its_code_and_goes_on_with_the_refresh_token)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code", NULL);
	caller_sign_in(&caller, profile, "code");
	ck_assert_str_eq(secret_reveal(world_attempt()->code->code), "code");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	ck_assert_str_eq(kept(), "r1");
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "r1");
	world_end();
}
END_TEST

START_TEST(without_a_refresh_token_the_token_is_served_to_its_margin_and_then_a_sign_in_is_needed)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("pkce", NULL);
	caller_sign_in(&caller, profile, "code");
	world_grant(world_attempt(), "t1", HOUR_MS);
	world_run_until(HOUR_MS - SCHEDULE_MARGIN_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	caller_get(&caller, profile, 3000, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_run_until(HOUR_MS);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

/* A messenger's deployment with the token t1 and the refresh token r1, whose refresh is in flight.
 */
static struct profile *refreshing_deployment(void)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("messenger", NULL);
	caller_sign_in(&caller, profile, "code");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "r1");
	return profile;
}

START_TEST(a_deployment_keeps_its_refresh_token_when_none_comes_with_the_new_jwt)
{
	struct profile *profile = refreshing_deployment();

	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_str_eq(kept(), "r1");
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(a_refused_refresh_clears_both_tokens_of_a_deployment)
{
	struct profile *profile = refreshing_deployment();
	struct caller caller, later;

	caller_get(&caller, profile, HOUR_MS, NULL);
	ck_assert(caller.waits);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_str_eq(kept(), "");
	ck_assert_ptr_null(profile->token);
	caller_get(&later, profile, 0, NULL);
	ck_assert_int_eq(later.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(a_refresh_that_fails_in_passing_clears_nothing_of_a_deployment)
{
	struct profile *profile = refreshing_deployment();
	struct caller caller;

	world_lose(world_attempt());
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "r1"); /* asked for once more */
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_str_eq(kept(), "r1");
	world_end();
}
END_TEST

START_TEST(a_refresh_without_a_refresh_token_clears_no_jwt)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("messenger", NULL);
	caller_sign_in(&caller, profile, "code");
	world_grant(world_attempt(), "t1", HOUR_MS);
	world_run_until(2000);
	caller_refresh(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_refused_code_touches_no_running_session)
{
	struct profile *profile;
	struct caller sign_in, caller;
	int64_t due_ms;

	world_begin(0);
	profile = profile_of("authorization_code", NULL);
	caller_sign_in(&sign_in, profile, "code");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	world_run_until(10000);
	due_ms = profile->due_ms;
	caller_sign_in(&sign_in, profile, "wrong");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_int_eq(sign_in.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_str_eq(sign_in.text, "it failed");
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	ck_assert_int_eq(profile->due_ms, due_ms);
	ck_assert_str_eq(kept(), "r1");
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_code_waits_for_the_refresh_in_flight_and_two_codes_do_not_race)
{
	struct profile *profile;
	struct caller first, second;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	profile->settings->grant = grant_find("authorization_code");
	caller_sign_in(&first, profile, "code");
	ck_assert_str_eq(sent(world_attempt()), "r1");
	caller_sign_in(&second, profile, "code2");
	ck_assert_int_eq(second.outcome, OUTCOME_RATE_LIMITED);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert(first.waits);
	world_run_until(world.now_ms + SCHEDULE_ATTEMPT_GAP_MS);
	ck_assert_ptr_nonnull(world_attempt()->code);
	world_grant_login(world_attempt(), "t3", HOUR_MS, "r3");
	ck_assert_str_eq(first.token, "t3");
	ck_assert_str_eq(kept(), "r3");
	world_end();
}
END_TEST

START_TEST(a_sign_in_whose_code_is_slow_times_out_and_its_result_is_kept)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("pkce", NULL);
	caller_sign_in(&caller, profile, "code");
	world_run_until(10000);
	ck_assert_int_eq(caller.outcome, OUTCOME_TIMEOUT);
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_planted_token_is_handed_out_on_any_grant_and_a_flight_before_it_is_not)
{
	struct profile *profile;
	struct caller caller, waiting;
	struct answer answer;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	caller_get(&waiting, profile, 0, "t1");
	answer = world_plant(profile, "mine", HOUR_MS);
	ck_assert_int_eq(answer.outcome, OUTCOME_TOKEN);
	ck_assert_str_eq(waiting.token, "mine");
	ck_assert_uint_eq(profile->generation, 2);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "mine");
	ck_assert_str_eq(kept(), "r2"); /* but what it brought is kept */
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "r2");
	world_end();
}
END_TEST

START_TEST(a_static_token_is_served_to_its_margin_and_a_rejected_one_needs_another)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("static", NULL);
	world_plant(profile, "mine", HOUR_MS);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "mine");
	caller_get(&caller, profile, 0, "mine");
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	world_run_until(HOUR_MS);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_uint_eq(world.started, 0);
	world_end();
}
END_TEST

START_TEST(with_persist_tokens_a_token_outlives_the_daemon_and_no_request_is_made)
{
	struct settings *settings = settings_of("p", "client_credentials");
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings->persist_tokens = true;
	world_configure(&settings, 1);
	world_grant(world_attempt(), "t1", HOUR_MS);
	world_run_until(HOUR_MS / 2);
	world_crash();
	settings = settings_of("p", "client_credentials");
	settings->persist_tokens = true;
	world_configure(&settings, 1);
	profile = broker_find(world.broker, "p");
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_uint_eq(world.started, 1);
	ck_assert_int_le(profile->due_ms, HOUR_MS * 80 / 100);
	world_run_until(profile->due_ms);
	ck_assert_uint_eq(world.started, 2);
	world_end();
}
END_TEST

START_TEST(a_token_that_is_planted_before_the_first_attempt_wins_over_the_stored_one)
{
	struct settings *settings;
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings = settings_of("p", "static");
	settings->persist_tokens = true;
	world_configure(&settings, 1);
	world_plant(broker_find(world.broker, "p"), "stored", HOUR_MS);
	world_crash();
	settings = settings_of("p", "static");
	settings->persist_tokens = true;
	ck_assert_int_eq(broker_configure(world.broker, &settings, 1, NULL, world.now_ms), 0);
	profile = broker_find(world.broker, "p");
	broker_plant(world.broker, profile,
		token_new(secret_new("planted", 7), world.now_ms, HOUR_MS), false, world.now_ms);
	ck_assert_str_eq(world_record("p")->token, "planted");
	world_run_until(world.now_ms + HOUR_MS / 2);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "planted");
	ck_assert_uint_eq(profile->generation, 1);
	world_end();
}
END_TEST

START_TEST(a_browser_that_was_sent_off_outlives_a_reload_unless_the_client_is_another)
{
	struct settings *settings;
	struct profile *profile;

	world_begin(0);
	profile = profile_of("pkce", NULL);
	sign_ins_browser(profile);
	profile = profile_of("pkce", NULL);
	ck_assert(sign_ins_browser_may_return(profile));
	settings = settings_of("p", "pkce");
	fixture_set(&settings->client_id, "another");
	world_configure(&settings, 1);
	profile = broker_find(world.broker, "p");
	ck_assert(!sign_ins_browser_may_return(profile));
	world_end();
}
END_TEST

START_TEST(without_persist_tokens_no_token_is_stored)
{
	world_begin(0);
	signed_in();
	ck_assert_str_eq(world_record("p")->token, "");
	world_end();
}
END_TEST

START_TEST(a_reload_to_another_scope_keeps_the_session_but_not_the_token_of_the_flight)
{
	struct settings *settings;
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	settings = settings_of("p", "refresh_token");
	fixture_set(&settings->scope, "other");
	world_configure(&settings, 1);
	ck_assert_ptr_null(profile->token);
	caller_get(&caller, profile, 0, NULL);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert(caller.waits);
	ck_assert_ptr_null(profile->token);
	ck_assert_str_eq(kept(), "r2");
	world_run_until(world.now_ms + SCHEDULE_ATTEMPT_GAP_MS);
	ck_assert_str_eq(sent(world_attempt()), "r2");
	world_grant_login(world_attempt(), "t3", HOUR_MS, "r3");
	ck_assert_str_eq(caller.token, "t3");
	world_end();
}
END_TEST

START_TEST(the_refresh_token_of_a_profile_that_goes_in_mid_flight_is_kept)
{
	struct profile *profile;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	world_configure(NULL, 0);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(kept(), "r2");
	ck_assert_str_eq(world_record("p")->seed, "#seed");
	world_run_until(world.now_ms + 5000);
	profile_of("refresh_token", "seed");
	ck_assert_str_eq(sent(world_attempt()), "r2");
	world_end();
}
END_TEST

START_TEST(what_could_not_be_stored_of_a_profile_that_went_is_tried_once_more)
{
	struct profile *profile;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	world.disk_is_slow = true;
	world.disk_error = "the disk is full";
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	world.disk_error = NULL;
	world_configure(NULL, 0);
	world_written();
	ck_assert_str_eq(kept(), "r2");
	world_end();
}
END_TEST

START_TEST(a_profile_that_goes_and_comes_back_in_mid_flight_does_not_send_its_token_twice)
{
	struct profile *profile;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	world_configure(NULL, 0);
	profile = profile_of("refresh_token", "seed");
	world_run_until(world.now_ms + 5000);
	ck_assert_uint_eq(world.n_in_flight, 1);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	world_run_until(world.now_ms + 5000);
	ck_assert_str_eq(sent(world_attempt()), "r2");
	world_grant_login(world_attempt(), "t3", HOUR_MS, "r3");
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(another_login_server_has_a_session_of_its_own)
{
	struct settings *settings;
	struct profile *profile;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	settings = settings_of("p", "refresh_token");
	fixture_set(&settings->token_url, "https://other.example/oauth/token");
	settings->secrets[SETTINGS_REFRESH_TOKEN].value = secret_new("seed", 4);
	world_configure(&settings, 1);
	world_run_until(world.now_ms + 2 * SCHEDULE_ATTEMPT_GAP_MS);
	ck_assert_uint_eq(world.n_in_flight, 2);
	ck_assert_str_eq(sent(world.in_flight[1]), "seed");
	world_grant_login(world.in_flight[0], "t2", HOUR_MS, "r2"); /* that of the old one */
	ck_assert_str_eq(kept(), "seed");
	world_end();
}
END_TEST

START_TEST(at_shutdown_a_flight_with_a_refresh_token_goes_on_until_it_is_durable)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	caller_refresh(&caller, profile);
	broker_shutdown(world.broker);
	ck_assert_int_eq(caller.outcome, OUTCOME_SHUTTING_DOWN);
	ck_assert(broker_is_busy(world.broker));
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(kept(), "r2");
	ck_assert(!broker_is_busy(world.broker));
	world_end();
}
END_TEST

START_TEST(what_cannot_be_read_back_stops_those_with_a_login_alone)
{
	struct settings *settings = settings_of("p", "client_credentials");
	struct profile *profile;

	world_begin(0);
	world.load_error = "the disk is broken";
	settings->persist_tokens = true;
	world_configure(&settings, 1);
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_uint_eq(world_record("p")->writes, 0); /* what is there may be worth more */
	world_crash();
	profile = profile_of("refresh_token", "seed");
	ck_assert_uint_eq(world.n_in_flight, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_REJECTED);
	ck_assert_str_eq(profile->last_error.message, "the disk is broken");
	world.load_error = NULL;
	world_run_until(profile->due_ms);
	ck_assert_str_eq(sent(world_attempt()), "seed");
	world_end();
}
END_TEST

START_TEST(a_token_of_before_a_planted_one_is_not_handed_out_once_its_login_is_durable)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = signed_in();
	world_run_until(profile->due_ms);
	world.disk_error = "the disk is full";
	world_plant(profile, "mine", HOUR_MS);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	world.disk_error = NULL;
	world_run_until(world.now_ms + 60000);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "mine");
	world_run_until(profile->due_ms);
	ck_assert_str_eq(kept(), "r2");
	world_end();
}
END_TEST

START_TEST(a_sign_in_takes_the_place_of_a_login_that_could_not_be_stored)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code", NULL);
	caller_sign_in(&caller, profile, "code");
	world.disk_error = "the disk is full";
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_int_eq(caller.outcome, OUTCOME_UNAVAILABLE);
	world.disk_error = NULL;
	caller_sign_in(&caller, profile, "code2");
	world_run_until(world.now_ms + SCHEDULE_ATTEMPT_GAP_MS);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(caller.token, "t2");
	ck_assert_str_eq(kept(), "r2");
	ck_assert(!profile->unsaved);
	world_end();
}
END_TEST

START_TEST(a_code_whose_login_could_not_be_stored_needs_no_other_once_it_is)
{
	struct profile *profile;
	struct caller sign_in, caller;

	world_begin(0);
	profile = profile_of("authorization_code", NULL);
	caller_sign_in(&sign_in, profile, "code");
	world.disk_error = "the disk is full";
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_int_eq(sign_in.outcome, OUTCOME_UNAVAILABLE);
	ck_assert_str_eq(sign_in.text, "the disk is full");
	ck_assert_int_eq(profile_state(profile), PROFILE_FAILING);
	world.disk_error = NULL;
	world_run_until(profile->due_ms);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_str_eq(kept(), "r1");
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

START_TEST(a_token_planted_during_a_sign_in_stays_and_the_login_is_kept)
{
	struct profile *profile;
	struct caller sign_in;

	world_begin(0);
	profile = profile_of("authorization_code", NULL);
	caller_sign_in(&sign_in, profile, "code");
	world_plant(profile, "mine", HOUR_MS);
	ck_assert(sign_in.waits);
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(sign_in.token, "mine");
	ck_assert_str_eq(kept(), "r1");
	world_end();
}
END_TEST

/* How many requests ten minutes bring where each ends in the same way, however many ask. */
static unsigned requests_in_ten_minutes(
	const char *grant, const char *seed, enum grant_verdict verdict)
{
	struct profile *profile;
	struct caller caller;
	unsigned started;

	world_begin(0);
	profile = profile_of(grant, seed);
	for (int64_t at_ms = 0; at_ms < MINUTES_10; at_ms += 100) {
		world_run_until(at_ms);
		while (world.n_in_flight > 0) {
			world_fail(world_attempt(), verdict, 0);
		}
		caller_get(&caller, profile, 0, NULL);
		broker_forget(world.broker, &caller.waiter);
	}
	started = world.started;
	world_end();
	return started;
}

START_TEST(what_will_not_get_better_makes_a_bounded_number_of_requests)
{
	ck_assert_uint_le(requests_in_ten_minutes("client_credentials", NULL, GRANT_PERMANENT), 3);
	ck_assert_uint_le(requests_in_ten_minutes("refresh_token", "seed", GRANT_PERMANENT), 3);
	ck_assert_uint_eq(
		requests_in_ten_minutes("refresh_token", "seed", GRANT_LOGIN_REQUIRED), 1);
	ck_assert_uint_eq(requests_in_ten_minutes("saml2_bearer", NULL, GRANT_LOGIN_REQUIRED), 1);
}
END_TEST

UNIT_MAIN("flight", a_token_planted_during_a_sign_in_stays_and_the_login_is_kept,
	a_code_whose_login_could_not_be_stored_needs_no_other_once_it_is,
	what_cannot_be_read_back_stops_those_with_a_login_alone,
	a_token_of_before_a_planted_one_is_not_handed_out_once_its_login_is_durable,
	a_sign_in_takes_the_place_of_a_login_that_could_not_be_stored,
	a_seed_that_a_reload_changes_is_used_at_once,
	a_new_refresh_token_is_durable_before_anybody_gets_the_token_that_came_with_it,
	the_newest_refresh_token_is_sent_and_an_answer_without_one_keeps_the_old_one,
	a_refresh_token_that_came_with_an_unusable_answer_is_kept,
	after_a_lost_answer_the_same_token_is_sent_once_more_at_once_and_then_by_back_off,
	a_crash_before_the_answer_sends_the_same_token_again,
	invalid_grant_ends_the_session_and_the_old_seed_is_never_used_again,
	a_changed_seed_wins_over_what_is_stored,
	new_credentials_in_the_file_are_found_when_somebody_asks,
	with_a_full_disk_the_old_token_is_served_and_nothing_is_sent,
	a_token_whose_refresh_token_cannot_be_stored_is_handed_out_once_it_is,
	a_profile_that_needs_a_sign_in_asks_nothing_and_says_so,
	a_sign_in_sends_its_code_and_goes_on_with_the_refresh_token,
	without_a_refresh_token_the_token_is_served_to_its_margin_and_then_a_sign_in_is_needed,
	a_deployment_keeps_its_refresh_token_when_none_comes_with_the_new_jwt,
	a_refused_refresh_clears_both_tokens_of_a_deployment,
	a_refresh_that_fails_in_passing_clears_nothing_of_a_deployment,
	a_refresh_without_a_refresh_token_clears_no_jwt, a_refused_code_touches_no_running_session,
	a_code_waits_for_the_refresh_in_flight_and_two_codes_do_not_race,
	a_sign_in_whose_code_is_slow_times_out_and_its_result_is_kept,
	a_planted_token_is_handed_out_on_any_grant_and_a_flight_before_it_is_not,
	a_static_token_is_served_to_its_margin_and_a_rejected_one_needs_another,
	with_persist_tokens_a_token_outlives_the_daemon_and_no_request_is_made,
	a_token_that_is_planted_before_the_first_attempt_wins_over_the_stored_one,
	a_browser_that_was_sent_off_outlives_a_reload_unless_the_client_is_another,
	without_persist_tokens_no_token_is_stored,
	a_reload_to_another_scope_keeps_the_session_but_not_the_token_of_the_flight,
	the_refresh_token_of_a_profile_that_goes_in_mid_flight_is_kept,
	what_could_not_be_stored_of_a_profile_that_went_is_tried_once_more,
	a_profile_that_goes_and_comes_back_in_mid_flight_does_not_send_its_token_twice,
	another_login_server_has_a_session_of_its_own,
	at_shutdown_a_flight_with_a_refresh_token_goes_on_until_it_is_durable,
	what_will_not_get_better_makes_a_bounded_number_of_requests)
