#include "core/overview.h"

#include <stdio.h>
#include <string.h>

#include "core/due.h"
#include "core/login.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS (3600 * INT64_C(1000))

static struct profile *profile;
static struct caller caller;

static void begin(void)
{
	world_begin(1000000);
	profile = world_profile("p");
}

static void begin_with_token(void)
{
	begin();
	world_grant(world_attempt(), "one", HOUR_MS);
}

static void check_counts(size_t fresh, size_t failing, size_t login_required)
{
	struct overview overview = overview_take(world.broker);

	ck_assert_uint_eq(overview.fresh, fresh);
	ck_assert_uint_eq(overview.failing, failing);
	ck_assert_uint_eq(overview.login_required, login_required);
}

/* Time goes on, and nobody ticks: the timer is broken. */
static const struct profile *overlooked_after(int64_t ms)
{
	return overview_overlooked(world.broker, world.now_ms + ms);
}

START_TEST(profiles_are_counted_by_how_they_are)
{
	struct settings *settings[] = {
		fixture_settings("a"), fixture_settings("b"), fixture_settings("c")};

	world_begin(1000000);
	world_configure(settings, 3);
	world_run_until(world.now_ms + 100);
	check_counts(0, 0, 0);
	ck_assert_uint_eq(overview_take(world.broker).profiles, 3);
	world_grant(world.in_flight[0], "one", HOUR_MS);
	world_fail(world.in_flight[0], GRANT_TEMPORARY, 0);
	world_fail(world.in_flight[0], GRANT_LOGIN_REQUIRED, 0);
	check_counts(1, 1, 1);
	world_end();
}
END_TEST

START_TEST(profile_whose_refresh_fails_is_failing_although_its_token_is_good)
{
	begin_with_token();
	check_counts(1, 0, 0);
	world_run_until(profile->due_ms);
	check_counts(1, 0, 0); /* its refresh is in flight */
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	ck_assert_ptr_nonnull(profile->token);
	check_counts(0, 1, 0);
	world_end();
}
END_TEST

START_TEST(next_refresh_is_the_earliest_that_starts_by_itself)
{
	begin();
	ck_assert_int_eq(overview_take(world.broker).next_ms, INT64_MAX); /* it is in flight */
	world_grant(world_attempt(), "one", HOUR_MS);
	ck_assert_int_eq(overview_take(world.broker).next_ms, profile->due_ms);
	world_run_until(profile->due_ms);
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_int_eq(overview_take(world.broker).next_ms, INT64_MAX); /* it never does */
	world_end();
}
END_TEST

START_TEST(refresh_that_does_not_start_is_overlooked_after_the_grace)
{
	int64_t wait_ms;

	begin_with_token();
	wait_ms = profile->due_ms - world.now_ms;
	ck_assert_ptr_null(overlooked_after(wait_ms));
	ck_assert_ptr_null(overlooked_after(wait_ms + OVERVIEW_GRACE_MS));
	ck_assert_ptr_eq(overlooked_after(wait_ms + OVERVIEW_GRACE_MS + 1), profile);
	/* A tick mends it. */
	world_run_until(world.now_ms + wait_ms + OVERVIEW_GRACE_MS + 1);
	ck_assert_ptr_null(overlooked_after(0));
	world_end();
}
END_TEST

START_TEST(attempt_in_flight_is_not_overlooked_however_long_it_takes)
{
	begin();
	ck_assert_ptr_null(overlooked_after(10 * HOUR_MS));
	world_end();
}
END_TEST

START_TEST(retry_that_does_not_start_is_overlooked)
{
	begin();
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	ck_assert_ptr_null(overlooked_after(OVERVIEW_GRACE_MS));
	ck_assert_ptr_eq(overlooked_after(60 * 1000), profile);
	world_end();
}
END_TEST

START_TEST(what_never_starts_by_itself_is_not_overlooked)
{
	begin();
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
	ck_assert_ptr_null(overlooked_after(10 * HOUR_MS));
	world_end();
}
END_TEST

START_TEST(profile_that_waits_for_room_at_its_host_is_not_overlooked)
{
	struct settings *settings[DUE_HOST_ATTEMPTS_MAX + 1];
	char name[16];

	world_begin(1000000);
	for (int i = 0; i <= DUE_HOST_ATTEMPTS_MAX; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		settings[i] = fixture_settings(name);
	}
	world_configure(settings, DUE_HOST_ATTEMPTS_MAX + 1);
	world_run_until(world.now_ms + 10 * 1000);
	ck_assert_uint_eq(world.n_in_flight, DUE_HOST_ATTEMPTS_MAX);
	ck_assert_ptr_null(overlooked_after(HOUR_MS));
	world_grant(world.in_flight[0], "one", HOUR_MS);
	ck_assert_ptr_null(overlooked_after(10 * 1000)); /* the last one has started */
	world_end();
}
END_TEST

START_TEST(waiter_who_is_not_answered_at_the_deadline_is_overlooked)
{
	begin();
	caller_get(&caller, profile, 0, NULL);
	ck_assert(caller.waits);
	ck_assert_ptr_null(overlooked_after(caller.waiter.wait_ms + OVERVIEW_GRACE_MS));
	ck_assert_ptr_eq(overlooked_after(caller.waiter.wait_ms + OVERVIEW_GRACE_MS + 1), profile);
	world_run_until(world.now_ms + HOUR_MS);
	ck_assert_uint_eq(caller.answers, 1);
	ck_assert_ptr_null(overlooked_after(0));
	world_end();
}
END_TEST

START_TEST(suspended_machine_is_looked_after_by_the_first_tick)
{
	begin_with_token();
	world.now_ms += 10 * HOUR_MS;
	ck_assert_ptr_eq(overlooked_after(0), profile);
	broker_tick(world.broker, world.now_ms);
	ck_assert_ptr_null(overlooked_after(0));
	world_end();
}
END_TEST

UNIT_MAIN("overview", profiles_are_counted_by_how_they_are,
	profile_whose_refresh_fails_is_failing_although_its_token_is_good,
	next_refresh_is_the_earliest_that_starts_by_itself,
	refresh_that_does_not_start_is_overlooked_after_the_grace,
	attempt_in_flight_is_not_overlooked_however_long_it_takes,
	retry_that_does_not_start_is_overlooked, what_never_starts_by_itself_is_not_overlooked,
	profile_that_waits_for_room_at_its_host_is_not_overlooked,
	waiter_who_is_not_answered_at_the_deadline_is_overlooked,
	suspended_machine_is_looked_after_by_the_first_tick)
