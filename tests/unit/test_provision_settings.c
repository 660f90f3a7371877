#include "core/provision.h"

#include <string.h>

#include "core/code.h"
#include "core/profile.h"
#include "core/reason.h"
#include "core/secret.h"
#include "fixture.h"
#include "providing.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS (INT64_C(3600) * 1000)

/* ---- grants, settings */

START_TEST(an_assertion_is_asked_for_each_time)
{
	struct profile *profile = providing_asked("saml2_bearer");
	struct errand *errand;

	for (unsigned i = 1; i <= 3; i++) {
		errand = world.errands[ERRAND_CODE];
		world.errands[ERRAND_CODE] = NULL;
		broker_provided(world.broker, errand,
			&(struct provided){
				.code = code_new(&(struct code_texts){.assertion = "a"})},
			world.now_ms);
		world_settle();
		ck_assert_str_eq(providing_sent(), "a");
		world_grant_login(world_attempt(), "t", HOUR_MS, "of no use here");
		ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
		providing_expect_asks(i, 0, 0);
		world_run_until(profile->due_ms);
	}
	ck_assert_uint_eq(world_record("p")->writes, 0);
	world_end();
}
END_TEST

START_TEST(an_assertion_of_the_settings_is_sent_where_no_provider_is_there)
{
	struct settings *settings = providing_settings("saml2_bearer");
	struct profile *profile;

	world_begin(0);
	settings->secrets[SETTINGS_ASSERTION].value = secret_new("own", 3);
	profile = providing_configured(settings);
	ck_assert_ptr_null(world_attempt()->code);
	providing_refuse();
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	world_run_until(HOUR_MS);
	providing_come(profile);
	world_bring(ERRAND_CODE, "a1");
	ck_assert_str_eq(providing_sent(), "a1");
	world_end();
}
END_TEST

START_TEST(without_a_provider_somebody_has_to_act_until_one_comes)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = providing_configured(providing_settings("saml2_bearer"));
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "start the provider"));
	providing_expect_asks(0, 0, 0);
	providing_come(profile);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	providing_expect_asks(1, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_token_is_renewed_in_time_when_a_provider_comes_late)
{
	struct profile *profile = providing_asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS); /* without a refresh token */
	providing_leave(profile);
	ck_assert_int_gt(profile->due_ms, HOUR_MS * 9 / 10);
	providing_come(profile);
	ck_assert_int_lt(profile->due_ms, HOUR_MS * 9 / 10);
	world_run_until(profile->due_ms);
	providing_expect_asks(2, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_command_is_there_to_be_asked_without_having_come)
{
	struct settings *settings = providing_settings("pkce");
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings->auth_provider_command = strdup("/usr/bin/provider");
	profile = providing_configured(settings);
	providing_expect_asks(1, 0, 0);
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	caller_ask_sign_in(&caller, profile);
	providing_expect_asks(1, 0, 1);
	world_end();
}
END_TEST

START_TEST(a_command_that_a_reload_brings_ends_a_verdict)
{
	struct settings *settings;
	struct profile *profile;

	world_begin(0);
	profile = providing_configured(providing_settings("pkce"));
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	settings = providing_settings("pkce");
	settings->auth_provider_command = strdup("/usr/bin/provider");
	providing_configured(settings);
	providing_expect_asks(1, 0, 0);
	world_end();
}
END_TEST

START_TEST(another_command_is_asked_from_the_beginning_by_whatever_its_predecessor_does)
{
	static const char *const commands[] = {"/usr/bin/first", "/usr/bin/second", NULL};
	struct profile *profile = NULL;
	struct caller callers[2], signing_in[2];

	world_begin(0);
	for (int i = 0; i < 3; i++) {
		struct settings *settings = providing_settings("pkce");

		settings->auth_provider_command = commands[i] ? strdup(commands[i]) : NULL;
		profile = providing_configured(settings);
		if (commands[i]) {
			providing_pass_gap();
			caller_get(&callers[i], profile, 0, NULL);
			caller_ask_sign_in(&signing_in[i], profile);
			providing_expect_asks(i + 1, i, 1);
			world_decline(ERRAND_CODE, "there is none", false);
			providing_expect_asks(i + 1, i + 1, 1);
		}
	}
	/* There is none any more. A sign-in is for its own program to end. */
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	ck_assert_ptr_null(world.errands[ERRAND_REAUTHENTICATE]);
	world_decline(ERRAND_SIGN_IN, "it was replaced", false);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(callers[i].outcome, OUTCOME_LOGIN_REQUIRED);
		ck_assert_int_eq(signing_in[i].outcome, OUTCOME_LOGIN_REQUIRED);
	}
	world_end();
}
END_TEST

START_TEST(refresh_access_token_off_asks_for_the_first_token_alone)
{
	struct settings *settings = providing_settings("pkce");
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings->refresh_access_token = false;
	profile = providing_configured(settings);
	providing_come(profile);
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	world_run_until(2 * HOUR_MS);
	providing_leave(profile);
	providing_come(profile);
	providing_expect_asks(1, 0, 0);
	caller_refresh(&caller, profile);
	providing_expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c2");
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	world_end();
}
END_TEST

START_TEST(a_reload_that_makes_it_another_profile_ends_what_its_provider_does)
{
	struct settings *settings = providing_settings("pkce");
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_decline(ERRAND_CODE, "there is none", false);
	fixture_set(&settings->client_id, "another");
	providing_configured(settings);
	ck_assert_ptr_null(world.errands[ERRAND_REAUTHENTICATE]);
	ck_assert_ptr_null(world.errands[ERRAND_SIGN_IN]);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]); /* for the other one */
	world_end();
}
END_TEST

START_TEST(a_reload_that_keeps_the_profile_keeps_what_its_provider_does)
{
	struct profile *profile = providing_asked("pkce");

	ck_assert_ptr_eq(providing_configured(providing_settings("pkce")), profile);
	providing_expect_asks(1, 0, 0);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]);
	world_end();
}
END_TEST

START_TEST(a_profile_that_goes_and_a_daemon_that_ends_ask_nobody)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_configure(NULL, 0);
	providing_expect_idle();
	ck_assert_int_eq(caller.outcome, OUTCOME_DENIED);
	profile = providing_configured(providing_settings("pkce"));
	providing_come(profile);
	caller_ask_sign_in(&caller, profile);
	broker_shutdown(world.broker);
	providing_expect_idle();
	ck_assert_int_eq(caller.outcome, OUTCOME_SHUTTING_DOWN);
	world_end();
}
END_TEST

START_TEST(what_is_waited_for_is_told_in_words)
{
	struct profile *profile = providing_asked("pkce");
	char why[REASON_SIZE];

	ck_assert_int_eq(reason_next(profile, world.now_ms, why), PROFILE_NEVER);
	ck_assert_str_eq(why, "its provider was asked to getAuthCode, and has not answered yet");
	world_end();
}
END_TEST

UNIT_MAIN("provision_settings", an_assertion_is_asked_for_each_time,
	an_assertion_of_the_settings_is_sent_where_no_provider_is_there,
	without_a_provider_somebody_has_to_act_until_one_comes,
	a_token_is_renewed_in_time_when_a_provider_comes_late,
	a_command_is_there_to_be_asked_without_having_come,
	a_command_that_a_reload_brings_ends_a_verdict,
	another_command_is_asked_from_the_beginning_by_whatever_its_predecessor_does,
	refresh_access_token_off_asks_for_the_first_token_alone,
	a_reload_that_makes_it_another_profile_ends_what_its_provider_does,
	a_reload_that_keeps_the_profile_keeps_what_its_provider_does,
	a_profile_that_goes_and_a_daemon_that_ends_ask_nobody, what_is_waited_for_is_told_in_words)
