#include "client/loopback/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPENER  "xdg-open"
#define ADDRESS "%s" /* where the address stands in $BROWSER */
#define BETWEEN ":"  /* the ways to open one */
#define BLANKS  " \t\n"

enum { ARGUMENTS_MAX = 64 };

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

/* Returns 0 with a child, or -errno. */
static int spawn(char *const argv[], pid_t *ret_child)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = without_terminal(&actions);

	if (r == 0) {
		r = with_own_session(&attributes);
	}
	if (r == 0) {
		r = posix_spawnp(ret_child, argv[0], &actions, &attributes, argv, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* A copy of a word with the address in its place; NULL when there is no memory. */
static char *put_address(const char *word, const char *url)
{
	const char *place = strstr(word, ADDRESS);
	char *put = NULL;

	if (!place) {
		return strdup(word);
	}
	if (asprintf(&put, "%.*s%s%s", (int)(place - word), word, url, place + strlen(ADDRESS)) <
		0) {
		return NULL;
	}
	return put;
}

/* Splits a command, writing to it, into copies with the address in its place or behind them.
 * Returns 0, or -errno; what argv then has is to be freed. */
static int read_command(char *command, const char *url, char *argv[ARGUMENTS_MAX + 1])
{
	bool has_address = false;
	char *rest = NULL;
	size_t n = 0;

	for (char *word = strtok_r(command, BLANKS, &rest); word;
		word = strtok_r(NULL, BLANKS, &rest)) {
		/* One place is kept for the address. */
		if (n == ARGUMENTS_MAX - 1) {
			return -E2BIG;
		}
		has_address = has_address || strstr(word, ADDRESS);
		argv[n] = put_address(word, url);
		if (!argv[n++]) {
			return -ENOMEM;
		}
	}
	if (n == 0) {
		return -ENOENT;
	}
	if (!has_address) {
		argv[n] = strdup(url);
	}
	return has_address || argv[n] ? 0 : -ENOMEM;
}

static int open_by(char *command, const char *url, pid_t *ret_child)
{
	char *argv[ARGUMENTS_MAX + 1] = {NULL};
	int r = read_command(command, url, argv);

	if (r == 0) {
		r = spawn(argv, ret_child);
	}
	for (size_t i = 0; i <= ARGUMENTS_MAX; i++) {
		free(argv[i]);
	}
	return r;
}

int browser_open(const char *url, pid_t *ret_child)
{
	const char *chosen = getenv("BROWSER");
	char *commands = strdup(chosen && *chosen ? chosen : OPENER);
	char *rest = NULL;
	int r = commands ? -ENOENT : -ENOMEM;

	for (char *each = commands ? strtok_r(commands, BETWEEN, &rest) : NULL; each && r != 0;
		each = strtok_r(NULL, BETWEEN, &rest)) {
		r = open_by(each, url, ret_child);
	}
	free(commands);
	return r;
}
