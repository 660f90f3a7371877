/*
 * To be preloaded: a timer that is set for more than a second ahead never fires, as if the daemon,
 * or the kernel, had forgotten it.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int timerfd_settime(int ufd, int flags, const struct itimerspec *utmr, struct itimerspec *otmr)
{
	struct itimerspec never = {.it_value.tv_sec = INT32_MAX};
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (utmr->it_value.tv_sec > now.tv_sec + 1) {
		utmr = &never;
	}
	return (int)syscall(SYS_timerfd_settime, ufd, flags, utmr, otmr);
}
