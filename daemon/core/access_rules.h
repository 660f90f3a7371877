/*
 * The rules of an `allow`, as access_parse.c leaves them and access.c reads them.
 * It does not know how they are written, nor who asks.
 */
#pragma once

#include <stddef.h>

enum access_caller {
	ACCESS_NOBODY, /* its user or group is not known */
	ACCESS_ANYBODY,
	ACCESS_USER,
	ACCESS_GROUP,
};

struct access_rule {
	enum access_caller caller;
	unsigned id;     /* uid or gid */
	char *unit;      /* owned; of which the caller has to be as well, NULL: of any or none */
	unsigned rights; /* a set */
	char *text;      /* owned; as it was written, with single blanks */
};

struct access_rules {
	size_t n_rules;
	struct access_rule rules[];
};
