#include "http_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void http_text_copy(char *dst, size_t size, const char *text, size_t len)
{
	size_t n = len < size ? len : size - 1;

	for (size_t i = 0; i < n; i++) {
		bool printable = text[i] >= ' ' && text[i] <= '~';

		dst[i] = (char)(printable ? text[i] : '?');
	}
	dst[n] = '\0';
}

/* What curl or OpenSSL says of it, without the beginning that our own text already says. */
static const char *curl_says(const struct http_failure *failure)
{
	static const char *const beginnings[] = {"SSL certificate problem: ", "SSL: "};
	const char *text = failure->curl_error;

	if (!*text) {
		return curl_easy_strerror(failure->code);
	}
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
		size_t len = strlen(beginnings[i]);

		if (!strncmp(text, beginnings[i], len)) {
			return text + len;
		}
	}
	return text;
}

/* Says how far it came in which time. */
static void describe_timeout(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	curl_off_t resolved_us = 0, connected_us = 0, begun_us = 0;
	int64_t limit_ms = failure->request_timeout_ms;
	char within[32];

	curl_easy_getinfo(failure->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
	curl_easy_getinfo(failure->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
	curl_easy_getinfo(failure->easy, CURLINFO_STARTTRANSFER_TIME_T, &begun_us);
	if (!connected_us && failure->connect_timeout_ms < limit_ms) {
		limit_ms = failure->connect_timeout_ms;
	}
	snprintf(within, sizeof(within), "%g second%s", (double)limit_ms / 1000,
		limit_ms == 1000 ? "" : "s");
	if (connected_us) {
		snprintf(text, HTTP_TEXT_MAX, "no %sanswer within %s", begun_us ? "whole " : "",
			within);
	} else if (resolved_us || !failure->host) {
		snprintf(text, HTTP_TEXT_MAX, "no connection to %s within %s", failure->peer,
			within);
	} else {
		snprintf(text, HTTP_TEXT_MAX, "cannot resolve %s within %s", failure->host, within);
	}
}

static void describe(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	const char *why = curl_says(failure);
	long os_error = 0;

	curl_easy_getinfo(failure->easy, CURLINFO_OS_ERRNO, &os_error);
	switch ((int)failure->code) {
	case CURLE_COULDNT_RESOLVE_HOST: /* libcurl's word for a socket's path too long, too */
		if (failure->host) {
			snprintf(text, HTTP_TEXT_MAX, "cannot resolve %s", failure->host);
		} else {
			snprintf(text, HTTP_TEXT_MAX, "%s", why);
		}
		break;
	case CURLE_COULDNT_CONNECT:
		snprintf(text, HTTP_TEXT_MAX, "cannot connect to %s: %s", failure->peer,
			os_error ? strerror((int)os_error) : why);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		describe_timeout(text, failure);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		snprintf(text, HTTP_TEXT_MAX, "the server's certificate is not trusted: %s", why);
		break;
	case CURLE_SSL_CONNECT_ERROR:
		snprintf(text, HTTP_TEXT_MAX, "no TLS connection to %s: %s", failure->peer, why);
		break;
	case CURLE_OK:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		snprintf(text, HTTP_TEXT_MAX,
			"the server closed the connection before its answer was whole");
		break;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		snprintf(text, HTTP_TEXT_MAX, "the connection broke: %s", why);
		break;
	case CURLE_OUT_OF_MEMORY: /* libcurl's word for both */
		snprintf(text, HTTP_TEXT_MAX, "no memory, or the answer has a header too long");
		break;
	default:
		snprintf(text, HTTP_TEXT_MAX, "%s", why);
	}
}

void http_text_failure(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	describe(text, failure);
	http_text_copy(text, HTTP_TEXT_MAX, text, strlen(text));
}
