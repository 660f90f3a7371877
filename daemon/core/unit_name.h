/*
 * How the service units of systemd may be named. It does not know which there are.
 */
#pragma once

#include <stdbool.h>

enum { UNIT_NAME_BYTES_MAX = 255 /* systemd.unit(5) */ };

enum unit_name_fault {
	UNIT_NAME_GOOD,
	UNIT_NAME_EMPTY,
	UNIT_NAME_LONG,
	UNIT_NAME_BAD_CHARACTER,
	UNIT_NAME_NO_SUFFIX, /* it has no dot either: `.service` was left out */
	UNIT_NAME_NO_SERVICE,
	UNIT_NAME_TEMPLATE, /* no process is ever in it, but in its instances */
};

/* What keeps it from being the name of a service that runs, if anything; see systemd.unit(5). */
enum unit_name_fault unit_name_check(const char *name);
