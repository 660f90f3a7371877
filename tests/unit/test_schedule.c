#include "core/schedule.h"

#include "unit.h"

#define LOWEST  0U
#define HIGHEST UINT32_MAX
#define MIDDLE  (UINT32_MAX / 2)

#define HOUR_MS (3600 * INT64_C(1000))

START_TEST(margin_is_ten_seconds_but_a_tenth_of_a_short_life)
{
	ck_assert_int_eq(schedule_margin(HOUR_MS), 10000);
	ck_assert_int_eq(schedule_margin(100 * 1000), 10000);
	ck_assert_int_eq(schedule_margin(8000), 800);
	ck_assert_int_eq(schedule_margin(1000), 100);
}
END_TEST

START_TEST(refresh_is_at_three_quarters_give_or_take_a_twentieth)
{
	ck_assert_int_eq(schedule_refresh(100000, 0, MIDDLE), 75000);
	ck_assert_int_eq(schedule_refresh(100000, 0, LOWEST), 70000);
	ck_assert_int_eq(schedule_refresh(100000, 0, HIGHEST), 80000);
}
END_TEST

START_TEST(the_servers_refresh_in_is_obeyed_but_never_past_the_margin)
{
	ck_assert_int_eq(schedule_refresh(HOUR_MS, HOUR_MS / 2, MIDDLE), HOUR_MS / 2);
	ck_assert_int_eq(schedule_refresh(100000, 20000, LOWEST), 15000);
	ck_assert_int_eq(schedule_refresh(100000, 20000, HIGHEST), 25000);
	ck_assert_int_eq(schedule_refresh(100000, 500000, MIDDLE), 90000);
	ck_assert_int_eq(schedule_refresh(100000, 1000, LOWEST), 0);
}
END_TEST

START_TEST(refresh_always_leaves_the_margin_untouched)
{
	for (int64_t life = 1000; life < 40 * HOUR_MS; life = life * 3 / 2) {
		int64_t latest = life - schedule_margin(life);

		ck_assert_int_le(schedule_refresh(life, 0, HIGHEST), latest);
		ck_assert_int_gt(schedule_refresh(life, 0, LOWEST), 0);
	}
}
END_TEST

START_TEST(backoff_doubles_from_one_second_to_sixty)
{
	static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};

	for (unsigned i = 0; i < 9; i++) {
		int64_t base = seconds[i] * 1000;

		ck_assert_int_eq(schedule_retry(i + 1, 0, MIDDLE), base);
		ck_assert_int_eq(schedule_retry(i + 1, 0, LOWEST), base * 8 / 10);
		ck_assert_int_eq(schedule_retry(i + 1, 0, HIGHEST), base * 12 / 10);
	}
	ck_assert_int_eq(schedule_retry(4000000000U, 0, MIDDLE), 60000);
}
END_TEST

START_TEST(retry_after_counts_when_it_is_later_and_up_to_180_seconds)
{
	ck_assert_int_eq(schedule_retry(1, 30000, MIDDLE), 30000);
	ck_assert_int_eq(schedule_retry(6, 5000, MIDDLE), 32000);
	ck_assert_int_eq(schedule_retry(1, 180000, MIDDLE), 180000);
	ck_assert_int_eq(schedule_retry(1, 86400000, MIDDLE), 180000);
}
END_TEST

START_TEST(start_is_spread_over_twenty_ms_a_profile_and_five_seconds_at_most)
{
	ck_assert_int_eq(schedule_spread(0, 1), 0);
	ck_assert_int_eq(schedule_spread(9, 10), 180);
	ck_assert_int_eq(schedule_spread(249, 250), 4980);
	ck_assert_int_eq(schedule_spread(999, 1000), 4995);
	ck_assert_int_eq(schedule_spread(0, 0), 0);
}
END_TEST

UNIT_MAIN("schedule", margin_is_ten_seconds_but_a_tenth_of_a_short_life,
	refresh_is_at_three_quarters_give_or_take_a_twentieth,
	the_servers_refresh_in_is_obeyed_but_never_past_the_margin,
	refresh_always_leaves_the_margin_untouched, backoff_doubles_from_one_second_to_sixty,
	retry_after_counts_when_it_is_later_and_up_to_180_seconds,
	start_is_spread_over_twenty_ms_a_profile_and_five_seconds_at_most)
