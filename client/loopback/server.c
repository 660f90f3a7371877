#include "client/loopback/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/loopback/owner.h"

enum {
	BACKLOG = 128,
	HEADERS_MAX = 64 * 1024, /* the cookies of all that is served on this host are among them */
	BODY_MAX = 256 * 1024,   /* a token, with each of its bytes as %41 */
	IDLE_S = 5,              /* nothing has come for so long */
	PORT_TRIES = 16,         /* until one is free on all addresses */
	ADDRESSES = 2,           /* of a host */
	POLICY_SIZE = 300,
	/* Descriptors are handed out lowest first, so that the number of one bounds how many are
	 * open. Other users have a share, which they may pass by what comes in one turn. */
	DESCRIPTORS_MAX = 512,
	DESCRIPTORS_OF_OTHERS_MAX = 64,
};

struct server {
	struct event_base *base;
	struct evhttp *http;
	const struct server_ops *ops;
	void *context;
};

/* ---- connections */

static void judge(evutil_socket_t unused, short what, void *arg)
{
	evutil_socket_t fd = bufferevent_getfd(arg);

	if (fd >= DESCRIPTORS_MAX || (fd >= DESCRIPTORS_OF_OTHERS_MAX && !owner_is_ours(fd))) {
		shutdown(fd, SHUT_RDWR); /* by which evhttp finds that it has ended */
	}
}

static struct bufferevent *take_connection(struct event_base *base, void *arg)
{
	struct bufferevent *connection = bufferevent_socket_new(base, -1, 0);

	/* Later in this turn, when it has its descriptor, and before anything comes from it. */
	if (connection) {
		event_base_once(base, -1, EV_TIMEOUT, judge, connection, NULL);
	}
	return connection;
}

/* ---- requests */

static void sent(struct evhttp_request *request, void *arg)
{
	struct server *server = arg;

	server->ops->sent(server->context);
}

static void add_headers(struct evhttp_request *http, const struct server_reply *reply)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(http);
	char policy[POLICY_SIZE];

	snprintf(policy, sizeof(policy),
		"default-src 'none'; img-src data:; style-src 'nonce-%s'; script-src 'nonce-%s'; "
		"form-action %s; base-uri 'none'; frame-ancestors 'none'",
		reply->page.nonce, reply->page.nonce, reply->page.posts ? "'self'" : "'none'");
	evhttp_add_header(headers, "Content-Security-Policy", policy);
	evhttp_add_header(headers, "Content-Type", "text/html; charset=utf-8");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(headers, "Referrer-Policy", "same-origin");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "Connection", "close");
	if (reply->location) {
		evhttp_add_header(headers, "Location", reply->location);
	}
	if (*reply->set_cookie) {
		evhttp_add_header(headers, "Set-Cookie", reply->set_cookie);
	}
}

static void send_reply(
	struct server *server, struct evhttp_request *http, const struct server_reply *reply)
{
	add_headers(http, reply);
	if (reply->page.html) {
		evbuffer_add(evhttp_request_get_output_buffer(http), reply->page.html,
			strlen(reply->page.html));
	}
	if (reply->last) {
		evhttp_request_set_on_complete_cb(http, sent, server);
	}
	evhttp_send_reply(http, reply->page.status, NULL, NULL);
}

/* A copy of the body, to be dropped; NULL when there is none. */
static char *copy_body(struct evhttp_request *http, size_t *ret_len)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(http);
	size_t len = evbuffer_get_length(body);
	char *copy = len > 0 ? calloc(1, len + 1) : NULL;

	if (copy) {
		evbuffer_remove(body, copy, len);
	}
	*ret_len = len;
	return copy;
}

/* Wipes len bytes, whatever was written to them since. */
static void drop(char *text, size_t len)
{
	if (text) {
		explicit_bzero(text, len);
		free(text);
	}
}

static evutil_socket_t fd_of(struct evhttp_request *http)
{
	return bufferevent_getfd(
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(http)));
}

static void take(struct evhttp_request *http, void *arg)
{
	struct server *server = arg;
	struct evkeyvalq *headers = evhttp_request_get_input_headers(http);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
	const char *query = evhttp_uri_get_query(uri);
	const char *path = evhttp_uri_get_path(uri);
	size_t body_len, query_len = query ? strlen(query) : 0;
	/* A request to a proxy names another host in its first line. */
	const struct gate_request request = {
		.ours = owner_is_ours(fd_of(http)),
		.post = evhttp_request_get_command(http) == EVHTTP_REQ_POST,
		.host = evhttp_uri_get_host(uri) ? NULL : evhttp_find_header(headers, "Host"),
		.cookie = evhttp_find_header(headers, "Cookie"),
		.origin = evhttp_find_header(headers, "Origin"),
		.path = path ? path : "",
		.query = query ? strdup(query) : NULL,
		.body = copy_body(http, &body_len),
	};
	struct server_reply reply = {.page.status = HTTP_INTERNAL};

	server->ops->take(server->context, &request, &reply);
	/* That may have taken longer than a connection may be idle. */
	evhttp_connection_set_timeout(evhttp_request_get_connection(http), IDLE_S);
	send_reply(server, http, &reply);
	page_done(&reply.page);
	drop(request.query, query_len);
	drop(request.body, body_len);
}

/* ---- listening */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* The addresses that a browser may try for a host; all of them have to be ours. */
static size_t addresses_of(const struct place *place, union address ret[ADDRESSES])
{
	bool is_name = strcmp(place->host, "localhost") == 0;
	size_t n = 0;

	if (*place->host != '[') {
		ret[n].in = (struct sockaddr_in){.sin_family = AF_INET};
		inet_pton(AF_INET, is_name ? "127.0.0.1" : place->host, &ret[n].in.sin_addr);
		n++;
	}
	if (*place->host == '[' || is_name) {
		ret[n++].in6 = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	}
	return n;
}

/* Returns 0 with a listener and its port, or -errno. */
static int listen_on(struct server *server, union address *address, int port,
	struct evhttp_bound_socket **ret_bound, int *ret_port)
{
	static const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
				      LEV_OPT_REUSEABLE;
	bool is_in6 = address->any.sa_family == AF_INET6;
	socklen_t len = is_in6 ? sizeof(address->in6) : sizeof(address->in);
	in_port_t *where = is_in6 ? &address->in6.sin6_port : &address->in.sin_port;
	struct evconnlistener *listener;

	*where = htons((in_port_t)port);
	listener = evconnlistener_new_bind(
		server->base, NULL, NULL, flags, BACKLOG, &address->any, (int)len);
	if (!listener) {
		return errno > 0 ? -errno : -ENOMEM;
	}
	if (getsockname(evconnlistener_get_fd(listener), &address->any, &len) == 0) {
		*ret_bound = evhttp_bind_listener(server->http, listener);
	}
	if (!*ret_bound) {
		evconnlistener_free(listener);
		return -ENOMEM;
	}
	*ret_port = ntohs(*where);
	return 0;
}

static bool is_missing(int r)
{
	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL;
}

/* Listens on all addresses or on none. */
static int listen_on_all(struct server *server, const struct place *place, int *ret_port)
{
	union address addresses[ADDRESSES];
	struct evhttp_bound_socket *bound[ADDRESSES] = {NULL};
	size_t n = addresses_of(place, addresses);
	int port = place->port, r = 0;
	bool any = false;

	for (size_t i = 0; i < n && (r == 0 || is_missing(r)); i++) {
		r = listen_on(server, &addresses[i], port, &bound[i], &port);
		any = any || r == 0;
	}
	if (r == 0 || (any && is_missing(r))) {
		*ret_port = port; /* a machine may have one of IPv4 and IPv6 alone */
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (bound[i]) {
			evhttp_del_accept_socket(server->http, bound[i]);
		}
	}
	return r;
}

int server_listen(struct server *server, struct place *place)
{
	int tries = place->port == 0 ? PORT_TRIES : 1;
	int r = -EADDRINUSE;

	for (; tries > 0 && r == -EADDRINUSE; tries--) {
		r = listen_on_all(server, place, &place->port);
	}
	return r;
}

struct server *server_new(struct event_base *base, const struct server_ops *ops, void *context)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server) {
		return NULL;
	}
	server->http = evhttp_new(base);
	if (!server->http) {
		free(server);
		return NULL;
	}
	server->base = base;
	server->ops = ops;
	server->context = context;
	evhttp_set_bevcb(server->http, take_connection, NULL);
	evhttp_set_gencb(server->http, take, server);
	evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_timeout(server->http, IDLE_S);
	evhttp_set_max_headers_size(server->http, HEADERS_MAX);
	evhttp_set_max_body_size(server->http, BODY_MAX);
	return server;
}

void server_free(struct server *server)
{
	if (server) {
		evhttp_free(server->http);
		free(server);
	}
}
