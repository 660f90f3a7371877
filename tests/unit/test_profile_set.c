#include "core/profile_set.h"

#include "unit.h"

static const unsigned numbers[] = {1, 2, 63, 64, 65, 127, 128, 5000, 3};

enum { NUMBERS = sizeof(numbers) / sizeof(*numbers) };

START_TEST(each_profile_is_new_once)
{
	struct profile_set set = {0};

	for (int i = 0; i < NUMBERS; i++) {
		ck_assert(profile_set_add(&set, numbers[i]));
		for (int j = 0; j <= i; j++) {
			ck_assert(!profile_set_add(&set, numbers[j]));
		}
	}
	profile_set_done(&set);
	ck_assert(profile_set_add(&set, 64));
	profile_set_done(&set);
}
END_TEST

START_TEST(set_has_what_was_added_and_nothing_else)
{
	struct profile_set set = {0};

	for (int i = 0; i < NUMBERS; i++) {
		for (int j = 0; j < NUMBERS; j++) {
			ck_assert_int_eq(profile_set_has(&set, numbers[j]), j < i);
		}
		profile_set_add(&set, numbers[i]);
	}
	ck_assert(!profile_set_has(&set, 4));
	ck_assert(!profile_set_has(&set, 5001));
	ck_assert(!profile_set_has(&set, 1000000));
	profile_set_done(&set);
	ck_assert(!profile_set_has(&set, 1));
	ck_assert(!profile_set_has(&set, 64));
}
END_TEST

START_TEST(set_is_within_another_that_has_all_of_it)
{
	struct profile_set small = {0}, large = {0};

	for (int i = 0; i < NUMBERS; i++) {
		ck_assert(profile_set_within(&small, &large));
		ck_assert(profile_set_within(&large, &small));
		profile_set_add(&large, numbers[i]);
		ck_assert(profile_set_within(&small, &large));
		ck_assert(!profile_set_within(&large, &small));
		profile_set_add(&small, numbers[i]);
	}
	profile_set_done(&small);
	profile_set_done(&large);
}
END_TEST

UNIT_MAIN("profile_set", each_profile_is_new_once, set_has_what_was_added_and_nothing_else,
	set_is_within_another_that_has_all_of_it)
