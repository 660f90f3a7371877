/*
 * To be preloaded: a timer that is set for more than a second ahead never fires, as if the daemon,
 * or the kernel, had forgotten it.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	struct itimerspec never = {.it_value.tv_sec = INT32_MAX};
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (value->it_value.tv_sec > now.tv_sec + 1) {
		value = &never;
	}
	return (int)syscall(SYS_timerfd_settime, fd, flags, value, old);
}
