#include <string.h>

#include "core/code.h"
#include "core/device.h"
#include "core/profile.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS   INT64_C(3600000)
#define LIFE_MS   INT64_C(600000)
#define SECOND_MS INT64_C(1000)

/* Two polls fit into what a caller waits. */
#define INTERVAL_MS (4 * SECOND_MS)

static struct settings *settings_of_device(void)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find("device");
	settings->client_auth = CLIENT_AUTH_NONE;
	return settings;
}

/* A profile that somebody has to sign in for. */
static struct profile *begin(void)
{
	struct settings *settings = settings_of_device();
	struct profile *profile;

	world_begin(0);
	world_configure(&settings, 1);
	profile = broker_find(world.broker, "p");
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	return profile;
}

/* With codes, and somebody who waits for the end. */
static void give_codes(struct profile *profile, struct caller *caller)
{
	struct caller asker;

	caller_get_user_code(&asker, profile);
	ck_assert(asker.waits);
	world_give_codes("WDJB-MJHT", LIFE_MS, INTERVAL_MS);
	ck_assert_int_eq(asker.outcome, OUTCOME_USER_CODE);
	ck_assert_str_eq(asker.user_code, "WDJB-MJHT");
	caller_authorize_device(caller, profile);
	ck_assert(caller->waits);
}

/* Of the last event. */
static const char *last_why(void)
{
	return world.heard[world.n_heard - 1].message;
}

/* Goes on to the next poll; there is one. */
static struct attempt *next_poll(struct profile *profile)
{
	struct attempt *attempt;

	world_run_until(profile->device->poll_ms);
	attempt = world_attempt();
	ck_assert_int_eq(attempt->code->origin, CODE_DEVICE);
	ck_assert_str_eq(secret_reveal(attempt->code->code), "dev-1234");
	ck_assert_ptr_null(attempt->refresh_token);
	return attempt;
}

START_TEST(whoever_signs_in_elsewhere_gives_the_profile_a_token_that_is_kept)
{
	struct profile *profile = begin();
	struct caller caller;

	give_codes(profile, &caller);
	next_poll(profile);
	ck_assert_int_eq(world.now_ms, INTERVAL_MS);
	world_poll_answer("authorization_pending");
	ck_assert(caller.waits);
	world_grant_login(next_poll(profile), "t1", HOUR_MS, "r1");
	ck_assert_int_eq(world.now_ms, 2 * INTERVAL_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_str_eq(world_record("p")->refresh_token, "r1");
	ck_assert_uint_eq(world.n_heard_of[EVENT_SIGNED_IN], 1);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	/* It goes on with the refresh token, and asks for nothing else any more. */
	world_run_until(HOUR_MS - 1);
	ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "r1");
	ck_assert_ptr_null(profile->device);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(world_record("p")->refresh_token, "r2");
	world_end();
}
END_TEST

START_TEST(all_get_the_codes_of_the_one_sign_in)
{
	struct profile *profile = begin();
	struct caller first, second, third;

	caller_get_user_code(&first, profile);
	caller_get_user_code(&second, profile);
	world_give_codes("WDJB-MJHT", LIFE_MS, 0);
	ck_assert_str_eq(first.user_code, "WDJB-MJHT");
	ck_assert_str_eq(second.user_code, "WDJB-MJHT");
	caller_get_user_code(&third, profile);
	ck_assert_str_eq(third.user_code, "WDJB-MJHT");
	ck_assert_uint_eq(world.devices, 1);
	world_end();
}
END_TEST

START_TEST(whoever_waits_is_told_that_nobody_has_signed_in_and_asks_on)
{
	struct profile *profile = begin();
	struct caller caller;

	give_codes(profile, &caller);
	for (int i = 0; i < 20; i++) {
		while (caller.waits) {
			world_run_until(world.now_ms + SECOND_MS);
			if (world.n_in_flight > 0) {
				world_poll_answer("authorization_pending");
			}
		}
		ck_assert_int_eq(caller.outcome, OUTCOME_TIMEOUT);
		ck_assert_str_eq(caller.text, "Nobody has signed in yet; ask again");
		caller_authorize_device(&caller, profile);
		ck_assert(caller.waits);
	}
	ck_assert_int_eq(world.now_ms, 200 * SECOND_MS);
	ck_assert_uint_eq(world.started, 50);
	world_end();
}
END_TEST

static void expect_failure(struct profile *profile, struct caller *caller, const char *clause)
{
	ck_assert_int_eq(caller->outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_msg(strstr(caller->text, clause), "%s", caller->text);
	ck_assert_uint_eq(world.n_heard_of[EVENT_SIGN_IN_FAILED], 1);
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	/* Who asks a little later hears it too. */
	world_run_until(world.now_ms + 20 * SECOND_MS);
	caller_authorize_device(caller, profile);
	ck_assert_int_eq(caller->outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller->text, clause));
	/* Nothing is asked any more. */
	world_run_until(world.now_ms + HOUR_MS);
	ck_assert_uint_eq(world.n_in_flight, 0);
	ck_assert_ptr_null(profile->device);
}

START_TEST(somebody_who_says_no_ends_it)
{
	struct profile *profile = begin();
	struct caller caller;

	give_codes(profile, &caller);
	next_poll(profile);
	world_poll_answer("access_denied");
	expect_failure(profile, &caller, "Somebody denied the sign-in");
	world_end();
}
END_TEST

START_TEST(codes_that_expire_end_it)
{
	struct profile *profile = begin();
	struct caller caller;

	give_codes(profile, &caller);
	next_poll(profile);
	world_poll_answer("expired_token");
	expect_failure(profile, &caller, "before the code expired");
	world_end();
}
END_TEST

START_TEST(a_server_that_does_not_answer_is_asked_until_the_codes_expire)
{
	struct profile *profile = begin();
	struct caller caller;

	give_codes(profile, &caller);
	while (profile->device->step != DEVICE_ENDED) {
		if (!caller.waits) {
			caller_authorize_device(&caller, profile);
		}
		world_run_until(world.now_ms + SECOND_MS);
		if (world.n_in_flight > 0) {
			world_lose(world_attempt());
		}
	}
	ck_assert_uint_eq(world.started, 12); /* after 4, 8, 16, 32, then each 60 s */
	ck_assert_int_eq(world.now_ms, LIFE_MS);
	ck_assert_uint_eq(world.declined, 1);
	expect_failure(profile, &caller, "before the code expired");
	world_end();
}
END_TEST

START_TEST(whoever_goes_leaves_nothing_behind)
{
	struct profile *profile = begin();
	struct caller caller;

	give_codes(profile, &caller);
	next_poll(profile);
	caller_leave(&caller);
	ck_assert_uint_eq(world.n_in_flight, 0);
	ck_assert_uint_eq(world.cancelled, 1);
	ck_assert_int_eq(profile->device->step, DEVICE_ENDED);
	ck_assert_ptr_null(profile->device->codes.device_code);
	ck_assert_ptr_nonnull(strstr(last_why(), "nobody waits"));
	world_run_until(HOUR_MS);
	ck_assert_uint_eq(world.started, 1);
	ck_assert_ptr_null(profile->device);
	world_end();
}
END_TEST

START_TEST(whoever_goes_before_the_codes_come_has_them_asked_for_no_more)
{
	struct profile *profile = begin();
	struct caller caller;

	caller_get_user_code(&caller, profile);
	ck_assert_ptr_nonnull(world.device);
	caller_leave(&caller);
	ck_assert_ptr_null(world.device);
	world_end();
}
END_TEST

START_TEST(it_goes_on_for_the_others)
{
	struct profile *profile = begin();
	struct caller first, second;

	give_codes(profile, &first);
	caller_authorize_device(&second, profile);
	caller_leave(&first);
	world_grant_login(next_poll(profile), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(second.token, "t1");
	ck_assert_uint_eq(first.answers, 0);
	world_end();
}
END_TEST

START_TEST(it_ends_half_a_minute_after_anybody_asked)
{
	struct profile *profile = begin();
	struct caller caller;

	caller_get_user_code(&caller, profile);
	world_give_codes("WDJB-MJHT", LIFE_MS, 60 * SECOND_MS);
	world_run_until(DEVICE_LEASE_MS - 1);
	ck_assert_int_eq(profile->device->step, DEVICE_PENDING);
	world_run_until(DEVICE_LEASE_MS);
	ck_assert_int_eq(profile->device->step, DEVICE_ENDED);
	ck_assert_ptr_nonnull(strstr(last_why(), "nobody waits"));
	world_end();
}
END_TEST

START_TEST(others_who_go_do_not_end_it)
{
	struct profile *profile = begin();
	struct caller caller, other;

	give_codes(profile, &caller);
	world_grant_login(next_poll(profile), "t1", HOUR_MS, "r1");
	caller_get_user_code(&caller, profile);
	world_give_codes("WDJB-MJHT", LIFE_MS, INTERVAL_MS);
	caller_refresh(&other, profile);
	ck_assert(other.waits);
	caller_leave(&other);
	ck_assert_int_eq(profile->device->step, DEVICE_PENDING);
	world_end();
}
END_TEST

START_TEST(a_token_that_is_there_is_handed_out_and_renewed_meanwhile)
{
	struct profile *profile = begin();
	struct caller caller, other;

	give_codes(profile, &caller);
	world_grant_login(next_poll(profile), "t1", 40 * SECOND_MS, "r1");
	world_run_until(world.now_ms + SECOND_MS);
	profile->device->again_ms = 0;
	give_codes(profile, &caller);
	next_poll(profile);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH); /* a poll is no refresh */
	caller_get(&other, profile, 0, NULL);
	ck_assert_str_eq(other.token, "t1");
	world_poll_answer("authorization_pending");
	while (world.n_in_flight == 0 || !world_attempt()->refresh_token) {
		if (world.n_in_flight > 0) {
			world_poll_answer("authorization_pending");
		}
		world_run_until(world.now_ms + SECOND_MS);
	}
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	caller_get(&other, profile, 0, NULL);
	ck_assert_str_eq(other.token, "t2");
	/* And is replaced in the end. */
	caller_authorize_device(&caller, profile);
	world_grant_login(next_poll(profile), "t3", HOUR_MS, "r3");
	ck_assert_str_eq(caller.token, "t3");
	ck_assert_str_eq(world_record("p")->refresh_token, "r3");
	world_end();
}
END_TEST

START_TEST(a_failed_sign_in_takes_nothing_away)
{
	struct profile *profile = begin();
	struct caller caller, other;

	give_codes(profile, &caller);
	world_grant_login(next_poll(profile), "t1", HOUR_MS, "r1");
	give_codes(profile, &caller);
	next_poll(profile);
	world_poll_answer("access_denied");
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	caller_get(&other, profile, 0, NULL);
	ck_assert_str_eq(other.token, "t1");
	ck_assert_str_eq(world_record("p")->refresh_token, "r1");
	world_end();
}
END_TEST

START_TEST(who_wants_a_token_meanwhile_is_told_at_once_to_sign_in)
{
	struct profile *profile = begin();
	struct caller caller, other;

	give_codes(profile, &caller);
	next_poll(profile);
	caller_get(&other, profile, 0, NULL);
	ck_assert_int_eq(other.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(other.text, "gctoken login --device p"));
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(a_server_without_codes_is_not_asked_again_at_once)
{
	struct profile *profile = begin();
	struct caller caller;

	caller_get_user_code(&caller, profile);
	world_refuse_codes(GRANT_TEMPORARY, 20 * SECOND_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_UNAVAILABLE);
	ck_assert_int_eq(caller.retry_after_ms, 20 * SECOND_MS);
	caller_get_user_code(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_UNAVAILABLE);
	ck_assert_uint_eq(world.devices, 1);
	world_run_until(20 * SECOND_MS);
	caller_get_user_code(&caller, profile);
	ck_assert(caller.waits);
	world_refuse_codes(GRANT_PERMANENT, 0);
	ck_assert_int_eq(caller.outcome, OUTCOME_REJECTED);
	ck_assert_str_eq(caller.text, "no codes");
	world_end();
}
END_TEST

START_TEST(codes_are_asked_for_once_a_second_though_nobody_waits_for_their_end)
{
	struct profile *profile = begin();
	struct caller caller;

	for (int i = 0; i < 3; i++) {
		world_run_until(i * SECOND_MS);
		give_codes(profile, &caller);
		caller_leave(&caller);
		world_settle();
		caller_get_user_code(&caller, profile);
		ck_assert_int_eq(caller.outcome, OUTCOME_RATE_LIMITED);
		ck_assert_int_eq(caller.retry_after_ms, SECOND_MS);
		ck_assert_uint_eq(world.devices, i + 1);
	}
	world_end();
}
END_TEST

START_TEST(a_secret_that_cannot_be_read_is_told)
{
	struct profile *profile = begin();
	struct caller caller;

	world.unprepared = "cannot read it";
	caller_get_user_code(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_REJECTED);
	ck_assert_str_eq(caller.text, "cannot read it");
	ck_assert_uint_eq(world.devices, 0);
	/* One that goes afterwards puts the polls off, but does not end the sign-in. */
	world.unprepared = NULL;
	world_run_until(SECOND_MS);
	give_codes(profile, &caller);
	world.unprepared = "cannot read it";
	world_run_until(profile->device->poll_ms);
	ck_assert_uint_eq(world.n_in_flight, 0);
	ck_assert_ptr_null(profile->code);
	ck_assert_int_eq(profile->device->poll_ms - world.now_ms, 2 * INTERVAL_MS);
	world.unprepared = NULL;
	caller_leave(&caller);
	world_end();
}
END_TEST

START_TEST(without_waiting_it_goes_by_asking_again)
{
	struct settings *settings = settings_of_device();
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings->wait_max_ms = 0;
	world_configure(&settings, 1);
	profile = broker_find(world.broker, "p");
	caller_get_user_code(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_TIMEOUT);
	world_give_codes("WDJB-MJHT", LIFE_MS, 0);
	caller_get_user_code(&caller, profile);
	ck_assert_str_eq(caller.user_code, "WDJB-MJHT");
	caller_authorize_device(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_TIMEOUT);
	world_grant_login(next_poll(profile), "t1", HOUR_MS, "r1");
	caller_authorize_device(&caller, profile);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_token_is_handed_out_when_its_refresh_token_is_durable)
{
	struct profile *profile = begin();
	struct caller caller;

	world.disk_is_slow = true;
	give_codes(profile, &caller);
	world_grant_login(next_poll(profile), "t1", HOUR_MS, "r1");
	ck_assert(caller.waits);
	world_written();
	ck_assert_str_eq(caller.token, "t1");
	world.disk_is_slow = false;
	world.disk_error = "the disk is full";
	give_codes(profile, &caller);
	world_grant_login(next_poll(profile), "t2", HOUR_MS, "r2");
	ck_assert_int_eq(caller.outcome, OUTCOME_UNAVAILABLE);
	ck_assert_str_eq(caller.text, "the disk is full");
	world.disk_error = NULL;
	world_end();
}
END_TEST

START_TEST(a_reload_that_changes_what_the_token_is_for_ends_it)
{
	struct profile *profile = begin();
	struct settings *settings = settings_of_device();
	struct caller caller;

	give_codes(profile, &caller);
	next_poll(profile);
	world_configure(&settings, 1); /* the same */
	world_poll_answer("authorization_pending");
	ck_assert_int_eq(profile->device->step, DEVICE_PENDING);
	settings = settings_of_device();
	fixture_set(&settings->scope, "other");
	next_poll(profile);
	world_configure(&settings, 1);
	ck_assert_ptr_null(profile->device);
	ck_assert_uint_eq(world.n_in_flight, 0);
	settings = settings_of_device();
	fixture_set(&settings->scope, "other");
	caller_leave(&caller);
	give_codes(profile, &caller);
	world_run_until(profile->device->poll_ms - 1);
	fixture_set(&settings->client_id, "another");
	world_configure(&settings, 1);
	ck_assert_ptr_null(profile->device);
	caller_leave(&caller);
	world_end();
}
END_TEST

START_TEST(a_profile_that_goes_takes_it_along)
{
	struct profile *profile = begin();
	struct settings *settings = fixture_settings("q");
	struct caller caller;

	caller_get_user_code(&caller, profile);
	world_configure(&settings, 1);
	ck_assert_int_eq(caller.outcome, OUTCOME_DENIED);
	ck_assert_ptr_null(world.device);
	world_end();
}
END_TEST

START_TEST(a_logout_ends_it)
{
	struct profile *profile = begin();
	struct caller caller, other;
	struct attempt *late;

	give_codes(profile, &caller);
	late = next_poll(profile);
	caller_log_out(&other, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "gctoken login --device p"));
	ck_assert_ptr_null(profile->device);
	/* What the poll brings is revoked, where the server can do that. */
	world_grant_login(late, "t0", HOUR_MS, "r0");
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	ck_assert_str_eq(world_record("p")->refresh_token, "");
	/* Another one ends the logout. */
	give_codes(profile, &caller);
	world_grant_login(next_poll(profile), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(caller.token, "t1");
	ck_assert(!world_record("p")->logged_out);
	world_end();
}
END_TEST

START_TEST(a_token_from_elsewhere_does_not_end_it)
{
	struct profile *profile = begin();
	struct caller caller;

	give_codes(profile, &caller);
	next_poll(profile);
	world_plant(profile, "t0", HOUR_MS);
	world_poll_answer("authorization_pending");
	ck_assert(caller.waits);
	world_grant_login(next_poll(profile), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_poll_that_is_answered_at_the_end_of_the_daemon_is_not_lost)
{
	struct profile *profile = begin();
	struct caller caller;
	struct attempt *attempt;

	give_codes(profile, &caller);
	attempt = next_poll(profile);
	broker_shutdown(world.broker);
	ck_assert_int_eq(caller.outcome, OUTCOME_SHUTTING_DOWN);
	ck_assert(broker_is_busy(world.broker));
	world_grant_login(attempt, "t1", HOUR_MS, "r1");
	ck_assert_str_eq(world_record("p")->refresh_token, "r1");
	ck_assert_int_eq(profile->device->step, DEVICE_ENDED);
	ck_assert_int_eq(profile->device->verdict, GRANT_GRANTED);
	ck_assert(!broker_is_busy(world.broker));
	world_end();
}
END_TEST

START_TEST(codes_are_not_waited_for_at_the_end_of_the_daemon)
{
	struct profile *profile = begin();
	struct caller caller;

	caller_get_user_code(&caller, profile);
	broker_shutdown(world.broker);
	ck_assert_int_eq(caller.outcome, OUTCOME_SHUTTING_DOWN);
	ck_assert_ptr_null(world.device);
	caller_get_user_code(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_SHUTTING_DOWN);
	world_end();
}
END_TEST

UNIT_MAIN("broker_device", whoever_signs_in_elsewhere_gives_the_profile_a_token_that_is_kept,
	all_get_the_codes_of_the_one_sign_in,
	whoever_waits_is_told_that_nobody_has_signed_in_and_asks_on, somebody_who_says_no_ends_it,
	codes_that_expire_end_it, a_server_that_does_not_answer_is_asked_until_the_codes_expire,
	whoever_goes_leaves_nothing_behind,
	whoever_goes_before_the_codes_come_has_them_asked_for_no_more, it_goes_on_for_the_others,
	it_ends_half_a_minute_after_anybody_asked, others_who_go_do_not_end_it,
	a_token_that_is_there_is_handed_out_and_renewed_meanwhile,
	a_failed_sign_in_takes_nothing_away, who_wants_a_token_meanwhile_is_told_at_once_to_sign_in,
	a_server_without_codes_is_not_asked_again_at_once, a_secret_that_cannot_be_read_is_told,
	codes_are_asked_for_once_a_second_though_nobody_waits_for_their_end,
	without_waiting_it_goes_by_asking_again,
	a_token_is_handed_out_when_its_refresh_token_is_durable,
	a_reload_that_changes_what_the_token_is_for_ends_it, a_profile_that_goes_takes_it_along,
	a_logout_ends_it, a_token_from_elsewhere_does_not_end_it,
	a_poll_that_is_answered_at_the_end_of_the_daemon_is_not_lost,
	codes_are_not_waited_for_at_the_end_of_the_daemon)
