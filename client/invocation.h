/*
 * Reads the arguments of gctoken, and says what is wrong with them. It does not know what a
 * subcommand does.
 */
#pragma once

#include <stdbool.h>

#include "client/command.h"
#include "client/subcommand.h"

enum { INVOCATION_FAULT_SIZE = 512 };

struct invocation {
	const struct subcommand *subcommand; /* NULL where none was named */
	unsigned given;                      /* OPTION_BITs of the options that were there */
	const char *socket;                  /* NULL without one */
	double timeout_s;
	struct arguments arguments;
	char fault[INVOCATION_FAULT_SIZE]; /* what is wrong first of all, for people; else empty */
};

/*
 * Reads them; what they say lives as long as they do. With --help or --version, which are for the
 * caller to see to, nothing else has to be there. All are read even where there is a fault, so that
 * the subcommand is known.
 */
void invocation_parse(struct invocation *invocation, int argc, char **argv);

/* Notes a fault, unless there is one already. */
void invocation_refuse(struct invocation *invocation, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
