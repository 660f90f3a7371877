#include "core/past.h"

#include <stdlib.h>
#include <string.h>

#include "core/device.h"
#include "core/profile.h"
#include "core/schedule.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS (INT64_C(3600) * 1000)

enum { THEN_MS = 1000 * 1000, NOW_MS = THEN_MS + 10 * 1000 };

static struct profile *profile;
static struct past past;

/* A profile that has begun nothing, and a past of it with a token of the verdict GRANT_GRANTED, as
 * old as THEN_MS. */
static void begin_with(const char *grant)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find(grant);
	world_begin(NOW_MS);
	past = (struct past){.profile = profile_new(settings_ref(settings))};
	past.profile->generation = 7;
	past.profile->verdict = GRANT_GRANTED;
	past.profile->started_ms = THEN_MS;
	past.profile->due_ms = THEN_MS + HOUR_MS / 2;
	past.profile->token = token_new(secret_new("old", 3), THEN_MS, HOUR_MS);
	past.profile->token->refresh_ms = THEN_MS + HOUR_MS / 2;
	ck_assert_int_eq(broker_configure(world.broker, &settings, 1, NULL, NOW_MS), 0);
	profile = broker_find(world.broker, "p");
}

static void begin(void)
{
	begin_with("client_credentials");
}

static void drop_token(void)
{
	token_free(past.profile->token);
	past.profile->token = NULL;
}

static void go_on(void)
{
	broker_restore(world.broker, profile, &past, world.now_ms);
	past_done(&past);
	world_settle();
}

static void check_token(const char *expected)
{
	struct caller caller;

	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, expected);
}

START_TEST(a_token_is_handed_out_and_renewed_when_it_was_to_be)
{
	begin();
	go_on();
	check_token("old");
	ck_assert_uint_eq(profile->generation, 7);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_run_until(THEN_MS + HOUR_MS / 2 - 1);
	ck_assert_uint_eq(world.started, 0);
	world_run_until(THEN_MS + HOUR_MS / 2);
	ck_assert_uint_eq(world.started, 1);
	world_grant(world_attempt(), "new", HOUR_MS);
	ck_assert_uint_eq(profile->generation, 8);
	world_end();
}
END_TEST

START_TEST(a_token_below_its_margin_is_not_handed_out_and_its_number_is_not_used_again)
{
	begin();
	past.profile->token->lifetime_ms = NOW_MS - THEN_MS;
	past.profile->due_ms = THEN_MS;
	go_on();
	ck_assert_uint_eq(world.started, 1);
	world_grant(world_attempt(), "new", HOUR_MS);
	ck_assert_uint_eq(profile->generation, 8);
	world_end();
}
END_TEST

START_TEST(a_token_from_the_future_is_not_handed_out)
{
	begin();
	past.profile->token->sent_ms = NOW_MS + 1;
	go_on();
	ck_assert_ptr_null(profile->token);
	world_end();
}
END_TEST

START_TEST(a_refresh_that_was_cancelled_is_made_up_for_at_once)
{
	begin();
	past.profile->token->refresh_ms = THEN_MS;
	past.profile->due_ms = PROFILE_NEVER;
	go_on();
	ck_assert_uint_eq(world.started, 1);
	check_token("old");
	world_end();
}
END_TEST

START_TEST(a_first_attempt_that_was_cancelled_comes_as_if_it_had_not_been)
{
	begin();
	drop_token();
	past.profile->verdict = GRANT_NONE;
	past.profile->due_ms = PROFILE_NEVER;
	past.profile->generation = 0;
	go_on();
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

START_TEST(a_retry_that_was_cancelled_is_made_up_for_after_the_gap)
{
	begin();
	drop_token();
	past.profile->verdict = GRANT_TEMPORARY;
	past.profile->due_ms = PROFILE_NEVER;
	past.profile->started_ms = NOW_MS - 1;
	go_on();
	ck_assert_uint_eq(world.started, 0);
	world_run_until(NOW_MS - 1 + SCHEDULE_ATTEMPT_GAP_MS);
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

START_TEST(an_attempt_that_died_with_its_daemon_counts_as_a_failed_one)
{
	begin();
	past.in_flight = true;
	past.profile->failures = 3;
	past.profile->started_ms = NOW_MS;
	go_on();
	check_token("old"); /* a failed refresh never loses a valid token */
	ck_assert_uint_eq(profile->failures, 4);
	ck_assert_int_eq(profile_state(profile), PROFILE_FAILING);
	ck_assert_ptr_nonnull(strstr(profile->last_error.message, "login.example:443"));
	world_run_until(NOW_MS + schedule_retry(4, 0, world.random) - 1);
	ck_assert_uint_eq(world.started, 0);
	world_run_until(NOW_MS + schedule_retry(4, 0, world.random));
	ck_assert_uint_eq(world.started, 1);
	world_end();
}
END_TEST

START_TEST(the_back_off_goes_on_and_callers_are_told_the_last_error)
{
	struct caller caller;

	begin();
	drop_token();
	past.profile->verdict = GRANT_TEMPORARY;
	past.profile->failures = 5;
	past.profile->due_ms = NOW_MS + 30 * 1000;
	past.profile->last_error = (struct profile_error){
		.verdict = GRANT_TEMPORARY, .message = strdup("no luck")};
	go_on();
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_UNAVAILABLE);
	ck_assert_str_eq(caller.text, "no luck");
	world_run_until(NOW_MS + 30 * 1000 - 1);
	ck_assert_uint_eq(world.started, 0);
	world_run_until(NOW_MS + 30 * 1000);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	ck_assert_uint_eq(profile->failures, 6);
	world_end();
}
END_TEST

static void refused(enum grant_verdict verdict, bool new_credentials)
{
	begin();
	drop_token();
	past.profile->verdict = verdict;
	past.profile->due_ms = verdict == GRANT_PERMANENT ? NOW_MS + 200 * 1000 : PROFILE_NEVER;
	past.new_credentials = new_credentials;
	go_on();
	world_run_until(NOW_MS + 199 * 1000);
}

START_TEST(a_permanent_verdict_holds)
{
	refused(GRANT_PERMANENT, false);
	ck_assert_uint_eq(world.started, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_REJECTED);
	world_end();
}
END_TEST

START_TEST(a_login_is_required_as_before)
{
	refused(GRANT_LOGIN_REQUIRED, false);
	ck_assert_uint_eq(world.started, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(new_credentials_end_a_verdict)
{
	static const enum grant_verdict verdicts[] = {GRANT_PERMANENT, GRANT_LOGIN_REQUIRED};

	for (size_t i = 0; i < 2; i++) {
		refused(verdicts[i], true);
		ck_assert_uint_eq(world.started, 1);
		world_end();
	}
}
END_TEST

START_TEST(new_credentials_leave_a_token_alone)
{
	begin();
	past.new_credentials = true;
	go_on();
	ck_assert_uint_eq(world.started, 0);
	check_token("old");
	world_end();
}
END_TEST

START_TEST(a_new_seed_is_used_at_once)
{
	begin_with("refresh_token");
	profile->settings->secrets[SETTINGS_REFRESH_TOKEN].value = secret_new("seed2", 5);
	past.new_credentials = true;
	go_on();
	ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "seed2");
	check_token("old");
	world_end();
}
END_TEST

START_TEST(a_session_that_the_disk_has_goes_on)
{
	struct record *record;

	begin_with("refresh_token");
	record = world_record("p");
	strcpy(record->profile, "p");
	strcpy(record->token_url, profile->settings->token_url);
	strcpy(record->refresh_token, "r1");
	go_on();
	ck_assert_uint_eq(world.started, 0);
	world_run_until(THEN_MS + HOUR_MS / 2);
	ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "r1");
	world_end();
}
END_TEST

START_TEST(a_rejected_token_stays_marked_and_its_gap_holds)
{
	struct caller caller;

	begin();
	past.profile->token->rejected = true;
	past.profile->rejected_ms = NOW_MS - 1000;
	past.profile->asked_ms = NOW_MS - 1000;
	past.profile->started_ms = NOW_MS;
	go_on();
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "old");
	ck_assert_uint_eq(world.started, 0);
	world_run_until(NOW_MS + SCHEDULE_ATTEMPT_GAP_MS);
	world_grant(world_attempt(), "old", HOUR_MS); /* the next one does not help */
	caller_get(&caller, profile, 0, "old");
	ck_assert_int_eq(caller.outcome, OUTCOME_RATE_LIMITED);
	caller_refresh(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_RATE_LIMITED);
	world_end();
}
END_TEST

START_TEST(browsers_that_were_sent_off_may_come_back_until_they_are_late)
{
	struct authorize *pending = calloc(1, sizeof(*pending));

	begin();
	drop_token();
	past.profile->verdict = GRANT_NONE;
	*pending = (struct authorize){.uid = 7,
		.expires_ms = NOW_MS + 1000,
		.state = strdup("s"),
		.redirect_uri = strdup("u"),
		.verifier = secret_new("v", 1)};
	TAILQ_INSERT_TAIL(&past.profile->authorizations, pending, link);
	go_on();
	ck_assert_ptr_eq(authorize_find(&profile->authorizations, 7, "s", NOW_MS), pending);
	ck_assert_ptr_null(authorize_find(&profile->authorizations, 7, "s", NOW_MS + 1000));
	world_end();
}
END_TEST

static struct device *hand_over_device(int64_t poll_ms)
{
	struct device *device;

	begin_with("device");
	device = device_new(past.profile->settings, THEN_MS);
	past.profile->device = device;
	device->step = DEVICE_PENDING;
	device->codes.device_code = secret_new("d", 1);
	device->codes.user_code = strdup("U");
	device->interval_ms = 5000;
	device->poll_ms = poll_ms;
	device->expires_ms = NOW_MS + HOUR_MS;
	go_on();
	return device;
}

START_TEST(a_device_is_asked_about_when_it_was_to_be)
{
	struct device *device = hand_over_device(NOW_MS + 3000);

	ck_assert_ptr_eq(profile->device, device);
	ck_assert_ptr_eq(device->profile, profile);
	world_run_until(NOW_MS + 2999);
	ck_assert_uint_eq(world.n_in_flight, 0);
	world_run_until(NOW_MS + 3000);
	ck_assert_ptr_nonnull(world_attempt()->code);
	world_end();
}
END_TEST

START_TEST(a_device_that_may_just_have_been_asked_about_is_so_after_the_interval)
{
	struct device *device = hand_over_device(NOW_MS - 1);

	world_run_until(NOW_MS + 4999);
	ck_assert_uint_eq(world.n_in_flight, 0);
	world_run_until(NOW_MS + 5000);
	ck_assert_uint_eq(world.n_in_flight, 1);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	/* Nobody came back to wait for it. */
	world_run_until(NOW_MS + DEVICE_LEASE_MS);
	ck_assert_int_eq(device->step, DEVICE_ENDED);
	world_end();
}
END_TEST

START_TEST(refresh_access_token_holds_for_what_was_restored)
{
	begin();
	profile->settings->refresh_access_token = false;
	go_on();
	check_token("old");
	world_run_until(THEN_MS + 2 * HOUR_MS);
	ck_assert_uint_eq(world.started, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_DISABLED);
	world_end();
}
END_TEST

START_TEST(each_change_has_a_revision_of_its_own)
{
	struct settings *settings[2] = {fixture_settings("a"), fixture_settings("b")};
	struct profile *const *profiles;
	struct caller caller;
	uint64_t before;

	world_begin(0);
	world_configure(settings, 2);
	broker_profiles(world.broker, &profiles);
	ck_assert_uint_ne(profiles[0]->revision, profiles[1]->revision);
	world_run_until(1000);
	before = broker_revision(world.broker);
	world_grant(world.in_flight[0], "t", HOUR_MS);
	world_grant(world.in_flight[0], "t", HOUR_MS);
	ck_assert_uint_gt(broker_revision(world.broker), before);
	before = broker_revision(world.broker);
	caller_get(&caller, profiles[0], 0, NULL);
	ck_assert_uint_eq(broker_revision(world.broker), before);
	caller_get(&caller, profiles[0], 0, "t");
	ck_assert_uint_eq(profiles[0]->revision, broker_revision(world.broker));
	ck_assert_uint_lt(profiles[1]->revision, before + 1);
	world_end();
}
END_TEST

START_TEST(a_daemon_that_ends_still_hands_out_what_it_has)
{
	struct caller caller;

	begin();
	go_on();
	broker_shutdown(world.broker);
	check_token("old");
	caller_get(&caller, profile, 0, "old");
	ck_assert_int_eq(caller.outcome, OUTCOME_SHUTTING_DOWN);
	ck_assert(!profile->token->rejected);
	broker_free(world.broker);
}
END_TEST

START_TEST(a_token_that_comes_while_the_daemon_ends_is_for_the_next_one)
{
	begin_with("refresh_token");
	profile->settings->secrets[SETTINGS_REFRESH_TOKEN].value = secret_new("seed", 4);
	past.profile->due_ms = past.profile->token->refresh_ms = NOW_MS;
	go_on();
	broker_shutdown(world.broker);
	ck_assert(broker_is_busy(world.broker));
	world_grant_login(world_attempt(), "new", HOUR_MS, "r1");
	ck_assert(!broker_is_busy(world.broker));
	ck_assert_str_eq(secret_reveal(profile->token->value), "new");
	ck_assert_uint_eq(profile->generation, 8);
	broker_free(world.broker);
}
END_TEST

UNIT_MAIN("past", a_token_is_handed_out_and_renewed_when_it_was_to_be,
	a_token_below_its_margin_is_not_handed_out_and_its_number_is_not_used_again,
	a_token_from_the_future_is_not_handed_out,
	a_refresh_that_was_cancelled_is_made_up_for_at_once,
	a_first_attempt_that_was_cancelled_comes_as_if_it_had_not_been,
	a_retry_that_was_cancelled_is_made_up_for_after_the_gap,
	an_attempt_that_died_with_its_daemon_counts_as_a_failed_one,
	the_back_off_goes_on_and_callers_are_told_the_last_error, a_permanent_verdict_holds,
	a_login_is_required_as_before, new_credentials_end_a_verdict,
	new_credentials_leave_a_token_alone, a_new_seed_is_used_at_once,
	a_session_that_the_disk_has_goes_on, a_rejected_token_stays_marked_and_its_gap_holds,
	browsers_that_were_sent_off_may_come_back_until_they_are_late,
	a_device_is_asked_about_when_it_was_to_be,
	a_device_that_may_just_have_been_asked_about_is_so_after_the_interval,
	refresh_access_token_holds_for_what_was_restored, each_change_has_a_revision_of_its_own,
	a_daemon_that_ends_still_hands_out_what_it_has,
	a_token_that_comes_while_the_daemon_ends_is_for_the_next_one)
