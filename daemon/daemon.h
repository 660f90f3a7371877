/*
 * The running daemon: owns the loop and all parts, and wires them together.
 * It does not decide anything that core/ or dispatch decide, and does not know the command line.
 */
#pragma once

#include "configuration.h"

struct daemon;

struct daemon_options {
	struct configuration_options configuration;
	const char *socket; /* --socket, or NULL; borrowed */
};

/*
 * Reads the configuration and opens the socket. Returns an exit status of proto/error.h,
 * EXIT_STATUS_DONE with *ret_daemon; what went wrong has been logged.
 */
int daemon_new(const struct daemon_options *options, struct daemon **ret_daemon);

/* Serves until SIGTERM or SIGINT; then everybody who waits has been answered. */
void daemon_run(struct daemon *daemon);

/* Takes NULL. */
void daemon_free(struct daemon *daemon);
