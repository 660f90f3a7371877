#include "core/provision.h"

#include <string.h>

#include "core/profile.h"
#include "core/schedule.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "providing.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS    (INT64_C(3600) * 1000)
#define CODE_MS    (INT64_C(30) * 1000)
#define SIGN_IN_MS (INT64_C(600) * 1000)
#define WAIT_MS    (INT64_C(10) * 1000)

/* ---- signIn */

START_TEST(one_where_nobody_is_signed_in_yet_waits_for_a_sign_in)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "nobody is", true);
	providing_expect_asks(1, 0, 0);
	providing_expect_ended(
		profile, "Nobody is signed in at the provider of profile p (nobody is)");
	providing_expect_news(0, 0, 0); /* nothing went wrong there */
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	providing_expect_asks(1, 0, 0); /* it is not asked again */
	caller_ask_sign_in(&caller, profile);
	providing_expect_asks(1, 0, 1);
	world_bring(ERRAND_SIGN_IN, "s1");
	ck_assert_str_eq(providing_sent(), "s1");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(caller.token, "t1");
	providing_expect_news(1, 0, 0);
	world_end();
}
END_TEST

START_TEST(one_that_has_sign_in_and_hangs_is_asked_to_sign_in_anew)
{
	providing_asked("pkce");
	world_run_until(CODE_MS);
	providing_expect_asks(1, 1, 0);
	world_end();
}
END_TEST

START_TEST(a_sign_in_that_is_told_without_being_asked_for_is_exchanged_at_once)
{
	struct profile *profile = providing_asked("pkce");

	world_decline(ERRAND_CODE, "nobody is", true);
	broker_signed_in(world.broker, profile, world_code("s1"), world.now_ms);
	world_settle();
	ck_assert_str_eq(providing_sent(), "s1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	providing_expect_asks(1, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_sign_in_takes_the_place_of_a_valid_token)
{
	struct profile *profile = providing_fresh();
	struct caller caller, other;

	caller_ask_sign_in(&caller, profile);
	caller_ask_sign_in(&other, profile);
	providing_expect_asks(1, 0, 1);
	world_bring(ERRAND_SIGN_IN, "s1");
	ck_assert_str_eq(providing_sent(), "s1");
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(caller.token, "t2");
	ck_assert_str_eq(other.token, "t2");
	ck_assert_uint_eq(profile->generation, 2);
	ck_assert_str_eq(world_record("p")->refresh_token, "r2");
	world_end();
}
END_TEST

START_TEST(the_token_is_renewed_while_somebody_signs_in)
{
	struct profile *profile = providing_fresh();
	struct caller caller;

	world_run_until(profile->due_ms - 1000);
	caller_ask_sign_in(&caller, profile);
	world_run_until(profile->due_ms);
	ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "r1");
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert(caller.waits);
	ck_assert_ptr_nonnull(world.errands[ERRAND_SIGN_IN]);
	world_bring(ERRAND_SIGN_IN, "s1");
	providing_pass_gap();
	world_grant(world_attempt(), "t3", HOUR_MS);
	ck_assert_str_eq(caller.token, "t3");
	world_end();
}
END_TEST

START_TEST(whoever_asked_for_a_sign_in_waits_its_own_time_and_the_result_is_kept)
{
	struct profile *profile = providing_fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_run_until(world.now_ms + WAIT_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_TIMEOUT);
	world_run_until(world.now_ms + SIGN_IN_MS - WAIT_MS - 1);
	world_bring(ERRAND_SIGN_IN, "s1");
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_uint_eq(profile->generation, 2);
	world_end();
}
END_TEST

START_TEST(a_sign_in_that_is_told_ends_the_one_that_was_asked_for)
{
	struct profile *profile = providing_fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	broker_signed_in(world.broker, profile, world_code("s1"), world.now_ms);
	providing_expect_idle();
	world_settle();
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_str_eq(caller.token, "t2");
	world_end();
}
END_TEST

START_TEST(a_sign_in_that_fails_costs_nothing_but_the_wait)
{
	struct profile *profile = providing_fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_decline(ERRAND_SIGN_IN, "the window was closed", true);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_str_eq(caller.text,
		"Nobody was signed in at the provider of profile p: the window was closed");
	providing_expect_news(0, 1, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_sign_in_is_told_to_have_failed)
{
	struct profile *profile = providing_fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	broker_sign_in_failed(world.broker, profile, "no such user", world.now_ms);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "no such user"));
	providing_expect_idle();
	world_end();
}
END_TEST

START_TEST(a_sign_in_that_hangs_ends_at_its_deadline)
{
	struct settings *settings = providing_settings("pkce");
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings->sign_in_timeout_ms = 4000;
	profile = providing_configured(settings);
	providing_come(profile);
	caller_ask_sign_in(&caller, profile);
	world_run_until(4000);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "no answer within 4 seconds"));
	ck_assert_ptr_null(world.errands[ERRAND_SIGN_IN]);
	world_end();
}
END_TEST

START_TEST(a_sign_in_ends_with_its_provider)
{
	struct profile *profile = providing_fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	providing_leave(profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "it went away"));
	caller_ask_sign_in(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(a_code_of_a_sign_in_that_is_refused_leaves_the_session_as_it_was)
{
	struct profile *profile = providing_fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_bring(ERRAND_SIGN_IN, "s1");
	providing_refuse();
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	ck_assert_str_eq(world_record("p")->refresh_token, "r1");
	providing_expect_asks(1, 0, 1);
	providing_expect_news(0, 1, 0);
	world_end();
}
END_TEST

START_TEST(a_sign_in_goes_before_the_order)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller, other;

	world_decline(ERRAND_CODE, "there is none", false);
	caller_get(&other, profile, 0, NULL);
	caller_ask_sign_in(&caller, profile);
	world_bring(ERRAND_SIGN_IN, "s1");
	providing_expect_idle();
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_str_eq(other.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_sign_in_waits_for_the_exchange_before_it_and_comes_next)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	world_bring(ERRAND_CODE, "c1");
	caller_get(&caller, profile, 0, NULL);
	broker_signed_in(world.broker, profile, world_code("s1"), world.now_ms);
	world_settle();
	ck_assert_str_eq(providing_sent(), "c1");
	providing_refuse();
	ck_assert(caller.waits); /* what comes next may be its token */
	providing_expect_asks(1, 0, 0);
	providing_pass_gap();
	ck_assert_str_eq(providing_sent(), "s1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(of_two_sign_ins_the_later_one_is_exchanged)
{
	struct profile *profile = providing_fresh();

	world_run_until(profile->due_ms); /* the flight has begun */
	broker_signed_in(world.broker, profile, world_code("s1"), world.now_ms);
	broker_signed_in(world.broker, profile, world_code("s2"), world.now_ms);
	world_grant(world_attempt(), "t2", HOUR_MS);
	providing_pass_gap();
	ck_assert_str_eq(providing_sent(), "s2");
	world_end();
}
END_TEST

START_TEST(one_that_has_to_be_started_for_a_sign_in_is_so_once_a_second)
{
	struct settings *settings = providing_settings("pkce");
	struct profile *profile;
	struct caller caller;

	fixture_set(&settings->auth_provider_command, "/bin/false");
	world_begin(0);
	profile = providing_configured(settings);
	world_decline(ERRAND_CODE, "it went away", false);
	world_decline(ERRAND_REAUTHENTICATE, "it went away", false);
	caller_ask_sign_in(&caller, profile);
	world_decline(ERRAND_SIGN_IN, "it went away", false);
	caller_ask_sign_in(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_RATE_LIMITED);
	ck_assert_int_eq(caller.retry_after_ms, SCHEDULE_ATTEMPT_GAP_MS);
	providing_expect_asks(1, 1, 1);
	providing_pass_gap();
	caller_ask_sign_in(&caller, profile);
	providing_expect_asks(1, 1, 2);
	world_end();
}
END_TEST

/* ---- what else brings a token */

START_TEST(a_code_from_elsewhere_ends_the_order)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller, other;

	caller_get(&other, profile, 0, NULL);
	caller_sign_in(&caller, profile, "b1");
	providing_expect_idle();
	ck_assert_str_eq(providing_sent(), "b1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_str_eq(other.token, "t1");
	world_end();
}
END_TEST

START_TEST(after_a_code_from_elsewhere_that_is_refused_the_order_begins_anew)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller, other;

	caller_get(&other, profile, 0, NULL);
	caller_sign_in(&caller, profile, "b1");
	providing_refuse();
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	providing_pass_gap();
	ck_assert(other.waits);
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(other.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_token_from_elsewhere_ends_the_order)
{
	struct profile *profile = providing_asked("pkce");

	world_plant(profile, "planted", HOUR_MS);
	providing_expect_idle();
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_run_until(profile->due_ms); /* there is somebody who can renew it */
	providing_expect_asks(2, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_token_from_elsewhere_overtakes_the_exchange_of_a_code)
{
	struct profile *profile = providing_asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_plant(profile, "planted", HOUR_MS);
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(secret_reveal(profile->token->value), "planted");
	ck_assert_str_eq(world_record("p")->refresh_token, "r1");
	ck_assert_int_eq(profile->provider.step, PROVIDER_IDLE);
	world_end();
}
END_TEST

UNIT_MAIN("provision_sign_in", one_where_nobody_is_signed_in_yet_waits_for_a_sign_in,
	one_that_has_sign_in_and_hangs_is_asked_to_sign_in_anew,
	a_sign_in_that_is_told_without_being_asked_for_is_exchanged_at_once,
	a_sign_in_takes_the_place_of_a_valid_token, the_token_is_renewed_while_somebody_signs_in,
	whoever_asked_for_a_sign_in_waits_its_own_time_and_the_result_is_kept,
	a_sign_in_that_is_told_ends_the_one_that_was_asked_for,
	a_sign_in_that_fails_costs_nothing_but_the_wait, a_sign_in_is_told_to_have_failed,
	a_sign_in_that_hangs_ends_at_its_deadline, a_sign_in_ends_with_its_provider,
	a_code_of_a_sign_in_that_is_refused_leaves_the_session_as_it_was,
	a_sign_in_goes_before_the_order, a_sign_in_waits_for_the_exchange_before_it_and_comes_next,
	of_two_sign_ins_the_later_one_is_exchanged,
	one_that_has_to_be_started_for_a_sign_in_is_so_once_a_second,
	a_code_from_elsewhere_ends_the_order,
	after_a_code_from_elsewhere_that_is_refused_the_order_begins_anew,
	a_token_from_elsewhere_ends_the_order,
	a_token_from_elsewhere_overtakes_the_exchange_of_a_code)
