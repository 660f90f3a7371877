/*
 * What one POST says, to whom, and by which way. It does not know what it means.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct secret;

/* What each request says of itself beside its Authorization; the type is libcurl's. */
#define HTTP_ACCEPT       "Accept: application/json"
#define HTTP_CONTENT_TYPE "Content-Type: application/x-www-form-urlencoded"
#define HTTP_AGENT        "gctokend/" GCTOKEND_VERSION

/* Strings and secrets are borrowed for the call of http_post() only. */
struct http_request {
	const char *url;
	const char *unix_socket;                       /* NULL: TCP */
	const char *ca_file;                           /* NULL: the system's */
	const struct secret *client_cert, *client_key; /* PEM; NULL: none */
	const struct secret *client_key_passphrase;    /* NULL: none */
	/* http, https or socks5h; NULL: none, whatever the environment says. Loopback and
	 * unix_socket never have one. */
	const char *proxy_url;
	const char *proxy_username;
	const struct secret *proxy_password;
	const char *no_proxy;               /* CURLOPT_NOPROXY; NULL: none */
	const struct secret *form;          /* application/x-www-form-urlencoded */
	const struct secret *authorization; /* value of that header; NULL: none */
	int64_t connect_timeout_ms, request_timeout_ms;
	bool keep_headers; /* the answer's are wanted */
};
