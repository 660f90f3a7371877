/*
 * What gctoken can do: each subcommand with its options and its help. It does not know how
 * arguments are read.
 */
#pragma once

#include <stdbool.h>

#include "client/command.h"

/* As getopt_long() returns them: above every character, which would be a short option. */
enum option_id {
	OPTION_SOCKET = 256,
	OPTION_TIMEOUT,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_JSON,
	OPTION_MIN_VALIDITY,
	OPTION_REJECT,
	OPTION_HEADER,
	OPTION_API_URL,
	OPTION_URL,
	OPTION_STATE,
	OPTION_REDIRECT_URI,
	OPTION_EXPIRES_IN,
	OPTION_EXPIRATION,
	OPTION_USER,
	OPTION_UNIT,
	OPTION_WARNING,
	OPTION_CRITICAL,
	OPTION_FAILURES_WARNING,
	OPTION_FAILURES_CRITICAL,
	OPTION_NO_BROWSER,
	OPTION_DEVICE,
};

#define OPTION_BIT(option) (1u << ((option)-OPTION_SOCKET))
#define OPTIONS_COMMON                                                                      \
	(OPTION_BIT(OPTION_SOCKET) | OPTION_BIT(OPTION_TIMEOUT) | OPTION_BIT(OPTION_HELP) | \
		OPTION_BIT(OPTION_VERSION))

struct subcommand {
	const char *name;
	command *run;
	unsigned options; /* OPTION_BITs, beside OPTIONS_COMMON */
	bool takes_profile;
	bool takes_command;
	const char *help;
};

/* NULL when there is none of that name. */
const struct subcommand *subcommand_find(const char *name);

/* Prints the help of one, or, for NULL, of gctoken. Returns an exit status. */
int subcommand_print_help(const struct subcommand *subcommand);
