#include "clock.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	MS_PER_S = 1000,
	US_PER_MS = 1000,
	US_PER_S = 1000000,
	NS_PER_US = 1000,
	NS_PER_MS = 1000000,

	/* Two clocks cannot be read at once: what is less than this is no change, so that a time is
	 * shown alike each time. */
	WALL_JITTER_US = 2000,
};

/* A time that no wall clock will reach: the timer is there for the news of a step alone. */
#define FAR_FUTURE_S (INT64_C(1) << 32)

struct clock {
	clock_due_fn *due;
	clock_stepped_fn *stepped;
	void *context;
	int64_t armed_ms;    /* INT64_MAX: not armed */
	int64_t wall_offset; /* when the wall clock was last known to be set */
	int timer_fd, wall_fd;
	struct event *timer, *wall;
};

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

int64_t clock_now_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

int64_t clock_now(void)
{
	return clock_now_us() / US_PER_MS;
}

int64_t clock_wall_offset(void)
{
	static int64_t kept_us;
	int64_t offset_us = read_us(CLOCK_REALTIME) - clock_now_us();

	if (offset_us - kept_us > WALL_JITTER_US || kept_us - offset_us > WALL_JITTER_US) {
		kept_us = offset_us;
	}
	return kept_us / US_PER_MS;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct clock *clock = context;
	uint64_t expirations;

	/* It was armed anew for later since it became readable. */
	if (read(clock->timer_fd, &expirations, sizeof(expirations)) < 0) {
		return;
	}
	clock->armed_ms = INT64_MAX;
	clock->due(clock->context);
}

/* timerfd_create(2): after a discontinuous change of the clock read() says ECANCELED, once. A
 * return from suspend is one too, but no step against CLOCK_BOOTTIME. */
static void on_wall(evutil_socket_t fd, short what, void *context)
{
	struct clock *clock = context;
	uint64_t expirations;
	int64_t offset, step_ms;

	if (read(clock->wall_fd, &expirations, sizeof(expirations)) >= 0 || errno != ECANCELED) {
		return;
	}
	offset = clock_wall_offset();
	step_ms = offset - clock->wall_offset;
	clock->wall_offset = offset;
	if (step_ms) {
		clock->stepped(clock->context, step_ms);
	}
}

static int watch_timer(struct clock *clock, struct event_base *base)
{
	clock->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (clock->timer_fd < 0) {
		return -errno;
	}
	clock->timer = event_new(base, clock->timer_fd, EV_READ | EV_PERSIST, on_timer, clock);
	return clock->timer && !event_add(clock->timer, NULL) ? 0 : -ENOMEM;
}

static int watch_wall(struct clock *clock, struct event_base *base)
{
	struct itimerspec far_future = {.it_value.tv_sec = FAR_FUTURE_S};

	clock->wall_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (clock->wall_fd < 0 ||
		timerfd_settime(clock->wall_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			&far_future, NULL)) {
		return -errno;
	}
	clock->wall_offset = clock_wall_offset();
	clock->wall = event_new(base, clock->wall_fd, EV_READ | EV_PERSIST, on_wall, clock);
	return clock->wall && !event_add(clock->wall, NULL) ? 0 : -ENOMEM;
}

int clock_new(struct event_base *base, clock_due_fn *due, clock_stepped_fn *stepped, void *context,
	struct clock **ret_clock)
{
	struct clock *clock = calloc(1, sizeof(*clock));
	int result;

	if (!clock) {
		return -ENOMEM;
	}
	*clock = (struct clock){
		.due = due,
		.stepped = stepped,
		.context = context,
		.armed_ms = INT64_MAX,
		.timer_fd = -1,
		.wall_fd = -1,
	};
	result = watch_timer(clock, base);
	if (!result) {
		result = watch_wall(clock, base);
	}
	if (result) {
		clock_free(clock);
		return result;
	}
	*ret_clock = clock;
	return 0;
}

static void unwatch(struct event *event, int fd)
{
	if (event) {
		event_free(event);
	}
	if (fd >= 0) {
		close(fd);
	}
}

void clock_free(struct clock *clock)
{
	if (clock) {
		unwatch(clock->timer, clock->timer_fd);
		unwatch(clock->wall, clock->wall_fd);
		free(clock);
	}
}

void clock_arm(struct clock *clock, int64_t due_ms)
{
	struct itimerspec due = {.it_value.tv_sec = 0};

	if (due_ms == clock->armed_ms) {
		return;
	}
	clock->armed_ms = due_ms;
	if (due_ms != INT64_MAX) {
		/* clock_now() rounds down, so a millisecond later it is certainly past; zero would
		 * disarm. */
		int64_t ms = due_ms >= 0 ? due_ms + 1 : 1;

		due.it_value.tv_sec = ms / MS_PER_S;
		due.it_value.tv_nsec = ms % MS_PER_S * NS_PER_MS;
	}
	timerfd_settime(clock->timer_fd, TFD_TIMER_ABSTIME, &due, NULL);
}
