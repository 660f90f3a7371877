/*
 * What comes next among the profiles of a configuration: which attempt is to start, and when
 * something has to happen. It does not do it.
 */
#pragma once

#include <stdint.h>

struct profile;
struct roster;

enum { DUE_HOST_ATTEMPTS_MAX = 8 /* in flight at one token host and port */ };

/* The profile whose attempt is to start now, or NULL: those who are waited for go first, then those
 * due longest, as far as their hosts have room. */
struct profile *due_profile(const struct roster *roster, int64_t now_ms);

/* A profile whose provider has not done by its deadline what it was asked for, or NULL. */
struct profile *due_errand(const struct roster *roster, int64_t now_ms);

/* A profile with something to do for its device authorization, or NULL. */
struct profile *due_device(const struct roster *roster, int64_t now_ms);

/* When a deadline, the end of a token or the start of an attempt comes; INT64_MAX: never. */
int64_t due_next(const struct roster *roster);
