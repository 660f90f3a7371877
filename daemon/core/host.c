#include "host.h"

#include <stdlib.h>
#include <string.h>

struct host *host_use(struct host_list *list, const char *name)
{
	size_t size = strlen(name) + 1;
	struct host *host;

	TAILQ_FOREACH (host, list, link) {
		if (strcmp(host->name, name) == 0) {
			host->users++;
			return host;
		}
	}
	host = calloc(1, sizeof(*host) + size);
	if (host) {
		memcpy(host->name, name, size);
		host->users = 1;
		TAILQ_INSERT_TAIL(list, host, link);
	}
	return host;
}

void host_leave(struct host_list *list, struct host *host)
{
	if (host && --host->users == 0) {
		TAILQ_REMOVE(list, host, link);
		free(host);
	}
}
