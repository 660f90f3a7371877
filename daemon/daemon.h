/*
 * The running daemon: owns the loop and all parts, and wires them together.
 * It does not decide anything that core/ or dispatch decide, and does not know the command line.
 */
#pragma once

struct daemon;

struct daemon_options {
	const char *config_path; /* as config_path() gave it */
	const char *socket;      /* --socket, or NULL */
	/* --log-level and --log-format, names that are known, or NULL; they go before the
	 * configuration. */
	const char *log_level, *log_format;
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

/* Reads the configuration, tells its mistakes on standard error and what it holds on standard
 * output. An exit status. */
int daemon_check_config(const char *config_path);
