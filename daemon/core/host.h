/*
 * Token endpoints' hosts and ports, and how many attempts are in flight at each.
 * It does not know how many are allowed.
 */
#pragma once

#include <sys/queue.h>

struct host {
	TAILQ_ENTRY(host) link;
	unsigned users; /* who points here */
	unsigned in_flight;
	char name[];
};

TAILQ_HEAD(host_list, host);

/* The host of that name, made when there is none; to be given back with host_leave(). NULL when
 * there is no memory. */
struct host *host_use(struct host_list *list, const char *name);

/* Takes NULL. */
void host_leave(struct host_list *list, struct host *host);
