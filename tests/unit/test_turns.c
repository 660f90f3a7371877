#include "core/turns.h"

#include <stddef.h>

#include "unit.h"

enum { USERS = 3, TURNS = 10 };

/* One that takes a given time in each turn, and wants so many of them. */
struct worker {
	struct turn turn;
	int takes_us, wants, had;
	int64_t until_us; /* of its last turn */
};

static struct turns turns;
static struct turns_user users[USERS];
static struct worker workers[USERS][TURNS];
static int64_t clock_us;
static struct worker *order[1000]; /* whose turns they were */
static int given;

static int64_t now_us(void)
{
	return clock_us;
}

static void take(struct turn *turn, int64_t at_us, int64_t until_us)
{
	struct worker *worker = (struct worker *)turn;

	ck_assert_int_eq(at_us, clock_us);
	order[given++] = worker;
	worker->had++;
	worker->until_us = until_us;
	clock_us += worker->takes_us;
	if (worker->had < worker->wants) {
		turns_ask(&turns, turn);
	}
}

static void setup(void)
{
	turns_init(&turns);
	given = 0;
	clock_us = 1000000;
	for (int i = 0; i < USERS; i++) {
		turns_user_init(&users[i]);
		for (int k = 0; k < TURNS; k++) {
			workers[i][k] = (struct worker){
				.turn = {.user = &users[i], .take = take}, .wants = 1};
		}
	}
}

static void ask(int user, int worker)
{
	turns_ask(&turns, &workers[user][worker].turn);
}

static void begin(void)
{
	turns_round(&turns, now_us);
}

START_TEST(the_turns_of_a_user_come_in_the_order_in_which_they_were_asked_for)
{
	setup();
	ask(0, 2);
	ask(0, 0);
	ask(0, 1);
	ask(0, 2); /* it waits already */
	begin();
	ck_assert_int_eq(given, 3);
	ck_assert_ptr_eq(order[0], &workers[0][2]);
	ck_assert_ptr_eq(order[1], &workers[0][0]);
	ck_assert_ptr_eq(order[2], &workers[0][1]);
	ck_assert(!turns_wait(&turns));
}
END_TEST

START_TEST(users_take_turns_however_many_one_of_them_waits_with)
{
	setup();
	for (int k = 0; k < TURNS; k++) {
		ask(0, k);
	}
	ask(1, 0);
	ask(2, 0);
	ask(2, 1);
	begin();
	ck_assert_int_eq(given, TURNS + 3);
	ck_assert_ptr_eq(order[0], &workers[0][0]);
	ck_assert_ptr_eq(order[1], &workers[1][0]);
	ck_assert_ptr_eq(order[2], &workers[2][0]);
	ck_assert_ptr_eq(order[3], &workers[0][1]);
	ck_assert_ptr_eq(order[4], &workers[2][1]);
	ck_assert_ptr_eq(order[5], &workers[0][2]);
}
END_TEST

START_TEST(who_always_wants_another_turn_is_behind_all_others)
{
	setup();
	workers[0][0].wants = 100;
	ask(0, 0);
	ask(0, 1);
	ask(1, 0);
	begin();
	ck_assert_int_eq(given, 102);
	ck_assert_int_eq(workers[0][0].had, 100);
	ck_assert_ptr_eq(order[1], &workers[1][0]);
	ck_assert_ptr_eq(order[2], &workers[0][1]);
}
END_TEST

START_TEST(a_round_ends_in_time_and_the_next_goes_on_where_it_ended)
{
	setup();
	for (int k = 0; k < 5; k++) {
		workers[0][k].takes_us = TURNS_ROUND_US / 2;
		ask(0, k);
	}
	begin();
	ck_assert_int_eq(given, 2);
	ck_assert(turns_wait(&turns));
	ask(1, 0); /* news came in between: one turn of the other user, and it is served */
	begin();
	ck_assert_ptr_eq(order[2], &workers[0][2]);
	ck_assert_ptr_eq(order[3], &workers[1][0]);
	ck_assert_ptr_eq(order[4], &workers[0][3]);
	begin();
	ck_assert_int_eq(given, 6);
	ck_assert(!turns_wait(&turns));
}
END_TEST

START_TEST(a_turn_that_takes_too_long_ends_the_round_but_not_before_it_was_given)
{
	setup();
	for (int k = 0; k < 3; k++) {
		workers[0][k].takes_us = 10 * TURNS_ROUND_US;
		ask(0, k);
	}
	for (int k = 0; k < 3; k++) {
		begin();
		ck_assert_int_eq(given, k + 1);
	}
}
END_TEST

START_TEST(each_turn_is_told_its_own_end)
{
	setup();
	for (int k = 0; k < 3; k++) {
		workers[0][k].takes_us = 7;
		ask(0, k);
	}
	begin();
	for (int k = 0; k < 3; k++) {
		ck_assert_int_eq(workers[0][k].until_us, 1000000 + 7 * k + TURNS_TURN_US);
	}
}
END_TEST

START_TEST(who_is_forgotten_gets_no_turn)
{
	setup();
	ask(0, 0);
	ask(0, 1);
	ask(1, 0);
	turns_forget(&turns, &workers[0][0].turn);
	turns_forget(&turns, &workers[1][0].turn);
	turns_forget(&turns, &workers[2][0].turn); /* it did not ask */
	begin();
	ck_assert_int_eq(given, 1);
	ck_assert_ptr_eq(order[0], &workers[0][1]);
	ask(1, 0);
	begin();
	ck_assert_int_eq(given, 2);
}
END_TEST

UNIT_MAIN("turns", the_turns_of_a_user_come_in_the_order_in_which_they_were_asked_for,
	users_take_turns_however_many_one_of_them_waits_with,
	who_always_wants_another_turn_is_behind_all_others,
	a_round_ends_in_time_and_the_next_goes_on_where_it_ended,
	a_turn_that_takes_too_long_ends_the_round_but_not_before_it_was_given,
	each_turn_is_told_its_own_end, who_is_forgotten_gets_no_turn)
