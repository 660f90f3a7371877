/*
 * Serves HTTP on loopback, to the browsers of this machine. It does not know what they get, nor
 * what for.
 */
#pragma once

#include <stdbool.h>

#include "client/loopback/gate.h"
#include "client/loopback/page.h"

struct event_base;
struct server;

struct server_reply {
	struct page page;
	const char *location;              /* where the browser goes on to; NULL: nowhere */
	char set_cookie[GATE_COOKIE_SIZE]; /* "": none */
	bool last;                         /* ops->sent() tells when the browser has it */
};

struct server_ops {
	/* Fills *reply, whose page is taken over. */
	void (*take)(void *context, const struct gate_request *request, struct server_reply *reply);
	void (*sent)(void *context);
};

/* ops and context are borrowed. NULL when there is no memory. */
struct server *server_new(struct event_base *base, const struct server_ops *ops, void *context);
void server_free(struct server *server);

/*
 * Listens on all addresses of the place's host, on its port or, where it has none, a free one,
 * which it then has. Returns 0, or -errno with nothing changed; -EADDRINUSE: somebody else listens
 * there.
 */
int server_listen(struct server *server, struct place *place);
