#include "server.h"

#include "answer.h"
#include "mem.h"
#include "pki.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define SERVER_BACKLOG       4096
#define SERVER_BODY_MAX      (4L * 1024 * 1024)
#define SERVER_HEADERS_MAX   65536
#define SERVER_IDLE_S        60      /* a request not complete, or nothing on a kept connection */
#define SERVER_LISTENERS_MAX 3       /* plain, TLS, control */
#define SERVER_PAUSE_US      100000L /* of a listener when descriptors ran out */
#define SERVER_UNREAD_MAX    4096    /* bytes taken from a client that has to wait for its answer */

struct listener {
	struct server *server;
	enum server_kind kind;
	struct evhttp *http;
	SSL_CTX *tls;
};

struct server {
	struct event_base *base;
	const struct server_handler *handler;
	void *handler_ctx;
	struct listener listeners[SERVER_LISTENERS_MAX];
	int listener_count;
	struct connection **connections; /* by descriptor; NULL before its first request */
	int connections_size;
	uint64_t last_connection;
};

struct connection {
	struct server *server;
	struct evhttp_connection *evcon;
	int fd;
	uint64_t number;
	uint64_t requests;
	struct exchange *exchange; /* the request that waits for its answer */
};

/* One request from its arrival to the last byte of its answer. */
struct exchange {
	struct connection *connection;
	struct evhttp_request *request;
	struct answer *answer;
	void *ticket;
	struct event *timer;
	struct evbuffer *left; /* raw: what is still to be sent; NULL until the delay is over */
};

/* Sends the reset now: on the way to close() evhttp would send an orderly end first. */
static void server_reset(evutil_socket_t fd)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)connect(fd, &nowhere, sizeof(nowhere));
}

static void exchange_finish(struct exchange *exchange, int status, enum server_outcome outcome)
{
	struct connection *connection = exchange->connection;
	struct server *server = connection->server;
	connection->exchange = NULL;
	server->handler->done(server->handler_ctx, exchange->ticket, status, outcome);
	event_free(exchange->timer);
	if (exchange->left) {
		evbuffer_free(exchange->left);
	}
	answer_free(exchange->answer);
	free(exchange);
}

/* evhttp is about to free the connection, whoever ended it. */
static void connection_closed(struct evhttp_connection *evcon, void *arg)
{
	struct connection *connection = arg;
	if (connection->exchange) {
		exchange_finish(connection->exchange, 0, SERVER_VANISHED);
	}
	connection->server->connections[connection->fd] = NULL;
	free(connection);
}

static void exchange_gone(struct bufferevent *bev, short what, void *arg)
{
	struct exchange *exchange = arg;
	evhttp_connection_free(exchange->connection->evcon);
}

static void exchange_end_raw(struct exchange *exchange)
{
	const struct answer *answer = exchange->answer;
	struct evhttp_connection *evcon = exchange->connection->evcon;
	int status = answer->cut == ANSWER_CUT_BEFORE_HEADERS ? 0 : answer->status;
	enum server_outcome outcome = answer->reset                 ? SERVER_WAS_RESET
				      : answer->cut == ANSWER_WHOLE ? SERVER_ANSWERED
								    : SERVER_CLOSED;
	if (answer->reset) {
		server_reset(exchange->connection->fd);
	}
	exchange_finish(exchange, status, outcome);
	evhttp_connection_free(evcon);
}

/* Sends the next drip, or all. */
static void exchange_step(struct exchange *exchange, struct bufferevent *bev)
{
	size_t len = evbuffer_get_length(exchange->left);
	if (len == 0) {
		exchange_end_raw(exchange);
		return;
	}
	size_t drip = (size_t)exchange->answer->drip_bytes;
	evbuffer_remove_buffer(
		exchange->left, bufferevent_get_output(bev), drip && drip < len ? drip : len);
}

static void exchange_arm(struct exchange *exchange, int64_t ms)
{
	struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	evtimer_add(exchange->timer, &in);
}

/* Everything written so far has gone to the kernel. */
static void exchange_drained(struct bufferevent *bev, void *arg)
{
	struct exchange *exchange = arg;
	if (!exchange->left) {
		return; /* still delayed: this is the TLS layer's own writing */
	}
	if (exchange->answer->drip_bytes && evbuffer_get_length(exchange->left) > 0) {
		exchange_arm(exchange, exchange->answer->drip_interval_ms);
	} else {
		exchange_step(exchange, bev);
	}
}

static void exchange_send(struct exchange *exchange)
{
	struct answer *answer = exchange->answer;
	struct evhttp_request *request = exchange->request;
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	const struct evkeyval *header;
	TAILQ_FOREACH (header, &answer->headers, next) {
		evhttp_add_header(headers, header->key, header->value);
	}
	struct evbuffer *body = evbuffer_new();
	evbuffer_add_buffer(body, answer->body);
	int status = answer->status;
	exchange_finish(exchange, status, SERVER_ANSWERED);
	evhttp_send_reply(request, status, answer_reason(status), body);
	evbuffer_free(body);
}

static void exchange_due(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *exchange = arg;
	struct evhttp_connection *evcon = exchange->connection->evcon;
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
	if (exchange->answer->raw) {
		if (!exchange->left) {
			exchange->left = answer_render(exchange->answer);
		}
		exchange_step(exchange, bev);
		return;
	}
	/* evhttp_send_reply sets its own callbacks again; the limits have to be lifted by hand. */
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	evhttp_connection_set_timeout(evcon, SERVER_IDLE_S);
	exchange_send(exchange);
}

/*
 * Takes the connection out of evhttp's hands until the answer is due: evhttp stops reading while a
 * request is handled, and so would not see that the client went away.
 */
static void exchange_hold(struct exchange *exchange)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(exchange->connection->evcon);
	int one = 1;
	setsockopt(exchange->connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	bufferevent_setcb(bev, NULL, exchange_drained, exchange_gone, exchange);
	bufferevent_setwatermark(bev, EV_READ, 0, SERVER_UNREAD_MAX);
	bufferevent_set_timeouts(bev, NULL, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	exchange_arm(exchange, exchange->answer->delay_ms);
}

static struct connection *connection_of(struct server *server, struct evhttp_connection *evcon)
{
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));
	if (fd >= server->connections_size) {
		int size = fd * 2 + 64;
		server->connections = mem_realloc(
			server->connections, (size_t)size * sizeof(struct connection *));
		memset(server->connections + server->connections_size, 0,
			(size_t)(size - server->connections_size) * sizeof(struct connection *));
		server->connections_size = size;
	}
	struct connection *connection = server->connections[fd];
	if (!connection) {
		connection = mem_new(sizeof(*connection));
		connection->server = server;
		connection->evcon = evcon;
		connection->fd = fd;
		connection->number = ++server->last_connection;
		server->connections[fd] = connection;
		evhttp_connection_set_closecb(evcon, connection_closed, connection);
	}
	return connection;
}

static const char *method_name(enum evhttp_cmd_type method)
{
	switch ((int)method) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_HEAD:
		return "HEAD";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	default:
		return "other";
	}
}

/* The fingerprint of the client's certificate, which the caller frees; NULL without one. */
static char *certificate_of(struct evhttp_connection *evcon)
{
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evcon));
	X509 *cert = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
	return cert ? pki_fingerprint(cert) : NULL;
}

static void server_on_request(struct evhttp_request *req, void *arg)
{
	struct listener *listener = arg;
	struct server *server = listener->server;
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct connection *connection = connection_of(server, evcon);
	struct evbuffer *body = evhttp_request_get_input_buffer(req);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	char *certificate = certificate_of(evcon);
	char *peer = NULL;
	ev_uint16_t port;
	evhttp_connection_get_peer(evcon, &peer, &port);
	struct server_request request = {
		.kind = listener->kind,
		.method = method_name(evhttp_request_get_command(req)),
		.path = path && *path ? path : "/",
		.query = uri ? evhttp_uri_get_query(uri) : NULL,
		.headers = evhttp_request_get_input_headers(req),
		.body = evbuffer_get_length(body) ? (const char *)evbuffer_pullup(body, -1) : "",
		.body_len = evbuffer_get_length(body),
		.peer = peer ? peer : "",
		.certificate = certificate,
		.connection = connection->number,
		.earlier = connection->requests++,
	};
	struct exchange *exchange = mem_new(sizeof(*exchange));
	exchange->connection = connection;
	exchange->request = req;
	exchange->timer = evtimer_new(server->base, exchange_due, exchange);
	exchange->answer = server->handler->request(
		server->handler_ctx, &request, &exchange->ticket);
	free(certificate);
	connection->exchange = exchange;
	if (exchange->answer->raw || exchange->answer->delay_ms > 0) {
		exchange_hold(exchange);
	} else {
		exchange_send(exchange);
	}
}

static void accepted_close(evutil_socket_t unused, short what, void *arg)
{
	char unread[SERVER_UNREAD_MAX];
	evutil_socket_t fd = bufferevent_getfd(arg);
	/* evhttp reads the end and cleans up. What came before the end it would answer; what comes
	 * later the kernel refuses. */
	shutdown(fd, SHUT_RDWR);
	while (recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0) {
	}
}

static void accepted_reset(evutil_socket_t unused, short what, void *arg)
{
	server_reset(bufferevent_getfd(arg));
}

/* evhttp asks for the bufferevent of a connection that it has just accepted, before it tells it the
 * descriptor. */
static struct bufferevent *server_on_accept(struct event_base *base, void *arg)
{
	struct listener *listener = arg;
	struct server *server = listener->server;
	struct bufferevent *bev = NULL;
	if (listener->kind == SERVER_TLS) {
		bev = bufferevent_openssl_socket_new(base, -1, SSL_new(listener->tls),
			BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	} else {
		bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	}
	enum server_welcome welcome = listener->kind == SERVER_CONTROL
					      ? SERVER_KEEP
					      : server->handler->accepted(server->handler_ctx);
	if (welcome != SERVER_KEEP) {
		/* Active at once, so it runs before anything is read. */
		event_base_once(base, -1, EV_TIMEOUT,
			welcome == SERVER_RESET ? accepted_reset : accepted_close, bev, NULL);
	}
	return bev;
}

static void listener_resume(evutil_socket_t unused, short what, void *arg)
{
	evconnlistener_enable(arg);
}

/* Out of descriptors: the socket stays readable, so go on only after a pause. */
static void listener_failed(struct evconnlistener *socket, void *arg)
{
	struct timeval pause = {.tv_usec = SERVER_PAUSE_US};
	evconnlistener_disable(socket);
	event_base_once(
		evconnlistener_get_base(socket), -1, EV_TIMEOUT, listener_resume, socket, &pause);
}

/* Reads ADDR:PORT with a numeric loopback address. Returns its length, or 0 if it is not that. */
static int parse_loopback(const char *text, struct sockaddr_storage *where)
{
	struct sockaddr_in *in = (struct sockaddr_in *)where;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)where;
	char host[INET6_ADDRSTRLEN];
	unsigned port;
	char rest;
	*where = (struct sockaddr_storage){0};
	if (sscanf(text, "%15[0-9.]:%5u%c", host, &port, &rest) == 2 && port <= UINT16_MAX &&
		inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET ? sizeof(*in) : 0;
	}
	if (sscanf(text, "[%45[0-9a-fA-F:.]]:%5u%c", host, &port, &rest) == 2 &&
		port <= UINT16_MAX && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ? sizeof(*in6) : 0;
	}
	return 0;
}

static int port_of(evutil_socket_t fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} bound = {0};
	socklen_t len = sizeof(bound);
	if (getsockname(fd, &bound.any, &len) != 0) {
		return -1;
	}
	return ntohs(bound.any.sa_family == AF_INET ? bound.in.sin_port : bound.in6.sin6_port);
}

int server_listen(struct server *server, enum server_kind kind, const char *address, SSL_CTX *tls,
	char *error, size_t error_size)
{
	struct sockaddr_storage where;
	int len = parse_loopback(address, &where);
	if (!len) {
		snprintf(error, error_size,
			"cannot listen on %s: only loopback addresses, as 127.0.0.1:PORT or "
			"[::1]:PORT",
			address);
		return -1;
	}
	struct listener *listener = &server->listeners[server->listener_count];
	struct evconnlistener *socket = evconnlistener_new_bind(server->base, NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, SERVER_BACKLOG,
		(struct sockaddr *)&where, len);
	if (!socket) {
		snprintf(error, error_size, "cannot listen on %s: %s", address,
			evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
		return -1;
	}
	*listener = (struct listener){.server = server, .kind = kind, .tls = tls};
	listener->http = evhttp_new(server->base);
	evhttp_set_gencb(listener->http, server_on_request, listener);
	evhttp_set_bevcb(listener->http, server_on_accept, listener);
	evhttp_set_timeout(listener->http, SERVER_IDLE_S);
	evhttp_set_max_body_size(listener->http, SERVER_BODY_MAX);
	evhttp_set_max_headers_size(listener->http, SERVER_HEADERS_MAX);
	evhttp_set_default_content_type(listener->http, NULL);
	evhttp_bind_listener(listener->http, socket);
	evconnlistener_set_error_cb(socket, listener_failed);
	server->listener_count++;
	return port_of(evconnlistener_get_fd(socket));
}

struct server *server_new(
	struct event_base *base, const struct server_handler *handler, void *handler_ctx)
{
	struct server *server = mem_new(sizeof(*server));
	server->base = base;
	server->handler = handler;
	server->handler_ctx = handler_ctx;
	return server;
}

void server_free(struct server *server)
{
	if (!server) {
		return;
	}
	for (int i = 0; i < server->listener_count; i++) {
		evhttp_free(server->listeners[i].http);
	}
	free(server->connections);
	free(server);
}
