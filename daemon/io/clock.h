/*
 * Time: CLOCK_BOOTTIME for deadlines, one timer on the loop that also runs on through suspend, and
 * news of steps of the wall clock. It does not know what is due.
 */
#pragma once

#include <stdint.h>

struct clock;
struct event_base;

/* Milliseconds since boot, suspend included. */
int64_t clock_now(void);

/* The same in microseconds. */
int64_t clock_now_us(void);

/* What to add to clock_now()'s scale to get milliseconds since 1970. */
int64_t clock_wall_offset(void);

typedef void clock_due_fn(void *context);

/* The wall clock was set; step_ms is by how much (forward is positive). */
typedef void clock_stepped_fn(void *context, int64_t step_ms);

/* Returns 0 and *ret_clock, or a negative errno. */
int clock_new(struct event_base *base, clock_due_fn *due, clock_stepped_fn *stepped, void *context,
	struct clock **ret_clock);
void clock_free(struct clock *clock);

/* Arms the one timer for a time on clock_now()'s scale; INT64_MAX disarms it. What is past is due
 * at once. Does no system call when nothing changes. */
void clock_arm(struct clock *clock, int64_t due_ms);
