/*
 * The way of a request as its URLs say it: to which server, by TCP or a Unix socket, through which
 * proxy. It does not connect, nor know what is sent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct http_request;

/* Strings are owned. */
struct http_way {
	bool tls;         /* to the server */
	char *host;       /* the server's name, NULL with a Unix socket */
	char *peer;       /* host:port, or the Unix socket's path */
	char *proxy_url;  /* SCHEME://HOST:PORT and nothing more; NULL: none */
	char *proxy_host; /* these two are NULL with proxy_url */
	char *proxy_peer;
	bool proxy_tls;
	bool proxy_sure; /* no_proxy has no say in it */
	int64_t connect_timeout_ms, request_timeout_ms;
};

/* Loopback and Unix sockets have no proxy, whatever the request says. Returns 0, -ENOMEM, or
 * -EINVAL with a static text; http_way_done() is due in any case. */
int http_way_init(struct http_way *way, const struct http_request *request, const char **ret_why);
void http_way_done(struct http_way *way);
