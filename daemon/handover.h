/*
 * What a profile is at a moment, as a line of JSON for the daemon that comes after this one. It
 * does not know where the line is kept.
 *
 * It holds the access token and the code verifiers of browsers that were sent off; refresh tokens
 * are in the state directory alone. Members that a reader does not know are ignored.
 */
#pragma once

#include <stddef.h>

#include "core/past.h"
#include "core/settings.h"

struct broker;
struct profile;
struct secret;

/* What handover_read() can come to, besides 0 and a negative errno. */
enum {
	HANDOVER_UNKNOWN = 1, /* there is no profile of that name */
	HANDOVER_FOREIGN,     /* there is, but with another identity */
};

struct handover {
	char name[SETTINGS_NAME_MAX + 1]; /* of the profile, as far as it could be read */
	struct profile *profile;          /* the broker's */
	struct past past;                 /* owned */
};

/* The line, with its newline, the caller's; NULL when there is no memory. */
struct secret *handover_write(const struct profile *profile);

/*
 * Reads a line of len bytes, and finds the profile that it is of. Returns 0 with what
 * past_restore() takes, or one of the above, or -EINVAL for what handover_write() has not made, or
 * -ENOMEM.
 */
int handover_read(
	const char *line, size_t len, const struct broker *broker, struct handover *ret_handover);
