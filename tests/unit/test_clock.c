#include "io/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"

/*
 * The kernel's part for the wall clock is played here (the linker's --wrap): its timer is an
 * eventfd, which becomes readable when a test sets the clock.
 */
static int wall_fd = -1;
static int64_t wall_shift_ms;
static int settime_calls;

/* Names as the linker makes them. */
int real_timerfd_create(clockid_t id, int flags) __asm__("__real_timerfd_create");
int timerfd_create_here(clockid_t id, int flags) __asm__("__wrap_timerfd_create");
int real_timerfd_settime(int fd, int flags, const struct itimerspec *value,
	struct itimerspec *old) __asm__("__real_timerfd_settime");
int timerfd_settime_here(int fd, int flags, const struct itimerspec *value,
	struct itimerspec *old) __asm__("__wrap_timerfd_settime");
int real_clock_gettime(clockid_t id, struct timespec *now) __asm__("__real_clock_gettime");
int clock_gettime_here(clockid_t id, struct timespec *now) __asm__("__wrap_clock_gettime");
ssize_t real_read(int fd, void *bytes, size_t size) __asm__("__real_read");
ssize_t read_here(int fd, void *bytes, size_t size) __asm__("__wrap_read");

int timerfd_create_here(clockid_t id, int flags)
{
	if (id != CLOCK_REALTIME) {
		return real_timerfd_create(id, flags);
	}
	wall_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return wall_fd;
}

int timerfd_settime_here(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	settime_calls++;
	if (fd != wall_fd) {
		return real_timerfd_settime(fd, flags, value, old);
	}
	ck_assert_int_eq(flags, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	return 0;
}

int clock_gettime_here(clockid_t id, struct timespec *now)
{
	int result = real_clock_gettime(id, now);

	if (id == CLOCK_REALTIME) {
		now->tv_sec += wall_shift_ms / 1000;
	}
	return result;
}

ssize_t read_here(int fd, void *bytes, size_t size)
{
	ssize_t n = real_read(fd, bytes, size);

	if (fd == wall_fd && n > 0) {
		errno = ECANCELED;
		return -1;
	}
	return n;
}

static void set_wall_clock(int64_t step_ms)
{
	wall_shift_ms += step_ms;
	eventfd_write(wall_fd, 1);
}

static struct event_base *base;
static struct clock *clock_under_test;
static int due_calls, step_calls;
static int64_t due_at_ms, last_step_ms;

static void on_due(void *context)
{
	ck_assert_ptr_eq(context, &due_calls);
	due_calls++;
	due_at_ms = clock_now();
}

static void on_step(void *context, int64_t step_ms)
{
	ck_assert_ptr_eq(context, &due_calls);
	step_calls++;
	last_step_ms = step_ms;
}

static void set_up(void)
{
	due_calls = step_calls = 0;
	due_at_ms = last_step_ms = wall_shift_ms = 0;
	base = event_base_new();
	ck_assert_int_eq(clock_new(base, on_due, on_step, &due_calls, &clock_under_test), 0);
	settime_calls = 0;
}

static void tear_down(void)
{
	clock_free(clock_under_test);
	event_base_free(base);
}

/* One turn of the loop, which waits until something happens. */
static void turn(void)
{
	event_base_loop(base, EVLOOP_ONCE);
}

static void turn_without_waiting(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

START_TEST(timer_is_due_at_its_time_and_once)
{
	int64_t due_ms = clock_now() + 20;

	clock_arm(clock_under_test, due_ms);
	turn();
	ck_assert_int_eq(due_calls, 1);
	ck_assert_int_ge(due_at_ms, due_ms);
	ck_assert_int_lt(due_at_ms, due_ms + 2000);
	turn_without_waiting();
	ck_assert_int_eq(due_calls, 1);
}
END_TEST

START_TEST(what_is_past_is_due_at_once)
{
	static const int64_t past_ms[] = {INT64_MIN, -1, 0, 1};

	for (size_t i = 0; i < sizeof(past_ms) / sizeof(past_ms[0]); i++) {
		clock_arm(clock_under_test, past_ms[i]);
		turn();
		ck_assert_int_eq(due_calls, (int)i + 1);
	}
	clock_arm(clock_under_test, clock_now());
	turn();
	ck_assert_int_eq(due_calls, 5);
}
END_TEST

START_TEST(disarmed_timer_is_not_due)
{
	clock_arm(clock_under_test, 1);
	clock_arm(clock_under_test, INT64_MAX);
	turn_without_waiting();
	ck_assert_int_eq(due_calls, 0);
}
END_TEST

START_TEST(timer_that_is_put_off_when_due_is_not_due)
{
	clock_arm(clock_under_test, 1);
	clock_arm(clock_under_test, clock_now() + 60000);
	turn_without_waiting();
	ck_assert_int_eq(due_calls, 0);
}
END_TEST

START_TEST(arming_for_the_same_time_is_no_system_call)
{
	int64_t due_ms = clock_now() + 60000;

	clock_arm(clock_under_test, INT64_MAX);
	ck_assert_int_eq(settime_calls, 0);
	clock_arm(clock_under_test, due_ms);
	clock_arm(clock_under_test, due_ms);
	ck_assert_int_eq(settime_calls, 1);
}
END_TEST

START_TEST(fired_timer_can_be_armed_for_the_same_time)
{
	clock_arm(clock_under_test, 1);
	turn();
	clock_arm(clock_under_test, 1);
	turn();
	ck_assert_int_eq(due_calls, 2);
}
END_TEST

START_TEST(steps_of_the_wall_clock_are_told_with_their_size)
{
	static const int64_t steps_ms[] = {3600000, -7200000, 5000};

	for (size_t i = 0; i < sizeof(steps_ms) / sizeof(steps_ms[0]); i++) {
		set_wall_clock(steps_ms[i]);
		turn();
		ck_assert_int_eq(step_calls, (int)i + 1);
		ck_assert_int_ge(last_step_ms, steps_ms[i] - 1000);
		ck_assert_int_le(last_step_ms, steps_ms[i] + 1000);
	}
	turn_without_waiting();
	ck_assert_int_eq(step_calls, 3);
	ck_assert_int_eq(due_calls, 0);
}
END_TEST

START_TEST(offset_leads_to_the_wall_clock)
{
	int64_t wall_ms = clock_now() + clock_wall_offset();
	int64_t difference_ms = wall_ms - (int64_t)time(NULL) * 1000;

	ck_assert_int_ge(difference_ms, -1000);
	ck_assert_int_le(difference_ms, 2000);
}
END_TEST

static void free_clock(void *context)
{
	due_calls++;
	clock_free(clock_under_test);
	clock_under_test = NULL;
}

START_TEST(callback_may_free_the_clock)
{
	clock_free(clock_under_test);
	ck_assert_int_eq(clock_new(base, free_clock, on_step, NULL, &clock_under_test), 0);
	clock_arm(clock_under_test, 1);
	turn();
	ck_assert_int_eq(due_calls, 1);
}
END_TEST

CASES_MAIN("clock", set_up, tear_down, {timer_is_due_at_its_time_and_once, 1},
	{what_is_past_is_due_at_once, 1}, {disarmed_timer_is_not_due, 1},
	{timer_that_is_put_off_when_due_is_not_due, 1},
	{arming_for_the_same_time_is_no_system_call, 1},
	{fired_timer_can_be_armed_for_the_same_time, 1},
	{steps_of_the_wall_clock_are_told_with_their_size, 1}, {offset_leads_to_the_wall_clock, 1},
	{callback_may_free_the_clock, 1})
