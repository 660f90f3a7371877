/*
 * What a transfer says to people: why it failed, in one clause, and text from a server made fit for
 * print. It does not know what follows from it.
 */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct http_way;

enum {
	HTTP_TEXT_MAX = 512, /* bytes of a clause with its NUL */
	HTTP_UNAUTHORIZED = 401,
	HTTP_PROXY_AUTHENTICATION_REQUIRED = 407, /* RFC 9110 section 15.5.8 */
};

/* A transfer that libcurl has ended, as far as the text needs it; all borrowed. */
struct http_failure {
	CURL *easy;
	CURLcode code;          /* CURLE_OK: its headers never ended */
	const char *curl_error; /* CURLOPT_ERRORBUFFER's */
	const struct http_way *way;
	bool begun;            /* the request itself was on its way */
	unsigned tls_contexts; /* connections that came as far as TLS: the proxy's, the server's */
	int tls_alert;         /* the last one that said why TLS ended, 0: none did */
	bool has_client_cert;
	bool has_proxy_user;
};

/* Copies what fits in size bytes with the NUL; what is not printable ASCII becomes "?". */
void http_text_copy(char *dst, size_t size, const char *text, size_t len);

/* The clause for a failure, for example "cannot connect to 127.0.0.1:9: Connection refused". */
void http_text_failure(char text[HTTP_TEXT_MAX], const struct http_failure *failure);

/* The clause for a proxy that answered 407. */
void http_text_proxy_password(char text[HTTP_TEXT_MAX], const struct http_failure *failure);
