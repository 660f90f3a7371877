/*
 * A Unix stream socket that is listened on: makes it or is given one, accepts, and copes when
 * descriptors run out.
 * It does not know who may connect; that is for whoever takes the connections.
 */
#pragma once

#include <stddef.h>

struct event_base;
struct listener;

/* A new connection, non-blocking and close-on-exec; fd is the callee's. */
typedef void listener_accept_fn(void *context, int fd);

struct listener_config {
	int fd;           /* a socket that listens already; -1: it is to be made at path */
	const char *path; /* where it is to be made */
	listener_accept_fn *accepted;
	/* What a connection is told that cannot be served, because descriptors have run out;
	 * borrowed for the listener's life. */
	const char *refusal;
	size_t refusal_len;
	void *context;
};

enum { LISTENER_WHY_MAX = 512 };

/*
 * Listens on fd, which is taken over in any case; or makes the socket at path (mode 0666, the last
 * directory made with mode 0755 where it is missing). A socket that nobody answers on is replaced;
 * one that answers is left alone. Returns 0, or a negative errno with a sentence in why.
 */
int listener_new(struct event_base *base, const struct listener_config *config,
	struct listener **ret_listener, char why[LISTENER_WHY_MAX]);

/* Stops listening and removes the socket if it made it. */
void listener_free(struct listener *listener);

/* Where it listens; an abstract name begins with "@". Borrowed. */
const char *listener_path(const struct listener *listener);

/* Tells a connection the refusal and closes it. */
void listener_refuse(const struct listener *listener, int fd);
