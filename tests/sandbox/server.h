/*
 * Listeners and connections: reads requests through evhttp, delivers answers as they order, notices
 * clients that vanish. Knows nothing of OAuth, paths or rules.
 */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer;
struct event_base;
struct evkeyvalq;
struct server;

/* What becomes of a connection that was just accepted. */
enum server_welcome { SERVER_KEEP, SERVER_CLOSE, SERVER_RESET };

/* How a request ended. */
enum server_outcome { SERVER_ANSWERED, SERVER_CLOSED, SERVER_WAS_RESET, SERVER_VANISHED };

enum server_kind { SERVER_PLAIN, SERVER_TLS, SERVER_CONTROL };

/* Valid during the call that brings it. */
struct server_request {
	enum server_kind kind;
	const char *method;
	const char *path;
	const char *query; /* NULL without one */
	struct evkeyvalq *headers;
	const char *body;
	size_t body_len;
	const char *peer;        /* the address without the port */
	const char *certificate; /* the fingerprint of the TLS client's; NULL without one */
	uint64_t connection; /* the number of its connection, among those that brought a request */
	uint64_t earlier;    /* requests that came before it on that connection */
};

struct server_handler {
	/* A connection was accepted on a plain or TLS listener. */
	enum server_welcome (*accepted)(void *ctx);
	/* Returns the answer, which the server takes over; never NULL. *TICKET comes back in done.
	 */
	struct answer *(*request)(void *ctx, const struct server_request *request, void **ticket);
	/* The request is over; STATUS is 0 if no status line was sent. Once per request. */
	void (*done)(void *ctx, void *ticket, int status, enum server_outcome outcome);
};

/* HANDLER and BASE outlive the server. server_free ends all connections (as vanished); takes NULL.
 */
struct server *server_new(
	struct event_base *base, const struct server_handler *handler, void *handler_ctx);
void server_free(struct server *server);

/*
 * Listens on ADDRESS ("127.0.0.1:0", "[::1]:8443"; loopback only). TLS is needed for SERVER_TLS and
 * stays the caller's. Returns the port, or -1 with a message in ERROR.
 */
int server_listen(struct server *server, enum server_kind kind, const char *address, SSL_CTX *tls,
	char *error, size_t error_size);

#endif
