/*
 * The configuration in force: reads it at the start, and again when it is asked to or the files
 * have changed, and puts it in place of the one before, whole or not at all. It does not know who
 * asks, nor what a file may say (io/config.h).
 */
#pragma once

#include <stdbool.h>

struct access_rules;
struct configuration;
struct event_base;
struct quota;
struct upstream;

struct configuration_options {
	const char *path; /* as config_path() gave it; copied */
	/* The command line's, names that are known, or NULL; they go before the files. Borrowed. */
	const char *log_level, *log_format;
};

struct configuration_ops {
	/* Whether rules ask for the units of callers, before waiters are judged by them. */
	void (*need_units)(void *context, bool needed);
	/* It is about to be read again. */
	void (*reloading)(void *context);
	/* It has been read again, and is in force if it was taken; the broker's next deadline may
	 * have moved. */
	void (*reloaded)(void *context, bool taken);
};

/* What it configures, all borrowed. */
struct configuration_parts {
	struct event_base *base;
	struct upstream *upstream;
	struct quota *quota;
};

/* Takes the credentials out of the environment. NULL when there is no memory. */
struct configuration *configuration_new(const struct configuration_options *options,
	const struct configuration_parts *parts, const struct configuration_ops *ops,
	void *context);

/* Takes NULL. */
void configuration_free(struct configuration *configuration);

/* Reads it for the first time, and begins to watch the files, also when it returns another exit
 * status than EXIT_STATUS_DONE; then the log has told why. */
int configuration_start(struct configuration *configuration);

/* Reads it again. False: what was in force before still is, and the log has told why. */
bool configuration_reload(struct configuration *configuration);

/* Why the last reading failed, as the log has it; NULL: it did not. Borrowed until the next. */
const char *configuration_failure(const struct configuration *configuration);

/* Whether there is one; without one there are no profiles. */
bool configuration_stands(const struct configuration *configuration);

/* Of the one in force: [daemon] socket and the rules of [daemon] allow; NULL where there is
 * none. */
const char *configuration_socket(const struct configuration *configuration);
const struct access_rules *configuration_rules(const struct configuration *configuration);

/* Reads the files at path, tells their mistakes on standard error and what they hold on standard
 * output. An exit status. */
int configuration_check(const char *path);
