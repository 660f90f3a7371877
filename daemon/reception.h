/*
 * Where callers come in: chooses the socket, listens on it, and has those refused for whom there is
 * no room. It does not know who may ask, nor what.
 */
#pragma once

#include <stdbool.h>

struct clients;
struct configuration;
struct event_base;
struct reception;

struct reception_options {
	int fd;             /* a socket that the service manager passed; -1: none */
	const char *socket; /* --socket, or NULL; borrowed */
	/* Those who come, and what else may name the socket; borrowed. */
	struct clients *clients;
	const struct configuration *configuration;
};

/*
 * Listens on fd, which is taken over in any case; else on --socket, [daemon] socket, or the place
 * where gctoken looks. Returns an exit status, EXIT_STATUS_DONE with *ret; what went wrong has been
 * logged.
 */
int reception_new(
	struct event_base *base, const struct reception_options *options, struct reception **ret);

/* Stops listening, and removes the socket if it was made here; takes NULL. */
void reception_free(struct reception *reception);

/* Warns if the configuration names another socket than the one that is served. */
void reception_check(const struct reception *reception);

/* The socket, for people. */
const char *reception_path(const struct reception *reception);
