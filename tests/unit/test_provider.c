#include "core/provider.h"

#include "unit.h"

/* Walks from a step over events. */
static enum provider_step walk(enum provider_step step, const enum provider_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		step = provider_next(step, events[i]);
	}
	return step;
}

#define WALK(...)                                                       \
	walk(PROVIDER_IDLE, (const enum provider_event[]){__VA_ARGS__}, \
		sizeof((const enum provider_event[]){__VA_ARGS__}) / sizeof(enum provider_event))

START_TEST(a_code_is_asked_for_and_exchanged)
{
	ck_assert_int_eq(WALK(PROVIDER_WANTED), PROVIDER_CODE);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_DONE), PROVIDER_EXCHANGE);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_DONE, PROVIDER_SETTLED), PROVIDER_IDLE);
}
END_TEST

START_TEST(without_a_code_that_is_taken_it_signs_in_anew_and_a_code_is_asked_for_once_more)
{
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_REFUSED), PROVIDER_REAUTHENTICATE);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_SILENT), PROVIDER_REAUTHENTICATE);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_DONE, PROVIDER_CODE_REFUSED),
		PROVIDER_REAUTHENTICATE);
	ck_assert_int_eq(
		WALK(PROVIDER_WANTED, PROVIDER_REFUSED, PROVIDER_DONE), PROVIDER_CODE_AGAIN);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_REFUSED, PROVIDER_DONE, PROVIDER_DONE),
		PROVIDER_EXCHANGE_AGAIN);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_REFUSED, PROVIDER_DONE, PROVIDER_DONE,
				 PROVIDER_SETTLED),
		PROVIDER_IDLE);
}
END_TEST

START_TEST(the_second_time_nothing_is_left_to_try)
{
	static const enum provider_event failures[] = {
		PROVIDER_REFUSED, PROVIDER_NOT_SIGNED_IN, PROVIDER_SILENT, PROVIDER_LEFT};

	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		ck_assert_int_eq(
			provider_next(PROVIDER_CODE_AGAIN, failures[i]), PROVIDER_GIVEN_UP);
	}
	ck_assert_int_eq(
		provider_next(PROVIDER_EXCHANGE_AGAIN, PROVIDER_CODE_REFUSED), PROVIDER_GIVEN_UP);
	ck_assert_int_eq(
		provider_next(PROVIDER_REAUTHENTICATE, PROVIDER_REFUSED), PROVIDER_GIVEN_UP);
	ck_assert_int_eq(
		provider_next(PROVIDER_REAUTHENTICATE, PROVIDER_SILENT), PROVIDER_GIVEN_UP);
}
END_TEST

START_TEST(one_that_leaves_to_sign_in_and_comes_back_has_done_so)
{
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_REFUSED, PROVIDER_LEFT), PROVIDER_RETURN);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_REFUSED, PROVIDER_LEFT, PROVIDER_READY),
		PROVIDER_CODE_AGAIN);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_REFUSED, PROVIDER_LEFT, PROVIDER_SILENT),
		PROVIDER_GIVEN_UP);
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_LEFT), PROVIDER_GIVEN_UP);
}
END_TEST

START_TEST(one_where_nobody_is_signed_in_is_not_asked_to_sign_in_anew)
{
	ck_assert_int_eq(WALK(PROVIDER_WANTED, PROVIDER_NOT_SIGNED_IN), PROVIDER_SIGNED_OUT);
}
END_TEST

START_TEST(an_order_that_ended_begins_anew_when_it_is_wanted)
{
	ck_assert_int_eq(provider_next(PROVIDER_GIVEN_UP, PROVIDER_WANTED), PROVIDER_CODE);
	ck_assert_int_eq(provider_next(PROVIDER_SIGNED_OUT, PROVIDER_WANTED), PROVIDER_CODE);
	ck_assert_int_eq(provider_next(PROVIDER_CODE, PROVIDER_WANTED), PROVIDER_CODE);
}
END_TEST

START_TEST(from_every_step_an_order_comes_to_an_end)
{
	for (enum provider_step first = 0; first < PROVIDER_STEPS; first++) {
		for (enum provider_event event = PROVIDER_DONE; event < PROVIDER_EVENTS; event++) {
			enum provider_step step = first, next;
			int steps = 0;

			/* One event over and over, without a new beginning. */
			while ((next = provider_next(step, event)) != step) {
				step = next;
				ck_assert_int_lt(++steps, PROVIDER_STEPS);
			}
		}
	}
}
END_TEST

START_TEST(deadlines_are_those_of_what_is_waited_for)
{
	struct provider provider = {.errand.deadline_ms = 5, .sign_in.deadline_ms = 3};

	ck_assert_int_eq(provider_deadline(&provider), INT64_MAX);
	provider.step = PROVIDER_RETURN;
	ck_assert_int_eq(provider_deadline(&provider), 5);
	provider.sign_in.asked = true;
	ck_assert_int_eq(provider_deadline(&provider), 3);
	provider.step = PROVIDER_EXCHANGE;
	provider.sign_in.asked = false;
	ck_assert_int_eq(provider_deadline(&provider), INT64_MAX);
}
END_TEST

UNIT_MAIN("provider", a_code_is_asked_for_and_exchanged,
	without_a_code_that_is_taken_it_signs_in_anew_and_a_code_is_asked_for_once_more,
	the_second_time_nothing_is_left_to_try,
	one_that_leaves_to_sign_in_and_comes_back_has_done_so,
	one_where_nobody_is_signed_in_is_not_asked_to_sign_in_anew,
	an_order_that_ended_begins_anew_when_it_is_wanted, from_every_step_an_order_comes_to_an_end,
	deadlines_are_those_of_what_is_waited_for)
