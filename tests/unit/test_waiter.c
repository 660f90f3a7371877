#include "core/waiter.h"

#include <stddef.h>

#include "unit.h"

static struct waiter waiters[4];
static int order[8];
static int answered;

static int number_of(const struct waiter *waiter)
{
	return (int)(waiter - waiters);
}

static void note(struct waiter *waiter, const struct answer *answer)
{
	order[answered++] = number_of(waiter);
}

static void forget_the_next(struct waiter *waiter, const struct answer *answer)
{
	note(waiter, answer);
	waiter_leave(&waiters[number_of(waiter) + 1]);
}

static struct waiter *make(int number, int64_t deadline_ms)
{
	waiters[number] = (struct waiter){.done = note, .deadline_ms = deadline_ms};
	return &waiters[number];
}

START_TEST(a_list_is_sorted_by_deadline_whatever_the_order_of_joining)
{
	struct waiter_list list = WAITER_LIST_INITIALIZER(list), due = WAITER_LIST_INITIALIZER(due);
	struct answer answer = {0};

	answered = 0;
	waiter_join(&list, make(0, 30));
	waiter_join(&list, make(1, 10));
	waiter_join(&list, make(2, 20));
	waiter_join(&list, make(3, 20));
	waiters_take_due(&list, &due, 20);
	waiters_answer(&due, &answer);
	ck_assert_int_eq(answered, 3);
	ck_assert_int_eq(order[0], 1);
	ck_assert_int_eq(order[1], 2);
	ck_assert_int_eq(order[2], 3);
	ck_assert_ptr_eq(TAILQ_FIRST(&list.queue), &waiters[0]);
	ck_assert_uint_eq(list.n, 1);
	ck_assert_uint_eq(due.n, 0);
}
END_TEST

START_TEST(a_callback_may_forget_others_of_the_same_list)
{
	struct waiter_list list = WAITER_LIST_INITIALIZER(list), all = WAITER_LIST_INITIALIZER(all);
	struct answer answer = {0};

	answered = 0;
	for (int i = 0; i < 4; i++) {
		waiter_join(&list, make(i, i));
	}
	waiters[0].done = forget_the_next;
	waiters_take(&list, &all);
	ck_assert_uint_eq(list.n, 0);
	ck_assert_uint_eq(all.n, 4);
	waiters_answer(&all, &answer);
	ck_assert_int_eq(answered, 3);
	ck_assert_int_eq(order[1], 2);
	waiter_leave(&waiters[1]); /* once more does no harm */
	ck_assert_uint_eq(all.n, 0);
}
END_TEST

static bool is_even(void *context, const struct waiter *waiter)
{
	return number_of(waiter) % 2 == 0;
}

START_TEST(picking_takes_those_that_match_and_leaves_the_others)
{
	struct waiter_list list = WAITER_LIST_INITIALIZER(list),
			   even = WAITER_LIST_INITIALIZER(even);

	for (int i = 0; i < 4; i++) {
		waiter_join(&list, make(i, i));
	}
	waiters_pick(&list, &even, is_even, NULL);
	ck_assert_ptr_eq(TAILQ_FIRST(&even.queue), &waiters[0]);
	ck_assert_ptr_eq(TAILQ_NEXT(&waiters[0], link), &waiters[2]);
	ck_assert_ptr_eq(TAILQ_FIRST(&list.queue), &waiters[1]);
	ck_assert_ptr_eq(TAILQ_NEXT(&waiters[1], link), &waiters[3]);
}
END_TEST

UNIT_MAIN("waiter", a_list_is_sorted_by_deadline_whatever_the_order_of_joining,
	a_callback_may_forget_others_of_the_same_list,
	picking_takes_those_that_match_and_leaves_the_others)
