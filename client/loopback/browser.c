#include "client/loopback/browser.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

#define OPENER "xdg-open"

/* Nothing of ours: what a browser has to say does not belong between our lines. */
static int without_terminal(posix_spawn_file_actions_t *actions)
{
	int r = posix_spawn_file_actions_init(actions);

	for (int fd = STDIN_FILENO; r == 0 && fd <= STDERR_FILENO; fd++) {
		r = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
	}
	return r;
}

static int with_own_session(posix_spawnattr_t *attributes)
{
	sigset_t signals;
	int r = posix_spawnattr_init(attributes);

	/* What is ignored stays so in a child. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGPIPE);
	if (r == 0) {
		r = posix_spawnattr_setsigdefault(attributes, &signals);
	}
	if (r == 0) {
		r = posix_spawnattr_setflags(
			attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
	}
	return r;
}

int browser_open(const char *url, pid_t *ret_child)
{
	const char *chosen = getenv("BROWSER");
	const char *program = chosen && *chosen ? chosen : OPENER;
	char *const argv[] = {(char *)program, (char *)url, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = without_terminal(&actions);

	if (r == 0) {
		r = with_own_session(&attributes);
	}
	if (r == 0) {
		r = posix_spawnp(ret_child, program, &actions, &attributes, argv, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}
