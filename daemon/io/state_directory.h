/*
 * The state directory: where it is, that it is ours alone, and that no other process uses it. It
 * does not know what its files hold.
 */
#pragma once

#include <stdbool.h>

#include "state_why.h"

#define STATE_DIRECTORY_SUFFIX ".state" /* how the name of a record's file ends */

struct state_directory {
	int fd;
	int lock_fd;      /* the lock ends when it is closed */
	bool has_records; /* there were files of records when it was opened */
};

/* The first directory of $STATE_DIRECTORY (systemd.exec(5)), else $XDG_STATE_HOME/gctokend, else
 * ~/.local/state/gctokend; to be freed. NULL with a text when there is none of these. */
char *state_directory(char why[STATE_WHY_SIZE]);

/* Makes the directory if only that is missing, checks and locks it, and removes what a crash left
 * half-written. Returns 0, or a negative errno with a text. */
int state_directory_open(
	const char *path, struct state_directory *ret_directory, char why[STATE_WHY_SIZE]);

void state_directory_close(struct state_directory *directory);
