/*
 * A Unix stream socket that is listened on: makes it, accepts, and copes when descriptors run out.
 * It does not know who may connect; that is for whoever takes the connections.
 */
#pragma once

#include <stddef.h>

struct event_base;
struct listener;

/* A new connection, non-blocking and close-on-exec; fd is the callee's. */
typedef void listener_accept_fn(void *context, int fd);

struct listener_config {
	const char *path;
	listener_accept_fn *accepted;
	/* What a connection is told that cannot be served, because descriptors have run out;
	 * borrowed for the listener's life. */
	const char *refusal;
	size_t refusal_len;
	void *context;
};

enum { LISTENER_WHY_MAX = 512 };

/*
 * Makes the socket at path (mode 0666, the last directory made with mode 0755 where it is missing)
 * and listens. A socket that nobody answers on is replaced; one that answers is left alone. Returns
 * 0, or a negative errno with a sentence in why.
 */
int listener_new(struct event_base *base, const struct listener_config *config,
	struct listener **ret_listener, char why[LISTENER_WHY_MAX]);

/* Stops listening and removes the socket that it made. */
void listener_free(struct listener *listener);

/* Tells a connection the refusal and closes it. */
void listener_refuse(const struct listener *listener, int fd);
