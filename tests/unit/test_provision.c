#include "core/provision.h"

#include <stdlib.h>
#include <string.h>

#include "core/code.h"
#include "core/profile.h"
#include "core/reason.h"
#include "core/schedule.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS    (INT64_C(3600) * 1000)
#define MINUTE_MS  (INT64_C(60) * 1000)
#define CODE_MS    (INT64_C(30) * 1000)
#define SIGN_IN_MS (INT64_C(600) * 1000)
#define WAIT_MS    (INT64_C(10) * 1000)

static struct settings *settings_of(const char *grant)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find(grant);
	return settings;
}

static struct profile *configured(struct settings *settings)
{
	world_configure(&settings, 1);
	return broker_find(world.broker, "p");
}

static void come(struct profile *profile)
{
	broker_provider_ready(world.broker, profile, world.now_ms);
	world_settle();
}

static void leave(struct profile *profile)
{
	broker_provider_left(world.broker, profile, world.now_ms);
	world_settle();
}

/* A profile whose provider was there before it was first asked; it is asked for a code now. */
static struct profile *asked(const char *grant)
{
	struct profile *profile;

	world_begin(0);
	profile = configured(settings_of(grant));
	come(profile);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]);
	return profile;
}

/* The code that is being exchanged. */
static const char *sent(void)
{
	const struct code *code = world_attempt()->code;

	return code->code ? secret_reveal(code->code) : secret_reveal(code->assertion);
}

/* The only attempt ends with the code, assertion or refresh token refused. */
static void refuse_session(void)
{
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
}

/* Time goes on until a token request may be sent. */
static void pass_gap(void)
{
	world_run_until(world.now_ms + SCHEDULE_ATTEMPT_GAP_MS);
}

static void expect_asks(unsigned codes, unsigned reauthentications, unsigned sign_ins)
{
	ck_assert_uint_eq(world.asks[ERRAND_CODE], codes);
	ck_assert_uint_eq(world.asks[ERRAND_REAUTHENTICATE], reauthentications);
	ck_assert_uint_eq(world.asks[ERRAND_SIGN_IN], sign_ins);
}

static void expect_news(unsigned signed_in, unsigned failed, unsigned needed)
{
	ck_assert_uint_eq(world.n_heard_of[EVENT_SIGNED_IN], signed_in);
	ck_assert_uint_eq(world.n_heard_of[EVENT_SIGN_IN_FAILED], failed);
	ck_assert_uint_eq(world.n_heard_of[EVENT_AUTH_ERROR], needed);
}

static void expect_nothing_asked(void)
{
	for (int i = 0; i < ERRANDS; i++) {
		ck_assert_ptr_null(world.errands[i]);
	}
}

/* The order has ended without a code. */
static void expect_ended(const struct profile *profile, const char *why)
{
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(profile->last_error.message, why));
	ck_assert_str_eq(profile->last_error.message, world_heard(0)->message);
	expect_nothing_asked();
	ck_assert_uint_eq(world.declined, profile->last_error.upstream_status == 0);
}

/* All of it was done, in vain. */
static void expect_given_up(const struct profile *profile, const char *why)
{
	expect_ended(profile, why);
	expect_news(0, 0, 1);
}

/* ---- getAuthCode */

START_TEST(without_a_token_the_provider_is_asked_for_a_code_which_is_exchanged)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	ck_assert_int_eq(profile_state(profile), PROFILE_FETCHING);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	ck_assert_uint_eq(world.n_in_flight, 0);
	world_bring(ERRAND_CODE, "c1");
	ck_assert_str_eq(sent(), "c1");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_int_eq(profile->provider.step, PROVIDER_IDLE);
	expect_asks(1, 0, 0);
	expect_news(0, 0, 0);
	world_end();
}
END_TEST

START_TEST(as_long_as_a_refresh_token_is_taken_the_provider_is_not_asked)
{
	struct profile *profile = asked("authorization_code");

	world_bring(ERRAND_CODE, "c1");
	world_grant_login(world_attempt(), "t1", 5000, "r1");
	for (int i = 0; i < 12; i++) {
		world_run_until(profile->due_ms);
		ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "r1");
		world_grant(world_attempt(), "t2", 5000);
	}
	expect_asks(1, 0, 0);
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
	struct profile *profile = asked("messenger");
	struct caller caller;

	world_bring(ERRAND_CODE, "c1");
	world_grant_login(world_attempt(), "t1", 5000, "r1");
	ck_assert_uint_eq(keep_for_a_minute(profile, "r1"), 16); /* at 75 % of 5 s each */
	expect_asks(1, 0, 0);
	world_run_until(profile->due_ms);
	refuse_session();
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits); /* what was refused is worth nothing any more */
	expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c2");
	pass_gap();
	ck_assert_str_eq(sent(), "c2");
	world_grant_login(world_attempt(), "t2", 5000, "r2");
	ck_assert_str_eq(caller.token, "t2");
	ck_assert_uint_eq(keep_for_a_minute(profile, "r2"), 16);
	expect_asks(2, 0, 0);
	expect_news(0, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_refused_refresh_token_is_followed_by_one_code_and_callers_wait_through)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	world_bring(ERRAND_CODE, "c1");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	world_run_until(2 * HOUR_MS);
	caller_get(&caller, profile, 0, NULL);
	refuse_session();
	ck_assert(caller.waits);
	ck_assert_str_eq(world_record("p")->refresh_token, "");
	ck_assert_int_eq(profile->last_answer.status, 500);
	expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c2");
	pass_gap();
	ck_assert_str_eq(sent(), "c2");
	world_grant_login(world_attempt(), "t2", HOUR_MS, "r2");
	ck_assert_str_eq(caller.token, "t2");
	ck_assert_str_eq(world_record("p")->refresh_token, "r2");
	expect_news(0, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_valid_token_is_handed_out_whatever_the_provider_does)
{
	struct profile *profile = asked("saml2_bearer");
	struct caller caller;

	world_bring(ERRAND_CODE, "a1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	world_run_until(profile->due_ms);
	ck_assert_int_eq(profile_state(profile), PROFILE_REFRESHING);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_decline(ERRAND_CODE, "no", false);
	world_decline(ERRAND_REAUTHENTICATE, "no", false);
	expect_given_up(profile, "reAuthenticate (no)");
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
	struct profile *profile = asked("pkce");
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
	struct profile *profile = asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "no", false);
	world_decline(ERRAND_REAUTHENTICATE, "no", false);
	caller_refresh(&caller, profile);
	expect_asks(2, 1, 0);
	world_bring(ERRAND_CODE, "c2");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	world_end();
}
END_TEST

/* ---- reAuthenticate */

START_TEST(a_provider_without_a_code_signs_in_anew_and_is_asked_again)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "there is none", false);
	expect_asks(1, 1, 0);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	expect_asks(2, 1, 0);
	world_bring(ERRAND_CODE, "c2");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	expect_news(0, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_refused_code_is_followed_by_a_new_login_once)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	world_bring(ERRAND_CODE, "c1");
	refuse_session();
	expect_asks(1, 1, 0);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	world_bring(ERRAND_CODE, "c2");
	pass_gap();
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(sent(), "c2");
	refuse_session();
	expect_given_up(profile, "it failed");
	expect_asks(2, 1, 0);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	world_run_until(world.now_ms + HOUR_MS);
	expect_asks(2, 1, 0); /* never by itself */
	world_end();
}
END_TEST

START_TEST(a_login_that_fails_ends_the_order)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "there is none", false);
	caller_get(&caller, profile, 0, NULL);
	world_decline(ERRAND_REAUTHENTICATE, "the window was closed", false);
	expect_given_up(profile, "reAuthenticate (the window was closed)");
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_str_eq(caller.text, world_heard(0)->message);
	world_end();
}
END_TEST

START_TEST(no_code_after_a_new_login_ends_the_order)
{
	struct profile *profile = asked("pkce");

	world_decline(ERRAND_CODE, "there is none", false);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	world_decline(ERRAND_CODE, "still none", false);
	expect_given_up(profile, "getAuthCode (still none)");
	world_end();
}
END_TEST

/* ---- one that hangs */

START_TEST(a_provider_that_does_not_answer_is_asked_to_sign_in_anew_and_then_given_up)
{
	struct profile *profile = asked("pkce");

	world_run_until(CODE_MS - 1);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]);
	world_run_until(CODE_MS);
	ck_assert_ptr_null(world.errands[ERRAND_CODE]);
	ck_assert_ptr_nonnull(world.errands[ERRAND_REAUTHENTICATE]);
	world_run_until(CODE_MS + SIGN_IN_MS - 1);
	ck_assert_ptr_nonnull(world.errands[ERRAND_REAUTHENTICATE]);
	world_run_until(CODE_MS + SIGN_IN_MS);
	expect_given_up(profile, "reAuthenticate (there was no answer within 600 seconds)");
	world_end();
}
END_TEST

START_TEST(a_provider_that_hangs_after_a_new_login_is_given_up)
{
	struct profile *profile = asked("pkce");

	world_decline(ERRAND_CODE, "there is none", false);
	world_bring(ERRAND_REAUTHENTICATE, NULL);
	world_run_until(CODE_MS);
	expect_given_up(profile, "getAuthCode (there was no answer within 30 seconds)");
	world_end();
}
END_TEST

START_TEST(how_long_it_is_waited_for_is_up_to_the_settings)
{
	struct settings *settings = settings_of("pkce");
	struct profile *profile;

	world_begin(0);
	settings->auth_code_timeout_ms = 2000;
	settings->sign_in_timeout_ms = 5000;
	profile = configured(settings);
	come(profile);
	world_run_until(6999);
	ck_assert_ptr_nonnull(world.errands[ERRAND_REAUTHENTICATE]);
	world_run_until(7000);
	expect_given_up(profile, "within 5 seconds");
	world_end();
}
END_TEST

/* ---- one that dies */

START_TEST(a_provider_that_dies_while_it_is_asked_for_a_code_is_waited_for_by_nobody)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	caller_get(&caller, profile, 0, NULL);
	leave(profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	expect_given_up(profile, "getAuthCode (it went away)");
	come(profile);
	expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(a_provider_that_leaves_to_sign_in_and_comes_back_is_asked_for_the_code)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "there is none", false);
	world_run_until(1000);
	leave(profile);
	expect_nothing_asked();
	ck_assert_int_eq(profile_state(profile), PROFILE_FETCHING);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	come(profile);
	expect_asks(2, 1, 0);
	world_bring(ERRAND_CODE, "c2");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_provider_that_leaves_to_sign_in_has_until_the_deadline_to_come_back)
{
	struct profile *profile = asked("pkce");

	world_decline(ERRAND_CODE, "there is none", false);
	world_run_until(1000);
	leave(profile);
	world_run_until(SIGN_IN_MS - 1);
	ck_assert_int_eq(profile_state(profile), PROFILE_FETCHING);
	world_run_until(SIGN_IN_MS);
	expect_given_up(profile, "reAuthenticate (there was no answer within 600 seconds)");
	come(profile);
	expect_asks(2, 1, 0);
	world_end();
}
END_TEST

START_TEST(a_provider_that_leaves_while_its_code_is_exchanged_changes_nothing)
{
	struct profile *profile = asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	leave(profile);
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(a_provider_that_comes_again_and_again_with_codes_that_are_refused_meets_the_back_off)
{
	struct profile *profile = asked("pkce");

	for (int64_t end_ms = world.now_ms + HOUR_MS; world.now_ms < end_ms;) {
		world_run_until(world.now_ms + 500);
		if (world.errands[ERRAND_CODE]) {
			world_bring(ERRAND_CODE, "bad");
		} else if (world.errands[ERRAND_REAUTHENTICATE]) {
			world_bring(ERRAND_REAUTHENTICATE, NULL);
		} else if (world.n_in_flight > 0) {
			refuse_session();
		} else if (!profile->code) {
			leave(profile);
			come(profile);
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
	struct profile *profile = asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_FAILING);
	expect_nothing_asked();
	world_run_until(profile->due_ms);
	expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c2");
	ck_assert_str_eq(sent(), "c2");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_end();
}
END_TEST

START_TEST(a_client_that_the_server_refuses_is_no_fault_of_the_provider)
{
	struct profile *profile = asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_fail(world_attempt(), GRANT_PERMANENT, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_REJECTED);
	expect_asks(1, 0, 0);
	world_run_until(SCHEDULE_REJECTED_RETRY_MS);
	expect_asks(2, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_place_at_the_host_is_not_held_while_the_provider_is_asked)
{
	struct profile *profile = asked("pkce");

	ck_assert_uint_eq(profile->host->in_flight, 0);
	world_decline(ERRAND_CODE, "there is none", false);
	ck_assert_uint_eq(profile->host->in_flight, 0);
	world_end();
}
END_TEST

/* ---- signIn */

START_TEST(one_where_nobody_is_signed_in_yet_waits_for_a_sign_in)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	world_decline(ERRAND_CODE, "nobody is", true);
	expect_asks(1, 0, 0);
	expect_ended(profile, "Nobody is signed in at the provider of profile p (nobody is)");
	expect_news(0, 0, 0); /* nothing went wrong there */
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	expect_asks(1, 0, 0); /* it is not asked again */
	caller_ask_sign_in(&caller, profile);
	expect_asks(1, 0, 1);
	world_bring(ERRAND_SIGN_IN, "s1");
	ck_assert_str_eq(sent(), "s1");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(caller.token, "t1");
	expect_news(1, 0, 0);
	world_end();
}
END_TEST

START_TEST(one_that_has_sign_in_and_hangs_is_asked_to_sign_in_anew)
{
	asked("pkce");
	world_run_until(CODE_MS);
	expect_asks(1, 1, 0);
	world_end();
}
END_TEST

START_TEST(a_sign_in_that_is_told_without_being_asked_for_is_exchanged_at_once)
{
	struct profile *profile = asked("pkce");

	world_decline(ERRAND_CODE, "nobody is", true);
	broker_signed_in(world.broker, profile, world_code("s1"), world.now_ms);
	world_settle();
	ck_assert_str_eq(sent(), "s1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	expect_asks(1, 0, 0);
	world_end();
}
END_TEST

/* A profile with a token and a refresh token. */
static struct profile *fresh(void)
{
	struct profile *profile = asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	pass_gap();
	return profile;
}

START_TEST(a_sign_in_takes_the_place_of_a_valid_token)
{
	struct profile *profile = fresh();
	struct caller caller, other;

	caller_ask_sign_in(&caller, profile);
	caller_ask_sign_in(&other, profile);
	expect_asks(1, 0, 1);
	world_bring(ERRAND_SIGN_IN, "s1");
	ck_assert_str_eq(sent(), "s1");
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
	struct profile *profile = fresh();
	struct caller caller;

	world_run_until(profile->due_ms - 1000);
	caller_ask_sign_in(&caller, profile);
	world_run_until(profile->due_ms);
	ck_assert_str_eq(secret_reveal(world_attempt()->refresh_token), "r1");
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert(caller.waits);
	ck_assert_ptr_nonnull(world.errands[ERRAND_SIGN_IN]);
	world_bring(ERRAND_SIGN_IN, "s1");
	pass_gap();
	world_grant(world_attempt(), "t3", HOUR_MS);
	ck_assert_str_eq(caller.token, "t3");
	world_end();
}
END_TEST

START_TEST(whoever_asked_for_a_sign_in_waits_its_own_time_and_the_result_is_kept)
{
	struct profile *profile = fresh();
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
	struct profile *profile = fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	broker_signed_in(world.broker, profile, world_code("s1"), world.now_ms);
	expect_nothing_asked();
	world_settle();
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_str_eq(caller.token, "t2");
	world_end();
}
END_TEST

START_TEST(a_sign_in_that_fails_costs_nothing_but_the_wait)
{
	struct profile *profile = fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_decline(ERRAND_SIGN_IN, "the window was closed", true);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_str_eq(caller.text,
		"Nobody was signed in at the provider of profile p: the window was closed");
	expect_news(0, 1, 0);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_sign_in_is_told_to_have_failed)
{
	struct profile *profile = fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	broker_sign_in_failed(world.broker, profile, "no such user", world.now_ms);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "no such user"));
	expect_nothing_asked();
	world_end();
}
END_TEST

START_TEST(a_sign_in_that_hangs_ends_at_its_deadline)
{
	struct settings *settings = settings_of("pkce");
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings->sign_in_timeout_ms = 4000;
	profile = configured(settings);
	come(profile);
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
	struct profile *profile = fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	leave(profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "it went away"));
	caller_ask_sign_in(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	world_end();
}
END_TEST

START_TEST(a_code_of_a_sign_in_that_is_refused_leaves_the_session_as_it_was)
{
	struct profile *profile = fresh();
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_bring(ERRAND_SIGN_IN, "s1");
	refuse_session();
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	ck_assert_str_eq(world_record("p")->refresh_token, "r1");
	expect_asks(1, 0, 1);
	expect_news(0, 1, 0);
	world_end();
}
END_TEST

START_TEST(a_sign_in_goes_before_the_order)
{
	struct profile *profile = asked("pkce");
	struct caller caller, other;

	world_decline(ERRAND_CODE, "there is none", false);
	caller_get(&other, profile, 0, NULL);
	caller_ask_sign_in(&caller, profile);
	world_bring(ERRAND_SIGN_IN, "s1");
	expect_nothing_asked();
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_str_eq(other.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_sign_in_waits_for_the_exchange_before_it_and_comes_next)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	world_bring(ERRAND_CODE, "c1");
	caller_get(&caller, profile, 0, NULL);
	broker_signed_in(world.broker, profile, world_code("s1"), world.now_ms);
	world_settle();
	ck_assert_str_eq(sent(), "c1");
	refuse_session();
	ck_assert(caller.waits); /* what comes next may be its token */
	expect_asks(1, 0, 0);
	pass_gap();
	ck_assert_str_eq(sent(), "s1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	world_end();
}
END_TEST

START_TEST(of_two_sign_ins_the_later_one_is_exchanged)
{
	struct profile *profile = fresh();

	world_run_until(profile->due_ms); /* the flight has begun */
	broker_signed_in(world.broker, profile, world_code("s1"), world.now_ms);
	broker_signed_in(world.broker, profile, world_code("s2"), world.now_ms);
	world_grant(world_attempt(), "t2", HOUR_MS);
	pass_gap();
	ck_assert_str_eq(sent(), "s2");
	world_end();
}
END_TEST

/* ---- what else brings a token */

START_TEST(a_code_from_elsewhere_ends_the_order)
{
	struct profile *profile = asked("pkce");
	struct caller caller, other;

	caller_get(&other, profile, 0, NULL);
	caller_sign_in(&caller, profile, "b1");
	expect_nothing_asked();
	ck_assert_str_eq(sent(), "b1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(caller.token, "t1");
	ck_assert_str_eq(other.token, "t1");
	world_end();
}
END_TEST

START_TEST(after_a_code_from_elsewhere_that_is_refused_the_order_begins_anew)
{
	struct profile *profile = asked("pkce");
	struct caller caller, other;

	caller_get(&other, profile, 0, NULL);
	caller_sign_in(&caller, profile, "b1");
	refuse_session();
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	pass_gap();
	ck_assert(other.waits);
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_str_eq(other.token, "t1");
	world_end();
}
END_TEST

START_TEST(a_token_from_elsewhere_ends_the_order)
{
	struct profile *profile = asked("pkce");

	world_plant(profile, "planted", HOUR_MS);
	expect_nothing_asked();
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	world_run_until(profile->due_ms); /* there is somebody who can renew it */
	expect_asks(2, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_token_from_elsewhere_overtakes_the_exchange_of_a_code)
{
	struct profile *profile = asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_plant(profile, "planted", HOUR_MS);
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	ck_assert_str_eq(secret_reveal(profile->token->value), "planted");
	ck_assert_str_eq(world_record("p")->refresh_token, "r1");
	ck_assert_int_eq(profile->provider.step, PROVIDER_IDLE);
	world_end();
}
END_TEST

/* ---- grants, settings */

START_TEST(an_assertion_is_asked_for_each_time)
{
	struct profile *profile = asked("saml2_bearer");
	struct errand *errand;

	for (unsigned i = 1; i <= 3; i++) {
		errand = world.errands[ERRAND_CODE];
		world.errands[ERRAND_CODE] = NULL;
		broker_provided(world.broker, errand,
			&(struct provided){
				.code = code_new(&(struct code_texts){.assertion = "a"})},
			world.now_ms);
		world_settle();
		ck_assert_str_eq(sent(), "a");
		world_grant_login(world_attempt(), "t", HOUR_MS, "of no use here");
		ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
		expect_asks(i, 0, 0);
		world_run_until(profile->due_ms);
	}
	ck_assert_uint_eq(world_record("p")->writes, 0);
	world_end();
}
END_TEST

START_TEST(an_assertion_of_the_settings_is_sent_where_no_provider_is_there)
{
	struct settings *settings = settings_of("saml2_bearer");
	struct profile *profile;

	world_begin(0);
	settings->secrets[SETTINGS_ASSERTION].value = secret_new("own", 3);
	profile = configured(settings);
	ck_assert_ptr_null(world_attempt()->code);
	refuse_session();
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	world_run_until(HOUR_MS);
	come(profile);
	world_bring(ERRAND_CODE, "a1");
	ck_assert_str_eq(sent(), "a1");
	world_end();
}
END_TEST

START_TEST(without_a_provider_somebody_has_to_act_until_one_comes)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = configured(settings_of("saml2_bearer"));
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	caller_get(&caller, profile, 0, NULL);
	ck_assert_int_eq(caller.outcome, OUTCOME_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(caller.text, "start the provider"));
	expect_asks(0, 0, 0);
	come(profile);
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	expect_asks(1, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_token_is_renewed_in_time_when_a_provider_comes_late)
{
	struct profile *profile = asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS); /* without a refresh token */
	leave(profile);
	ck_assert_int_gt(profile->due_ms, HOUR_MS * 9 / 10);
	come(profile);
	ck_assert_int_lt(profile->due_ms, HOUR_MS * 9 / 10);
	world_run_until(profile->due_ms);
	expect_asks(2, 0, 0);
	world_end();
}
END_TEST

START_TEST(a_command_is_there_to_be_asked_without_having_come)
{
	struct settings *settings = settings_of("pkce");
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings->auth_provider_command = strdup("/usr/bin/provider");
	profile = configured(settings);
	expect_asks(1, 0, 0);
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	ck_assert_int_eq(profile_state(profile), PROFILE_FRESH);
	caller_ask_sign_in(&caller, profile);
	expect_asks(1, 0, 1);
	world_end();
}
END_TEST

START_TEST(a_command_that_a_reload_brings_ends_a_verdict)
{
	struct settings *settings;
	struct profile *profile;

	world_begin(0);
	profile = configured(settings_of("pkce"));
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	settings = settings_of("pkce");
	settings->auth_provider_command = strdup("/usr/bin/provider");
	configured(settings);
	expect_asks(1, 0, 0);
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
		struct settings *settings = settings_of("pkce");

		settings->auth_provider_command = commands[i] ? strdup(commands[i]) : NULL;
		profile = configured(settings);
		if (commands[i]) {
			pass_gap();
			caller_get(&callers[i], profile, 0, NULL);
			caller_ask_sign_in(&signing_in[i], profile);
			expect_asks(i + 1, i, 1);
			world_decline(ERRAND_CODE, "there is none", false);
			expect_asks(i + 1, i + 1, 1);
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
	struct settings *settings = settings_of("pkce");
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	settings->refresh_access_token = false;
	profile = configured(settings);
	come(profile);
	world_bring(ERRAND_CODE, "c1");
	world_grant(world_attempt(), "t1", HOUR_MS);
	world_run_until(2 * HOUR_MS);
	leave(profile);
	come(profile);
	expect_asks(1, 0, 0);
	caller_refresh(&caller, profile);
	expect_asks(2, 0, 0);
	world_bring(ERRAND_CODE, "c2");
	world_grant(world_attempt(), "t2", HOUR_MS);
	ck_assert_int_eq(caller.outcome, OUTCOME_TOKEN);
	world_end();
}
END_TEST

START_TEST(a_reload_that_makes_it_another_profile_ends_what_its_provider_does)
{
	struct settings *settings = settings_of("pkce");
	struct profile *profile = asked("pkce");
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_decline(ERRAND_CODE, "there is none", false);
	fixture_set(&settings->client_id, "another");
	configured(settings);
	ck_assert_ptr_null(world.errands[ERRAND_REAUTHENTICATE]);
	ck_assert_ptr_null(world.errands[ERRAND_SIGN_IN]);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]); /* for the other one */
	world_end();
}
END_TEST

START_TEST(a_reload_that_keeps_the_profile_keeps_what_its_provider_does)
{
	struct profile *profile = asked("pkce");

	ck_assert_ptr_eq(configured(settings_of("pkce")), profile);
	expect_asks(1, 0, 0);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]);
	world_end();
}
END_TEST

START_TEST(a_profile_that_goes_and_a_daemon_that_ends_ask_nobody)
{
	struct profile *profile = asked("pkce");
	struct caller caller;

	caller_ask_sign_in(&caller, profile);
	world_configure(NULL, 0);
	expect_nothing_asked();
	ck_assert_int_eq(caller.outcome, OUTCOME_DENIED);
	profile = configured(settings_of("pkce"));
	come(profile);
	caller_ask_sign_in(&caller, profile);
	broker_shutdown(world.broker);
	expect_nothing_asked();
	ck_assert_int_eq(caller.outcome, OUTCOME_SHUTTING_DOWN);
	world_end();
}
END_TEST

START_TEST(what_is_waited_for_is_told_in_words)
{
	struct profile *profile = asked("pkce");
	char why[REASON_SIZE];

	ck_assert_int_eq(reason_next(profile, world.now_ms, why), PROFILE_NEVER);
	ck_assert_str_eq(why, "its provider was asked to getAuthCode, and has not answered yet");
	world_end();
}
END_TEST

START_TEST(one_that_has_to_be_started_for_a_sign_in_is_so_once_a_second)
{
	struct settings *settings = settings_of("pkce");
	struct profile *profile;
	struct caller caller;

	fixture_set(&settings->auth_provider_command, "/bin/false");
	world_begin(0);
	profile = configured(settings);
	world_decline(ERRAND_CODE, "it went away", false);
	world_decline(ERRAND_REAUTHENTICATE, "it went away", false);
	caller_ask_sign_in(&caller, profile);
	world_decline(ERRAND_SIGN_IN, "it went away", false);
	caller_ask_sign_in(&caller, profile);
	ck_assert_int_eq(caller.outcome, OUTCOME_RATE_LIMITED);
	ck_assert_int_eq(caller.retry_after_ms, SCHEDULE_ATTEMPT_GAP_MS);
	expect_asks(1, 1, 1);
	pass_gap();
	caller_ask_sign_in(&caller, profile);
	expect_asks(1, 1, 2);
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
	a_place_at_the_host_is_not_held_while_the_provider_is_asked,
	one_where_nobody_is_signed_in_yet_waits_for_a_sign_in,
	one_that_has_sign_in_and_hangs_is_asked_to_sign_in_anew,
	a_sign_in_that_is_told_without_being_asked_for_is_exchanged_at_once,
	a_sign_in_takes_the_place_of_a_valid_token, the_token_is_renewed_while_somebody_signs_in,
	whoever_asked_for_a_sign_in_waits_its_own_time_and_the_result_is_kept,
	a_sign_in_that_is_told_ends_the_one_that_was_asked_for,
	a_sign_in_that_fails_costs_nothing_but_the_wait, a_sign_in_is_told_to_have_failed,
	a_sign_in_that_hangs_ends_at_its_deadline, a_sign_in_ends_with_its_provider,
	one_that_has_to_be_started_for_a_sign_in_is_so_once_a_second,
	a_code_of_a_sign_in_that_is_refused_leaves_the_session_as_it_was,
	a_sign_in_goes_before_the_order, a_sign_in_waits_for_the_exchange_before_it_and_comes_next,
	of_two_sign_ins_the_later_one_is_exchanged, a_code_from_elsewhere_ends_the_order,
	after_a_code_from_elsewhere_that_is_refused_the_order_begins_anew,
	a_token_from_elsewhere_ends_the_order,
	a_token_from_elsewhere_overtakes_the_exchange_of_a_code,
	an_assertion_is_asked_for_each_time,
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
