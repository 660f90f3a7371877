#include "client/ending.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>

const int ending_signals[ENDING_SIGNALS] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/* Signals are the whole program's. */
static struct sigaction before[ENDING_SIGNALS];
static sigset_t mask_before;
static unsigned depth;
static volatile sig_atomic_t caught; /* 0: none */

static void catch (int number)
{
	caught = number;
}

bool ending_is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void ending_hold(void)
{
	const struct sigaction catching = {.sa_handler = catch};
	sigset_t ending;

	if (depth++ > 0) {
		return;
	}
	sigemptyset(&ending);
	for (int i = 0; i < ENDING_SIGNALS; i++) {
		sigaddset(&ending, ending_signals[i]);
	}
	/* They come in where something is waited for, so that none is missed before it. */
	sigprocmask(SIG_BLOCK, &ending, &mask_before);
	for (int i = 0; i < ENDING_SIGNALS; i++) {
		sigaction(ending_signals[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN) {
			sigaction(ending_signals[i], &catching, NULL);
		}
	}
}

int ending_wait(int fd)
{
	struct pollfd input = {.fd = fd, .events = POLLIN};

	if (caught) {
		return -EINTR;
	}
	return ppoll(&input, 1, NULL, &mask_before) < 0 ? -errno : 0;
}

bool ending_is_due(void)
{
	sigset_t pending;

	sigpending(&pending);
	for (int i = 0; i < ENDING_SIGNALS; i++) {
		/* While it is blocked, one that is ignored waits, too. */
		if (sigismember(&pending, ending_signals[i]) == 1 &&
			before[i].sa_handler != SIG_IGN) {
			return true;
		}
	}
	return caught != 0;
}

void ending_release(void)
{
	if (--depth > 0) {
		return;
	}
	for (int i = 0; i < ENDING_SIGNALS; i++) {
		sigaction(ending_signals[i], &before[i], NULL);
	}
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
	if (caught) {
		raise(caught);
	}
}
