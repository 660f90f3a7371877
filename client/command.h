/*
 * What each subcommand asks the daemon and does with the answer. It does not know how the arguments
 * were written.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "client/connection.h"

/* From when on `health` is of another opinion; 0: never. */
struct threshold {
	int64_t left_s;   /* less than so many seconds left of the token */
	int64_t failures; /* so many failures in a row, or more */
};

struct arguments {
	const char *profile;
	bool profile_given;               /* else it is the default one */
	const char *reject;               /* a file's name, or "-" for stdin; NULL without one */
	int64_t min_validity;             /* seconds; -1 without one */
	const char *state, *redirect_uri; /* NULL without one */
	const char *expiration;           /* NULL without one */
	double expires_in;                /* seconds; where there is no expiration */
	bool url;
	bool no_browser;
	bool device;
	bool json;
	bool header;
	bool api_url;
	const char *user, *unit; /* to be judged; NULL without one */
	struct threshold warning, critical;
	char *const *command;     /* ends with NULL */
	char *const *argv;        /* all of them, as they came; ends with NULL */
	struct rlimit core_limit; /* as gctoken found it; what it runs gets it back */
};

/* Returns an enum exit_status; where it is not EXIT_STATUS_DONE, people were told why. */
typedef int command(const struct arguments *arguments, struct connection *connection);

command command_get;
command command_info;
command command_status;
command command_services;
command command_exec;
command command_refresh;
command command_logout;
command command_reload;
