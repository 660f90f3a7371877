#include <string.h>

#include "core/code.h"
#include "core/device.h"
#include "core/due.h"
#include "core/profile.h"
#include "core/revocation.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "sign_ins.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

static struct settings *settings_of(const char *grant)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find(grant);
	fixture_set(&settings->revocation_url, "https://login.example/revoke");
	return settings;
}

static struct profile *profile_of(const char *grant)
{
	struct settings *settings = settings_of(grant);

	world_configure(&settings, 1);
	return broker_find(world.broker, "p");
}

/* With the token t1, and where it has sessions the refresh token r1. */
static struct profile *signed_in(const char *grant)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of(grant);
	if (profile->settings->grant->parts & GRANT_CODE) {
		caller_sign_in(&caller, profile, "code");
		world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	} else {
		world_grant(world_attempt(), "t1", HOUR_MS);
	}
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	return profile;
}

static void expect_logged_out(struct profile *profile)
{
	struct caller caller;

	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "was logged out"));
}

START_TEST(a_logout_forgets_all_at_once_and_says_when_the_server_has_too)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;
	unsigned started = world.started;

	caller_log_out(&caller, profile);
	ck_assert(caller.waits);
	ck_assert_ptr_null(profile->token);
	ck_assert_str_eq(world_record("p")->refresh_token, "");
	ck_assert(world_record("p")->logged_out);
	ck_assert_uint_eq(world.n_heard_of[EVENT_LOGGED_OUT], 1);
	expect_logged_out(profile);
	world_revoked(200, NULL); /* the refresh token */
	ck_assert(caller.waits);
	world_revoked(200, NULL); /* the access token */
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGGED_OUT);
	ck_assert(caller.revoked);
	ck_assert_str_eq(caller.text, "");
	ck_assert_uint_eq(world.left, 1);
	world_run_until(DAY_MS);
	ck_assert_uint_eq(world.started, started);
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(a_server_that_is_away_is_told_and_ends_nothing)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;

	caller_log_out(&caller, profile);
	world_revoked(0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGGED_OUT);
	ck_assert(!caller.revoked);
	ck_assert_ptr_nonnull(strstr(caller.text, "cannot be reached"));
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(a_server_that_hangs_delays_the_answer_to_the_callers_deadline_alone)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;

	caller_log_out(&caller, profile);
	world_run_until(profile->settings->wait_max_ms - 1);
	ck_assert(caller.waits);
	world_run_until(profile->settings->wait_max_ms);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGGED_OUT);
	ck_assert(!caller.revoked);
	ck_assert_ptr_nonnull(strstr(caller.text, "has not answered within 10 seconds"));
	world_revoked(200, NULL);
	world_revoked(200, NULL);
	ck_assert_uint_eq(caller.answers, 1);
	ck_assert_uint_eq(world.left, 1);
	world_end();
}
END_TEST

START_TEST(nobody_is_told_of_a_logout_before_it_is_durable)
{
	struct profile *profile = signed_in("client_credentials");
	struct caller caller;

	world.disk_is_slow = true;
	caller_log_out(&caller, profile);
	world_revoked(200, NULL);
	ck_assert(caller.waits);
	expect_logged_out(profile);
	world_noted();
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGGED_OUT);
	ck_assert(caller.revoked);
	world_end();
}
END_TEST

START_TEST(a_disk_that_fails_is_told_and_the_logout_holds_until_the_end)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;

	world.disk_error = "the disk is full";
	caller_log_out(&caller, profile);
	world_revoked(200, NULL);
	world_revoked(200, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_UNSAVED);
	ck_assert_ptr_nonnull(strstr(caller.text, "the disk is full"));
	expect_logged_out(profile);
	world.disk_error = NULL;
	broker_shutdown(world.broker);
	ck_assert(world_record("p")->logged_out);
	ck_assert_str_eq(world_record("p")->refresh_token, "");
	world_end();
}
END_TEST

START_TEST(a_logout_outlives_the_daemon_whatever_the_grant)
{
	static const char *const grants[] = {
		"client_credentials", "authorization_code", "messenger", "saml2_bearer"};
	struct profile *profile;
	struct caller caller;

	for (size_t i = 0; i < sizeof(grants) / sizeof(*grants); i++) {
		profile = grants[i][0] == 's' ? NULL : signed_in(grants[i]);
		if (!profile) {
			world_begin(0);
			profile = profile_of(grants[i]);
		}
		caller_log_out(&caller, profile);
		world_crash();
		profile = profile_of(grants[i]);
		world_run_until(DAY_MS);
		expect_logged_out(profile);
		ck_assert_uint_eq(world.n_in_flight, 0);
		world_end();
	}
}
END_TEST

START_TEST(a_refresh_ends_it_where_the_grant_can_ask_by_itself)
{
	struct profile *profile = signed_in("client_credentials");
	struct caller caller;

	caller_log_out(&caller, profile);
	world_revoked(200, NULL);
	world_run_until(10000);
	caller_refresh(&caller, profile);
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	ck_assert(!world_record("p")->logged_out);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_run_until(HOUR_MS); /* and goes on by itself */
	ck_assert_uint_eq(world.n_in_flight, 1);
	world_end();
}
END_TEST

START_TEST(a_refresh_brings_back_no_session)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller leaver, caller;
	unsigned started = world.started;

	caller_log_out(&leaver, profile);
	world_run_until(1000);
	caller_refresh(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "needs a sign-in"));
	ck_assert_uint_eq(world.started, started);
	world_end();
}
END_TEST

START_TEST(a_code_ends_it_when_it_is_granted_and_not_when_it_is_refused)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller leaver, caller;

	caller_log_out(&leaver, profile);
	world_run_until(1000);
	caller_sign_in(&caller, profile, "wrong");
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	expect_logged_out(profile);
	ck_assert(world_record("p")->logged_out);
	world_run_until(3000);
	caller_sign_in(&caller, profile, "right");
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	ck_assert(!world_record("p")->logged_out);
	ck_assert_str_eq(world_record("p")->refresh_token, "r2");
	world_end();
}
END_TEST

START_TEST(a_planted_token_ends_it)
{
	struct profile *profile = signed_in("client_credentials");
	struct caller leaver, caller;

	caller_log_out(&leaver, profile);
	ck_assert_int_eq(world_plant(profile, "t2", HOUR_MS).outcome, OUTCOME_TOKEN);
	ck_assert(!world_record("p")->logged_out);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t2");
	world_end();
}
END_TEST

START_TEST(new_credentials_and_reloads_do_not_end_it)
{
	struct profile *profile = signed_in("client_credentials");
	struct settings *settings = settings_of("client_credentials");
	struct caller caller;
	unsigned started = world.started;

	caller_log_out(&caller, profile);
	world.renewed = true;
	expect_logged_out(profile);
	secret_free(settings->secrets[SETTINGS_CLIENT_SECRET].value);
	settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_new("another", 7);
	world_configure(&settings, 1);
	world_run_until(HOUR_MS);
	expect_logged_out(profile);
	ck_assert_uint_eq(world.started, started);
	world_end();
}
END_TEST

START_TEST(those_who_wait_for_a_token_are_told_at_once_and_what_comes_is_revoked)
{
	struct profile *profile;
	struct caller waits, caller;
	struct attempt *attempt;

	world_begin(0);
	profile = profile_of("client_credentials");
	attempt = world_attempt();
	caller_get(&waits, profile, 0, NULL);
	ck_assert(waits.waits);
	caller_log_out(&caller, profile);
	ck_assert_int_eq(waits.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGGED_OUT); /* there was nothing to revoke */
	ck_assert(!caller.revoked);
	ck_assert_uint_eq(world.cancelled, 0);
	world_grant(attempt, "t1", HOUR_MS);
	expect_logged_out(profile);
	ck_assert_ptr_nonnull(world.revoking);
	ck_assert_str_eq(secret_reveal(world.revoking->token), "t1");
	world_revoked(200, NULL);
	ck_assert_uint_eq(world.left, 2);
	world_end();
}
END_TEST

START_TEST(a_refresh_token_that_comes_after_it_is_revoked_and_not_stored)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;
	struct attempt *attempt;

	world_run_until(profile->due_ms);
	attempt = world_attempt();
	caller_log_out(&caller, profile);
	world_revoked(200, NULL);
	world_revoked(200, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGGED_OUT);
	world_grant_login(attempt, "t2", HOUR_MS, "r2");
	ck_assert_str_eq(secret_reveal(world.revoking->refresh_token), "r2");
	ck_assert_str_eq(secret_reveal(world.revoking->token), "t2");
	ck_assert_str_eq(world_record("p")->refresh_token, "");
	world_revoked(200, NULL);
	world_revoked(200, NULL);
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(a_refresh_token_that_was_being_stored_is_revoked_too)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;

	world_run_until(profile->due_ms);
	world.disk_is_slow = true;
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_uint_eq(world.n_writing, 1);
	caller_log_out(&caller, profile);
	ck_assert_str_eq(secret_reveal(world.revoking->refresh_token), "r2");
	world_revoked(0, NULL);
	world_written(); /* the store that had begun */
	ck_assert_str_eq(secret_reveal(world.revoking->token), "t2");
	world_revoked(200, NULL);
	world_noted();
	ck_assert_str_eq(world_record("p")->refresh_token, "");
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(a_sign_in_that_is_under_way_is_ended_and_its_token_revoked)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller sign_in, caller;
	struct attempt *attempt;

	world_run_until(2000);
	caller_sign_in(&sign_in, profile, "code");
	attempt = world_attempt();
	caller_log_out(&caller, profile);
	ck_assert_int_eq(sign_in.outcome, OUTCOME_LOGIN_REQUIRED);
	world_revoked(200, NULL);
	world_revoked(200, NULL);
	world_grant_login(attempt, "t2", HOUR_MS, "r2");
	ck_assert_str_eq(secret_reveal(world.revoking->refresh_token), "r2");
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(a_new_sign_in_need_not_wait_for_what_comes_late)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;
	struct attempt *late;

	world_run_until(profile->due_ms);
	late = world_attempt();
	caller_log_out(&caller, profile);
	world_revoked(200, NULL);
	world_revoked(200, NULL);
	world_run_until(world.now_ms + 2000);
	caller_sign_in(&caller, profile, "code");
	ck_assert_uint_eq(world.n_in_flight, 2);
	world_grant_login(world.in_flight[world.in_flight[0] == late], "t2", HOUR_MS, "r2");
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	world_grant_login(late, "t3", HOUR_MS, "r3");
	ck_assert_str_eq(secret_reveal(world.revoking->refresh_token), "r3");
	ck_assert_str_eq(world_record("p")->refresh_token, "r2");
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t2");
	world_end();
}
END_TEST

START_TEST(two_logouts_at_once_are_one)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller first, second, third;

	caller_log_out(&first, profile);
	caller_log_out(&second, profile);
	ck_assert_uint_eq(world.revocations, 1);
	world_revoked(200, NULL);
	world_revoked(200, NULL);
	ck_assert(first.revoked && second.revoked);
	caller_log_out(&third, profile);
	ck_assert_int_eq(third.outcome, OUTCOME_LOGGED_OUT);
	ck_assert(!third.revoked);
	ck_assert_str_eq(third.text, "");
	world_end();
}
END_TEST

/* The server hangs at the first logout, and somebody has come back meanwhile. */
START_TEST(a_second_logout_ends_what_began_after_the_first)
{
	struct profile *profile = signed_in("messenger");
	struct caller first, second, sign_in;
	struct revocation *earlier;

	caller_log_out(&first, profile);
	earlier = world_let_revocation_hang();
	world_run_until(2000);
	caller_sign_in(&sign_in, profile, "code");
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_int_eq(sign_in.outcome, OUTCOME_TOKEN);
	caller_log_out(&second, profile);
	expect_logged_out(profile);
	ck_assert(world_record("p")->logged_out);
	ck_assert_str_eq(world_record("p")->refresh_token, "");
	ck_assert_str_eq(secret_reveal(world.revoking->token), "t2");
	ck_assert_uint_eq(world.n_heard_of[EVENT_LOGGED_OUT], 2);
	world_revoked(204, NULL);
	ck_assert(first.revoked && second.revoked);
	world.revoking = earlier;
	world_revoked(204, NULL);
	ck_assert_uint_eq(world.left, 2);
	ck_assert_uint_eq(first.answers + second.answers, 2);
	world_end();
}
END_TEST

START_TEST(a_second_logout_ends_a_sign_in_that_began_after_the_first)
{
	struct profile *profile = signed_in("messenger");
	struct caller first, second, sign_in;
	struct attempt *attempt;

	caller_log_out(&first, profile);
	world_let_revocation_hang();
	world_run_until(2000);
	caller_sign_in(&sign_in, profile, "code");
	attempt = world_attempt();
	caller_log_out(&second, profile);
	ck_assert_int_eq(sign_in.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_int_eq(second.outcome, OUTCOME_LOGGED_OUT); /* there was no token yet */
	world_grant_login(attempt, "t2", HOUR_MS, "r2");
	ck_assert_str_eq(secret_reveal(world.revoking->token), "t2");
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(a_second_logout_ends_a_sign_in_elsewhere_that_began_after_the_first)
{
	struct profile *profile;
	struct caller first, second, waits;

	world_begin(0);
	profile = profile_of("device");
	world_plant(profile, "t1", HOUR_MS);
	caller_log_out(&first, profile);
	world_let_revocation_hang();
	world_run_until(2000);
	sign_ins_elsewhere(&waits, profile);
	caller_log_out(&second, profile);
	ck_assert_int_eq(waits.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_null(profile->device);
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(a_second_logout_ends_a_sign_in_with_a_browser_that_began_after_the_first)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller first, second;

	caller_log_out(&first, profile);
	world_let_revocation_hang();
	sign_ins_browser(profile);
	ck_assert(sign_ins_browser_may_return(profile));
	caller_log_out(&second, profile);
	ck_assert(!sign_ins_browser_may_return(profile));
	world_end();
}
END_TEST

START_TEST(a_refresh_ends_it_at_once_whatever_was_refreshed_before)
{
	struct profile *profile = signed_in("client_credentials");
	struct caller refresh, caller;

	world_run_until(2000);
	caller_refresh(&refresh, profile);
	world_grant(world_attempt(), "t2", HOUR_MS);
	world_run_until(4000);
	caller_log_out(&caller, profile);
	caller_refresh(&refresh, profile);
	world_grant(world_attempt(), "t3", HOUR_MS);
	ck_assert_str_eq(refresh.token, "t3");
	world_end();
}
END_TEST

START_TEST(a_refresh_ends_it_before_the_first_attempt_of_another_daemon)
{
	enum { PROFILES = DUE_HOST_ATTEMPTS_MAX + 1 };
	struct settings *settings[PROFILES];
	char name[] = "a";
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	for (int i = 0; i < 2; i++) {
		for (int n = 0; n < PROFILES; n++) {
			name[0] = (char)('a' + n);
			settings[n] = fixture_settings(name);
		}
		world_configure(settings, PROFILES);
		profile = broker_find(world.broker, name);
		if (i == 0) {
			caller_log_out(&caller, profile);
			world_crash();
		}
	}
	world_run_until(2000);
	ck_assert_ptr_null(profile->attempt); /* the others have its host's places */
	caller_refresh(&caller, profile);
	ck_assert(!profile->login.logged_out);
	while (caller.waits) {
		world_grant(world.in_flight[0], "t", HOUR_MS);
	}
	ck_assert_str_eq(caller.token, "t");
	world_end();
}
END_TEST

START_TEST(it_is_told_once)
{
	struct profile *profile = signed_in("client_credentials");
	struct caller callers[3];

	for (int i = 0; i < 3; i++) {
		caller_log_out(&callers[i], profile);
		ck_assert_uint_eq(world.n_heard_of[EVENT_LOGGED_OUT], 1);
	}
	world_end();
}
END_TEST

START_TEST(what_a_poll_brings_after_it_is_revoked)
{
	struct profile *profile;
	struct caller caller, waits;
	struct attempt *poll;

	world_begin(0);
	profile = profile_of("device");
	sign_ins_elsewhere(&waits, profile);
	world_run_until(profile->device->poll_ms);
	poll = world_attempt();
	caller_log_out(&caller, profile);
	ck_assert_int_eq(waits.outcome, OUTCOME_LOGIN_REQUIRED);
	world_grant_login(poll, "t1", HOUR_MS, "r1");
	ck_assert_str_eq(secret_reveal(world.revoking->token), "t1");
	ck_assert_str_eq(secret_reveal(world.revoking->refresh_token), "r1");
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(whoever_never_waits_is_answered_when_it_is_durable)
{
	struct settings *settings = settings_of("client_credentials");
	struct profile *profile;
	struct caller hasty, patient;

	settings->wait_max_ms = 0;
	world_begin(0);
	world_configure(&settings, 1);
	profile = broker_find(world.broker, "p");
	world_grant(world_attempt(), "t1", HOUR_MS);
	world.disk_is_slow = true;
	caller_log_out(&hasty, profile);
	world_settle();
	ck_assert(hasty.waits);
	world_noted();
	world_run_until(BROKER_LOGOUT_WAIT_MIN_MS);
	ck_assert_int_eq(hasty.outcome, OUTCOME_LOGGED_OUT);
	ck_assert_ptr_nonnull(strstr(hasty.text, "has not answered within 1 second;"));
	caller_log_out(&patient, profile);
	world_revoked(200, NULL);
	ck_assert_int_eq(patient.outcome, OUTCOME_LOGGED_OUT);
	ck_assert(patient.revoked);
	world_end();
}
END_TEST

START_TEST(a_stored_token_that_was_not_read_back_yet_is_revoked_too)
{
	struct settings *settings[] = {settings_of("client_credentials"), NULL};
	struct caller caller;

	settings[0]->persist_tokens = true;
	world_begin(0);
	world_configure(settings, 1);
	world_grant(world_attempt(), "t1", HOUR_MS);
	world_crash();
	world.unprepared = "the secret is gone"; /* so that its first attempt ends before that */
	settings[0] = settings_of("client_credentials");
	settings[0]->persist_tokens = true;
	world_configure(settings, 1);
	world.unprepared = NULL;
	caller_log_out(&caller, broker_find(world.broker, "p"));
	ck_assert_str_eq(secret_reveal(world.revoking->token), "t1");
	ck_assert_str_eq(world_record("p")->token, "");
	world_revoked(200, NULL);
	ck_assert(caller.revoked);
	world_end();
}
END_TEST

START_TEST(a_server_that_has_not_answered_when_the_daemon_ends_is_told)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;

	caller_log_out(&caller, profile);
	world_crash();
	ck_assert_uint_eq(world.left, 1);
	ck_assert_ptr_nonnull(strstr(world.left_why, "The daemon ended before"));
	world_end();
}
END_TEST

START_TEST(a_reload_that_takes_the_profile_away_answers_who_logged_out)
{
	struct settings *other = fixture_settings("q");
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;

	caller_log_out(&caller, profile);
	world_configure(&other, 1);
	ck_assert_int_eq(caller.outcome, OUTCOME_DENIED);
	world_revoked(200, NULL);
	world_revoked(200, NULL);
	ck_assert_uint_eq(world.left, 1);
	world_end();
}
END_TEST

START_TEST(a_stop_waits_for_revocations_and_answers_who_logged_out)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;

	caller_log_out(&caller, profile);
	broker_shutdown(world.broker);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGGED_OUT);
	ck_assert(!caller.revoked);
	ck_assert(broker_is_busy(world.broker));
	world_revoked(200, NULL);
	ck_assert(broker_is_busy(world.broker));
	world_revoked(200, NULL);
	ck_assert(!broker_is_busy(world.broker));
	world_end();
}
END_TEST

START_TEST(secrets_that_cannot_be_read_are_told)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller caller;

	world.unprepared = "the secret is gone";
	caller_log_out(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGGED_OUT);
	ck_assert_str_eq(caller.text, "the secret is gone");
	expect_logged_out(profile);
	world_end();
}
END_TEST

START_TEST(a_provider_is_not_asked_for_who_has_logged_out)
{
	struct profile *profile = signed_in("authorization_code");
	struct caller leaver, caller;

	broker_provider_ready(world.broker, profile, world.now_ms);
	caller_log_out(&leaver, profile);
	world_revoked(0, NULL);
	broker_provider_left(world.broker, profile, world.now_ms);
	broker_provider_ready(world.broker, profile, world.now_ms);
	world_run_until(HOUR_MS);
	expect_logged_out(profile);
	ck_assert_uint_eq(world.asks[ERRAND_CODE], 0);
	world_crash();
	profile = profile_of("authorization_code");
	broker_provider_ready(world.broker, profile, world.now_ms);
	world_settle();
	expect_logged_out(profile);
	ck_assert_uint_eq(world.asks[ERRAND_CODE], 0);
	caller_refresh(&caller, profile);
	ck_assert_uint_eq(world.asks[ERRAND_CODE], 1);
	world_end();
}
END_TEST

START_TEST(a_refused_refresh_clears_a_jwt_also_where_the_provider_is_asked_next)
{
	struct profile *profile = signed_in("messenger");
	struct caller caller;

	broker_provider_ready(world.broker, profile, world.now_ms);
	world_run_until(profile->due_ms);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_ptr_null(profile->token);
	ck_assert_uint_eq(world.asks[ERRAND_CODE], 1);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	world_bring(ERRAND_CODE, "code");
	world_run_until(world.now_ms + 1000);
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(caller.token, "t2");
	world_end();
}
END_TEST

UNIT_MAIN("logout", a_logout_forgets_all_at_once_and_says_when_the_server_has_too,
	a_server_that_is_away_is_told_and_ends_nothing,
	a_server_that_hangs_delays_the_answer_to_the_callers_deadline_alone,
	nobody_is_told_of_a_logout_before_it_is_durable,
	a_disk_that_fails_is_told_and_the_logout_holds_until_the_end,
	a_logout_outlives_the_daemon_whatever_the_grant,
	a_refresh_ends_it_where_the_grant_can_ask_by_itself, a_refresh_brings_back_no_session,
	a_code_ends_it_when_it_is_granted_and_not_when_it_is_refused, a_planted_token_ends_it,
	new_credentials_and_reloads_do_not_end_it,
	those_who_wait_for_a_token_are_told_at_once_and_what_comes_is_revoked,
	a_refresh_token_that_comes_after_it_is_revoked_and_not_stored,
	a_refresh_token_that_was_being_stored_is_revoked_too,
	a_sign_in_that_is_under_way_is_ended_and_its_token_revoked,
	a_new_sign_in_need_not_wait_for_what_comes_late, two_logouts_at_once_are_one,
	a_second_logout_ends_what_began_after_the_first,
	a_second_logout_ends_a_sign_in_that_began_after_the_first,
	a_second_logout_ends_a_sign_in_elsewhere_that_began_after_the_first,
	a_second_logout_ends_a_sign_in_with_a_browser_that_began_after_the_first,
	what_a_poll_brings_after_it_is_revoked,
	a_refresh_ends_it_at_once_whatever_was_refreshed_before,
	a_refresh_ends_it_before_the_first_attempt_of_another_daemon, it_is_told_once,
	whoever_never_waits_is_answered_when_it_is_durable,
	a_stored_token_that_was_not_read_back_yet_is_revoked_too,
	a_server_that_has_not_answered_when_the_daemon_ends_is_told,
	a_reload_that_takes_the_profile_away_answers_who_logged_out,
	a_stop_waits_for_revocations_and_answers_who_logged_out,
	secrets_that_cannot_be_read_are_told, a_provider_is_not_asked_for_who_has_logged_out,
	a_refused_refresh_clears_a_jwt_also_where_the_provider_is_asked_next)
