/*
 * What a transfer says to people: why it failed, in one clause, and text from a server made fit for
 * print. It does not know what follows from it.
 */
#pragma once

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_TEXT_MAX = 512, /* bytes of a clause with its NUL */
};

/* A transfer that libcurl has ended, as far as the text needs it; all borrowed. */
struct http_failure {
	CURL *easy;
	CURLcode code;          /* CURLE_OK: its headers never ended */
	const char *curl_error; /* CURLOPT_ERRORBUFFER's */
	const char *host;       /* the name to resolve; NULL: none */
	const char *peer;       /* host:port, or the path of a Unix socket */
	int64_t connect_timeout_ms, request_timeout_ms;
};

/* Copies what fits in size bytes with the NUL; what is not printable ASCII becomes "?". */
void http_text_copy(char *dst, size_t size, const char *text, size_t len);

/* The clause for a failure, for example "cannot connect to 127.0.0.1:9: Connection refused". */
void http_text_failure(char text[HTTP_TEXT_MAX], const struct http_failure *failure);
