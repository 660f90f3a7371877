/*
 * The profiles of one configuration, sorted by name, each with its host. It does not know what they
 * are doing.
 */
#pragma once

#include <stddef.h>

#include "host.h"

struct profile;
struct settings;

struct roster {
	struct profile **profiles; /* owned, and so is each that is not NULL */
	size_t n;
};

/*
 * Makes profiles of settings with distinct names, which are taken over in any case (elements become
 * NULL). Returns 0, or -ENOMEM with nothing made.
 */
int roster_init(
	struct roster *roster, struct host_list *hosts, struct settings **settings, size_t n);

/* Frees profiles that have no attempt and no waiters any more. */
void roster_done(struct roster *roster, struct host_list *hosts);

/* The profile of that name, or NULL. */
struct profile *roster_find(const struct roster *roster, const char *name);
