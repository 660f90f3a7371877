#include "core/device.h"

#include <string.h>

#include "core/code.h"
#include "core/secret.h"
#include "core/settings.h"
#include "fixture.h"
#include "unit.h"

#define START_MS   INT64_C(1000000)
#define LIFE_MS    INT64_C(600000)
#define SECOND_MS  INT64_C(1000)
#define GIVEN_LATE INT64_C(2000) /* after the codes were asked for */

static struct device *device;
static int64_t now_ms;

/* A device authorization whose codes have come. interval_ms 0: the server says none. */
static void begin(int64_t interval_ms)
{
	const struct grant_result result = {.verdict = GRANT_GRANTED};
	struct settings *settings = fixture_settings("p");

	now_ms = START_MS;
	device = device_new(settings, now_ms);
	settings_unref(settings);
	device->codes.device_code = secret_new("device-code", strlen("device-code"));
	device->codes.user_code = strdup("WDJB-MJHT");
	device->codes.lifetime_ms = LIFE_MS;
	device->codes.interval_ms = interval_ms;
	now_ms += GIVEN_LATE;
	device_answered(device, &result, now_ms);
}

static void end(void)
{
	device_free(device);
}

/* Goes on to the poll that is due, and answers it delay_ms later. */
static bool poll_for(struct grant_result *result, int64_t delay_ms)
{
	struct code *code;

	ck_assert_int_eq(device_next(device, true), device->poll_ms);
	now_ms = device->poll_ms;
	code = device_poll(device, now_ms);
	ck_assert_int_eq(code->origin, CODE_DEVICE);
	ck_assert_str_eq(secret_reveal(code->code), "device-code");
	code_free(code);
	device_sent(device);
	now_ms += delay_ms;
	return device_polled(device, result, now_ms);
}

static struct grant_result refusal(enum grant_verdict verdict, const char *error)
{
	struct grant_result result = {.verdict = verdict, .status = 400, .message = "as it was"};

	strcpy(result.upstream_error, error);
	result.pending = strcmp(error, "authorization_pending") == 0 ||
			 strcmp(error, "slow_down") == 0;
	return result;
}

/* How long after the answer the next poll is. */
static int64_t wait_after(const char *error)
{
	struct grant_result result = refusal(GRANT_TEMPORARY, error);

	ck_assert(poll_for(&result, 100));
	ck_assert_int_eq(device->step, DEVICE_PENDING);
	return device->poll_ms - now_ms;
}

START_TEST(the_server_is_asked_every_five_seconds_where_it_says_nothing)
{
	begin(0);
	ck_assert_int_eq(device->poll_ms, START_MS + GIVEN_LATE + 5 * SECOND_MS);
	ck_assert_int_eq(wait_after("authorization_pending"), 5 * SECOND_MS);
	ck_assert_int_eq(wait_after("authorization_pending"), 5 * SECOND_MS);
	end();
}
END_TEST

START_TEST(the_server_says_how_often_it_is_asked)
{
	begin(12 * SECOND_MS);
	ck_assert_int_eq(wait_after("authorization_pending"), 12 * SECOND_MS);
	end();
	begin(1);
	ck_assert_int_eq(wait_after("authorization_pending"), DEVICE_INTERVAL_MIN_MS);
	end();
	begin(INT64_C(86400000));
	ck_assert_int_eq(device->interval_ms, DEVICE_INTERVAL_MAX_MS);
	end();
}
END_TEST

START_TEST(slow_down_adds_five_seconds_for_good)
{
	begin(0);
	ck_assert_int_eq(wait_after("slow_down"), 10 * SECOND_MS);
	ck_assert_int_eq(wait_after("authorization_pending"), 10 * SECOND_MS);
	ck_assert_int_eq(wait_after("slow_down"), 15 * SECOND_MS);
	ck_assert_int_eq(wait_after("authorization_pending"), 15 * SECOND_MS);
	end();
}
END_TEST

START_TEST(without_a_word_the_wait_is_doubled_to_a_minute_until_one_comes)
{
	begin(0);
	ck_assert_int_eq(wait_after(""), 10 * SECOND_MS);
	ck_assert_int_eq(wait_after(""), 20 * SECOND_MS);
	ck_assert_int_eq(wait_after(""), 40 * SECOND_MS);
	ck_assert_int_eq(wait_after("temporarily_unavailable"), 60 * SECOND_MS);
	ck_assert_int_eq(wait_after(""), 60 * SECOND_MS);
	ck_assert_int_eq(wait_after("authorization_pending"), 5 * SECOND_MS);
	ck_assert_int_eq(wait_after(""), 10 * SECOND_MS);
	end();
}
END_TEST

START_TEST(an_interval_of_more_than_a_minute_is_kept_without_a_word)
{
	begin(90 * SECOND_MS);
	ck_assert_int_eq(wait_after(""), 90 * SECOND_MS);
	ck_assert_int_eq(wait_after(""), 90 * SECOND_MS);
	end();
}
END_TEST

START_TEST(retry_after_holds_where_it_is_later)
{
	struct grant_result result = refusal(GRANT_TEMPORARY, "");

	begin(0);
	result.retry_after_ms = 100 * SECOND_MS;
	ck_assert(poll_for(&result, 0));
	ck_assert_int_eq(device->poll_ms - now_ms, 100 * SECOND_MS);
	result.retry_after_ms = 1;
	ck_assert(poll_for(&result, 0));
	ck_assert_int_eq(device->poll_ms - now_ms, 20 * SECOND_MS);
	end();
}
END_TEST

static void expect_end(const char *error, enum grant_verdict verdict, enum grant_verdict ended,
	const char *message)
{
	struct grant_result result = refusal(verdict, error);

	begin(0);
	ck_assert(!poll_for(&result, 0));
	ck_assert_int_eq(device->step, DEVICE_ENDED);
	ck_assert_int_eq(device->verdict, ended);
	ck_assert_int_eq(result.verdict, ended);
	ck_assert_str_eq(device->message, message);
	ck_assert_str_eq(result.message, message);
	ck_assert_ptr_null(device->codes.device_code);
	ck_assert(device_is(device, "WDJB-MJHT"));
	end();
}

START_TEST(a_denied_sign_in_ends_and_says_so)
{
	expect_end("access_denied", GRANT_PERMANENT, GRANT_LOGIN_REQUIRED,
		"Somebody denied the sign-in for profile p at the login server login.example:443; "
		"sign in again");
}
END_TEST

START_TEST(a_code_that_the_server_lets_expire_ends_it)
{
	expect_end("expired_token", GRANT_PERMANENT, GRANT_LOGIN_REQUIRED,
		"Nobody signed in for profile p before the code expired; sign in again");
}
END_TEST

START_TEST(any_other_refusal_ends_it_as_it_is)
{
	expect_end("invalid_grant", GRANT_LOGIN_REQUIRED, GRANT_LOGIN_REQUIRED, "as it was");
	expect_end("invalid_client", GRANT_PERMANENT, GRANT_PERMANENT, "as it was");
}
END_TEST

START_TEST(a_token_ends_it)
{
	struct grant_result result = {.verdict = GRANT_GRANTED};

	begin(0);
	ck_assert(!poll_for(&result, 0));
	device_end(device, GRANT_GRANTED, NULL, now_ms);
	ck_assert_int_eq(device->verdict, GRANT_GRANTED);
	ck_assert_ptr_null(device->codes.device_code);
	end();
}
END_TEST

START_TEST(codes_expire_by_the_time_at_which_they_were_asked_for)
{
	char why[GRANT_MESSAGE_SIZE];

	begin(0);
	ck_assert_int_eq(device->expires_ms, START_MS + LIFE_MS);
	ck_assert(!device_is_over(device, true, device->expires_ms - 1, why));
	ck_assert(device_is_over(device, true, device->expires_ms, why));
	ck_assert_str_eq(
		why, "Nobody signed in for profile p before the code expired; sign in again");
	device->poll_ms = INT64_MAX;
	ck_assert_int_eq(device_next(device, true), device->expires_ms);
	end();
}
END_TEST

START_TEST(a_poll_on_its_way_is_heard_although_the_codes_expire)
{
	struct code *code;
	char why[GRANT_MESSAGE_SIZE];

	begin(0);
	code = device_poll(device, device->poll_ms);
	ck_assert_int_eq(device_next(device, true), device->expires_ms); /* it waits for its turn */
	ck_assert(device_is_over(device, true, device->expires_ms, why));
	device_sent(device);
	ck_assert_int_eq(device_next(device, true), INT64_MAX);
	ck_assert(!device_is_over(device, true, device->expires_ms, why));
	code_free(code);
	end();
}
END_TEST

START_TEST(codes_live_for_an_hour_at_most)
{
	const struct grant_result result = {.verdict = GRANT_GRANTED};
	struct settings *settings = fixture_settings("p");

	device = device_new(settings, START_MS);
	device->codes.lifetime_ms = INT64_C(86400000);
	device_answered(device, &result, START_MS);
	ck_assert_int_eq(device->expires_ms, START_MS + DEVICE_LIFETIME_MAX_MS);
	settings_unref(settings);
	end();
}
END_TEST

START_TEST(with_nobody_who_waits_it_goes_on_for_half_a_minute)
{
	char why[GRANT_MESSAGE_SIZE];

	begin(90 * SECOND_MS);
	ck_assert_int_eq(device_next(device, false), now_ms + DEVICE_LEASE_MS);
	ck_assert(!device_is_over(device, false, now_ms + DEVICE_LEASE_MS - 1, why));
	ck_assert(!device_is_over(device, true, now_ms + DEVICE_LEASE_MS, why));
	ck_assert(device_is_over(device, false, now_ms + DEVICE_LEASE_MS, why));
	ck_assert_str_eq(why, "The sign-in for profile p was given up, since nobody waits for it "
			      "any more; sign in again");
	device_hold(device, now_ms + SECOND_MS);
	ck_assert_int_eq(device_next(device, false), now_ms + SECOND_MS + DEVICE_LEASE_MS);
	device_release(device);
	ck_assert(device_is_over(device, false, now_ms, why));
	end();
}
END_TEST

START_TEST(its_end_is_remembered_for_a_minute)
{
	char why[GRANT_MESSAGE_SIZE];

	begin(0);
	device_end(device, GRANT_LOGIN_REQUIRED, "it is over", now_ms);
	ck_assert_int_eq(device_next(device, true), now_ms + DEVICE_MEMORY_MS);
	device_hold(device, now_ms + 1);
	ck_assert(!device_is_over(device, false, INT64_MAX, why));
	ck_assert(!device_is_past(device, now_ms + DEVICE_MEMORY_MS - 1));
	ck_assert(device_is_past(device, now_ms + DEVICE_MEMORY_MS));
	end();
}
END_TEST

static void expect_again(int64_t retry_after_ms, int64_t wait_ms)
{
	struct grant_result result = {
		.verdict = GRANT_TEMPORARY, .message = "away", .retry_after_ms = retry_after_ms};
	struct settings *settings = fixture_settings("p");

	device = device_new(settings, START_MS);
	ck_assert_int_eq(device_next(device, true), INT64_MAX);
	device_answered(device, &result, START_MS);
	ck_assert_int_eq(device->step, DEVICE_ENDED);
	ck_assert_int_eq(device->again_ms, START_MS + wait_ms);
	ck_assert(!device_is(device, "WDJB-MJHT"));
	settings_unref(settings);
	end();
}

START_TEST(after_a_refusal_codes_are_not_asked_for_again_at_once)
{
	expect_again(0, SECOND_MS);
	expect_again(30 * SECOND_MS, 30 * SECOND_MS);
}
END_TEST

UNIT_MAIN("device", the_server_is_asked_every_five_seconds_where_it_says_nothing,
	the_server_says_how_often_it_is_asked, slow_down_adds_five_seconds_for_good,
	without_a_word_the_wait_is_doubled_to_a_minute_until_one_comes,
	an_interval_of_more_than_a_minute_is_kept_without_a_word,
	retry_after_holds_where_it_is_later, a_denied_sign_in_ends_and_says_so,
	a_code_that_the_server_lets_expire_ends_it, any_other_refusal_ends_it_as_it_is,
	a_token_ends_it, codes_expire_by_the_time_at_which_they_were_asked_for,
	a_poll_on_its_way_is_heard_although_the_codes_expire, codes_live_for_an_hour_at_most,
	with_nobody_who_waits_it_goes_on_for_half_a_minute, its_end_is_remembered_for_a_minute,
	after_a_refusal_codes_are_not_asked_for_again_at_once)
