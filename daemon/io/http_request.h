/*
 * What one request says, to whom, and by which way. It does not know what it means.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct secret;

/* What each request says of itself beside its Authorization, and of its body. */
#define HTTP_ACCEPT    "Accept: application/json"
#define HTTP_AGENT     "gctokend/" GCTOKEND_VERSION
#define HTTP_TYPE_FORM "Content-Type: application/x-www-form-urlencoded"
#define HTTP_TYPE_JSON "Content-Type: application/json"

/* Strings and secrets are borrowed for the call of http_send() only. */
struct http_request {
	const char *method; /* a constant, such as POST */
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
	const struct secret *body;          /* NULL: none */
	const char *content_type;           /* of the body: HTTP_TYPE_FORM or HTTP_TYPE_JSON */
	const struct secret *authorization; /* value of that header; NULL: none */
	int64_t connect_timeout_ms, request_timeout_ms;
	bool keep_headers; /* the answer's are wanted */
};
