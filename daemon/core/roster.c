#include "roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "settings.h"

static int compare_names(const void *a, const void *b)
{
	const struct profile *const *left = a, *const *right = b;

	return strcmp((*left)->settings->name, (*right)->settings->name);
}

static int compare_with_name(const void *name, const void *element)
{
	const struct profile *const *profile = element;

	return strcmp(name, (*profile)->settings->name);
}

struct profile *roster_find(const struct roster *roster, const char *name)
{
	struct profile **found = NULL;

	if (roster->n > 0) {
		found = bsearch(name, roster->profiles, roster->n, sizeof(*roster->profiles),
			compare_with_name);
	}
	return found ? *found : NULL;
}

/* Takes settings over; NULL when there is no memory. */
static struct profile *make(struct host_list *hosts, struct settings *settings)
{
	struct profile *profile = profile_new(settings);

	if (!profile) {
		return NULL;
	}
	profile->host = host_use(hosts, profile->settings->token_host);
	if (!profile->host) {
		profile_free(profile);
		return NULL;
	}
	return profile;
}

int roster_init(
	struct roster *roster, struct host_list *hosts, struct settings **settings, size_t n)
{
	bool failed;

	roster->n = n;
	roster->profiles = calloc(n + 1, sizeof(struct profile *));
	failed = !roster->profiles;
	for (size_t i = 0; i < n; i++) {
		if (failed) {
			settings_unref(settings[i]);
		} else {
			roster->profiles[i] = make(hosts, settings[i]);
			failed = !roster->profiles[i];
		}
		settings[i] = NULL;
	}
	if (failed) {
		roster_done(roster, hosts);
		return -ENOMEM;
	}
	qsort(roster->profiles, n, sizeof(*roster->profiles), compare_names);
	return 0;
}

void roster_done(struct roster *roster, struct host_list *hosts)
{
	for (size_t i = 0; roster->profiles && i < roster->n; i++) {
		if (roster->profiles[i]) {
			host_leave(hosts, roster->profiles[i]->host);
			profile_free(roster->profiles[i]);
		}
	}
	free(roster->profiles);
	*roster = (struct roster){0};
}
