#include "core/provision.h"

#include "core/profile.h"
#include "core/schedule.h"
#include "core/secret.h"
#include "providing.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS    (INT64_C(3600) * 1000)
#define MINUTE_MS  (INT64_C(60) * 1000)
#define CODE_MS    (INT64_C(30) * 1000)
#define SIGN_IN_MS (INT64_C(600) * 1000)
#define WAIT_MS    (INT64_C(10) * 1000)

/* ---- getAuthCode */

START_TEST(without_a_token_the_provider_is_asked_for_a_code_which_is_exchanged)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	ck_assert_int_eq(profile_state(profile), PROFILE_FETCHING);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	ck_assert_uint_eq(world.n_in_flight, 0);
	world_bring(ERRAND_CODE, "c1");
	ck_assert_str_eq(providing_sent(), "c1");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_int_eq(profile->provider.step, PROVIDER_IDLE);
	providing_expect_asks(1, 0, 0);
	providing_expect_news(0, 0, 0);
	world_end();
}
END_TEST

START_TEST(as_long_as_a_refresh_token_is_taken_the_provider_is_not_asked)
{
	struct profile *profile = providing_asked("authorization_code");

	world_bring(ERRAND_CODE, "c1");
	world_grant_login(world_attempt(), "t1", 5000, "r1");
	for (int i = 0; i < 12; i++) {
		world_run_until(profile->due_ms);
		ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "r1");
		world_grant(world_attempt(), "t2", 5000);
	}
	providing_expect_asks(1, 0, 0);
	world_end();
}
END_TEST

/* A session is asked for a new token of 5 s whenever one is due, for a minute. Returns how often.
 */
static unsigned keep_for_a_minute(struct profile *profile, const char *refresh_token)
{
	int64_t end_ms = world.now_ms + MINUTE_MS;
	struct caller caller;
	unsigned n = 0;

	for (; profile->due_ms <= end_ms; n++) {
		world_run_until(profile->due_ms);
		ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), refresh_token);
		caller_get(&caller, profile, 0, NULL);
		ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
		world_grant(world_attempt(), "t", 5000);
	}
	return n;
}

START_TEST(a_messengers_jwt_is_kept_by_its_refresh_token_alone_and_then_by_one_code)
{
	struct profile *profile = providing_asked("messenger");
	struct caller caller;

	world_bring(ERRAND_CODE, "c1");
	world_grant_login(world_attempt(), "t1", 5000, "r1");
	ck_assert_uint_eq(keep_for_a_minute(profile, "r1"), 16); /* at 75 % of 5 s each */
	providing_expect_asks(1, 0, 0);
	world_run_until(profile->due_ms);
	providing_refuse();
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits); /* what was refused is worth nothing any more */
	providing_expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c2");
	providing_pass_gap();
	ck_assert_str_eq(providing_sent(), "c2");
	world_grant_login(world_attempt(), "t2", 5000, "r2");
	ck_assert_str_eq(caller.token, "t2");
	ck_assert_uint_eq(keep_for_a_minute(profile, "r2"), 16);
	providing_expect_asks(2, 0, 0);
	providing_expect_news(0, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_refused_refresh_token_is_followed_by_one_code_and_callers_wait_through)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	world_bring(ERRAND_CODE, "c1");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	world_run_until(2 * HOUR_MS);
	caller_get(&caller, profile, 0, NULL);
	providing_refuse();
	ck_assert(caller.waits);
	ck_assert_str_eq(world_record("p")->refresh_token, "");
	ck_assert_int_eq(profile->last_answer.status, 500);
	providing_expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c2");
	providing_pass_gap();
	ck_assert_str_eq(providing_sent(), "c2");
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(caller.token, "t2");
	ck_assert_str_eq(world_record("p")->refresh_token, "r2");
	providing_expect_news(0, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_valid_token_is_handed_out_whatever_the_provider_does)
{
	struct profile *profile = providing_asked("saml2_bearer");
	struct caller caller;

	world_bring(ERRAND_CODE, "a1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	world_run_until(profile->due_ms);
	ck_assert_int_eq(profile_state(profile), PROFILE_REFRESHING);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_decline(ERRAND_CODE, "no", false);
	world_decline(ERRAND_REAUTHENTICATE, "no", false);
	providing_expect_given_up(profile, "reAuthenticate (no)");
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_run_until(2 * HOUR_MS);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(a_caller_waits_for_the_provider_no_longer_than_its_own_time)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	caller_get(&caller, profile, 0, NULL);
	world_run_until(WAIT_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_TIMEOUT);
	ck_assert_int_eq(caller.answered_ms, WAIT_MS);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]); /* it goes on */
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(on_demand_an_order_that_was_given_up_begins_anew)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "no", false);
	world_decline(ERRAND_REAUTHENTICATE, "no", false);
	caller_refresh(&caller, profile);
	providing_expect_asks(2, 1, 0);
	world_bring(ERRAND_CODE, "c2");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	world_end();
}
END_TEST

/* ---- reAuthenticate */

START_TEST(a_provider_without_a_code_signs_in_anew_and_is_asked_again)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "there is none", false);
	providing_expect_asks(1, 1, 0);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	providing_expect_asks(2, 1, 0);
	world_bring(ERRAND_CODE, "c2");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	providing_expect_news(0, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_refused_code_is_followed_by_a_new_login_once)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	world_bring(ERRAND_CODE, "c1");
	providing_refuse();
	providing_expect_asks(1, 1, 0);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	world_bring(ERRAND_CODE, "c2");
	providing_pass_gap();
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(providing_sent(), "c2");
	providing_refuse();
	providing_expect_given_up(profile, "it failed");
	providing_expect_asks(2, 1, 0);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	world_run_until(world.now_ms + HOUR_MS);
	providing_expect_asks(2, 1, 0); /* never by itself */
	world_end();
}
END_TEST

START_TEST(a_login_that_fails_ends_the_order)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "there is none", false);
	caller_get(&caller, profile, 0, NULL);
	world_decline(ERRAND_REAUTHENTICATE, "the window was closed", false);
	providing_expect_given_up(profile, "reAuthenticate (the window was closed)");
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_str_eq(caller.text, world_heard(0)->message);
	world_end();
}
END_TEST

START_TEST(no_code_after_a_new_login_ends_the_order)
{
	struct profile *profile = providing_asked("pkce");

	world_decline(ERRAND_CODE, "there is none", false);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	world_decline(ERRAND_CODE, "still none", false);
	providing_expect_given_up(profile, "getAuthCode (still none)");
	world_end();
}
END_TEST

/* ---- one that hangs */

START_TEST(a_provider_that_does_not_answer_is_asked_to_sign_in_anew_and_then_given_up)
{
	struct profile *profile = providing_asked("pkce");

	world_run_until(CODE_MS - 1);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]);
	world_run_until(CODE_MS);
	ck_assert_ptr_null(world.errands[ERRAND_CODE]);
	ck_assert_ptr_nonnull(world.errands[ERRAND_REAUTHENTICATE]);
	world_run_until(CODE_MS + SIGN_IN_MS - 1);
	ck_assert_ptr_nonnull(world.errands[ERRAND_REAUTHENTICATE]);
	world_run_until(CODE_MS + SIGN_IN_MS);
	providing_expect_given_up(
		profile, "reAuthenticate (there was no answer within 600 seconds)");
	world_end();
}
END_TEST

START_TEST(a_provider_that_hangs_after_a_new_login_is_given_up)
{
	struct profile *profile = providing_asked("pkce");

	world_decline(ERRAND_CODE, "there is none", false);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	world_run_until(CODE_MS);
	providing_expect_given_up(profile, "getAuthCode (there was no answer within 30 seconds)");
	world_end();
}
END_TEST

START_TEST(how_long_it_is_waited_for_is_up_to_the_settings)
{
	struct settings *settings = providing_settings("pkce");
	struct profile *profile;

	world_begin(0);
	settings->auth_code_timeout_ms = 2000;
	settings->sign_in_timeout_ms = 5000;
	profile = providing_configured(settings);
	providing_come(profile);
	world_run_until(6999);
	ck_assert_ptr_nonnull(world.errands[ERRAND_REAUTHENTICATE]);
	world_run_until(7000);
	providing_expect_given_up(profile, "within 5 seconds");
	world_end();
}
END_TEST

/* ---- one that dies */

START_TEST(a_provider_that_dies_while_it_is_asked_for_a_code_is_waited_for_by_nobody)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	caller_get(&caller, profile, 0, NULL);
	providing_leave(profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	providing_expect_given_up(profile, "getAuthCode (it went away)");
	providing_come(profile);
	providing_expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(a_provider_that_leaves_to_sign_in_and_comes_back_is_asked_for_the_code)
{
	struct profile *profile = providing_asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "there is none", false);
	world_run_until(1000);
	providing_leave(profile);
	providing_expect_idle();
	ck_assert_int_eq(profile_state(profile), PROFILE_FETCHING);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	providing_come(profile);
	providing_expect_asks(2, 1, 0);
	world_bring(ERRAND_CODE, "c2");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_provider_that_leaves_to_sign_in_has_until_the_deadline_to_come_back)
{
	struct profile *profile = providing_asked("pkce");

	world_decline(ERRAND_CODE, "there is none", false);
	world_run_until(1000);
	providing_leave(profile);
	world_run_until(SIGN_IN_MS - 1);
	ck_assert_int_eq(profile_state(profile), PROFILE_FETCHING);
	world_run_until(SIGN_IN_MS);
	providing_expect_given_up(
		profile, "reAuthenticate (there was no answer within 600 seconds)");
	providing_come(profile);
	providing_expect_asks(2, 1, 0);
	world_end();
}
END_TEST

START_TEST(a_provider_that_leaves_while_its_code_is_exchanged_changes_nothing)
{
	struct profile *profile = providing_asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	providing_leave(profile);
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(a_provider_that_comes_again_and_again_with_codes_that_are_refused_meets_the_back_off)
{
	struct profile *profile = providing_asked("pkce");

	for (int64_t end_ms = world.now_ms + HOUR_MS; world.now_ms < end_ms;) {
		world_run_until(world.now_ms + 500);
		if (world.errands[ERRAND_CODE]) {
			world_bring(ERRAND_CODE, "bad");
		} else if (world.errands[ERRAND_REAUTHENTICATE]) {
			world_bring(ERRAND_REAUTHENTICATE, NULL);
		} else if (world.n_in_flight > 0) {
			providing_refuse();
		} else if (!profile->code) {
			providing_leave(profile);
			providing_come(profile);
		}
	}
	ck_assert_uint_ge(world.started, 60);
	ck_assert_uint_le(world.started, 2 * 80); /* two for each order */
	world_end();
}
END_TEST

/* ---- the login server */

START_TEST(an_exchange_that_fails_in_passing_is_tried_again_with_a_new_code)
{
	struct profile *profile = providing_asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_FAILING);
	providing_expect_idle();
	world_run_until(profile->due_ms);
	providing_expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c2");
	ck_assert_str_eq(providing_sent(), "c2");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(a_client_that_the_server_refuses_is_no_fault_of_the_provider)
{
	struct profile *profile = providing_asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_fail(world_attempt(), GRANT_PERMANENT, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_REJECTED);
	providing_expect_asks(1, 0, 0);
	world_run_until(SCHEDULE_REJECTED_RETRY_MS);
	providing_expect_asks(2, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_place_at_the_host_is_not_held_while_the_provider_is_asked)
{
	struct profile *profile = providing_asked("pkce");

	ck_assert_uint_eq(profile->host->in_flight, 0);
	world_decline(ERRAND_CODE, "there is none", false);
	ck_assert_uint_eq(profile->host->in_flight, 0);
	world_end();
}
END_TEST

UNIT_MAIN("provision", without_a_token_the_provider_is_asked_for_a_code_which_is_exchanged,
	as_long_as_a_refresh_token_is_taken_the_provider_is_not_asked,
	a_messengers_jwt_is_kept_by_its_refresh_token_alone_and_then_by_one_code,
	a_refused_refresh_token_is_followed_by_one_code_and_callers_wait_through,
	a_valid_token_is_handed_out_whatever_the_provider_does,
	a_caller_waits_for_the_provider_no_longer_than_its_own_time,
	on_demand_an_order_that_was_given_up_begins_anew,
	a_provider_without_a_code_signs_in_anew_and_is_asked_again,
	a_refused_code_is_followed_by_a_new_login_once, a_login_that_fails_ends_the_order,
	no_code_after_a_new_login_ends_the_order,
	a_provider_that_does_not_answer_is_asked_to_sign_in_anew_and_then_given_up,
	a_provider_that_hangs_after_a_new_login_is_given_up,
	how_long_it_is_waited_for_is_up_to_the_settings,
	a_provider_that_dies_while_it_is_asked_for_a_code_is_waited_for_by_nobody,
	a_provider_that_leaves_to_sign_in_and_comes_back_is_asked_for_the_code,
	a_provider_that_leaves_to_sign_in_has_until_the_deadline_to_come_back,
	a_provider_that_leaves_while_its_code_is_exchanged_changes_nothing,
	a_provider_that_comes_again_and_again_with_codes_that_are_refused_meets_the_back_off,
	an_exchange_that_fails_in_passing_is_tried_again_with_a_new_code,
	a_client_that_the_server_refuses_is_no_fault_of_the_provider,
	a_place_at_the_host_is_not_held_while_the_provider_is_asked)
