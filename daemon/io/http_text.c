#include "http_text.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "http_way.h"

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

	/* libcurl may ask whom it is connected to when the server has gone, and what broke the
	 * connection is then not told any more. */
	if (!*text || !strncmp(text, "getpeername()", strlen("getpeername()"))) {
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

/* How a connection was made, or to be made. */
static const char *by_way_of(const struct http_failure *failure, char text[HTTP_TEXT_MAX])
{
	const struct http_way *way = failure->way;

	*text = '\0';
	if (way->proxy_url) {
		snprintf(text, HTTP_TEXT_MAX, " through the proxy %s%s", way->proxy_peer,
			way->proxy_sure ? "" : " (unless no_proxy has it)");
	}
	return text;
}

/* Says how far it came in which time. */
static void describe_timeout(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	const struct http_way *way = failure->way;
	int64_t limit_ms = way->request_timeout_ms;
	curl_off_t resolved_us = 0, answered_us = 0;
	char within[32], through[HTTP_TEXT_MAX];

	curl_easy_getinfo(failure->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
	curl_easy_getinfo(failure->easy, CURLINFO_STARTTRANSFER_TIME_T, &answered_us);
	if (!failure->begun && way->connect_timeout_ms < limit_ms) {
		limit_ms = way->connect_timeout_ms;
	}
	snprintf(within, sizeof(within), "%g second%s", (double)limit_ms / 1000,
		limit_ms == 1000 ? "" : "s");
	if (failure->begun) {
		snprintf(text, HTTP_TEXT_MAX, "no %sanswer within %s", answered_us ? "whole " : "",
			within);
	} else if (resolved_us || !way->host) {
		snprintf(text, HTTP_TEXT_MAX, "no connection to %s%s within %s", way->peer,
			by_way_of(failure, through), within);
	} else if (way->proxy_url) {
		snprintf(text, HTTP_TEXT_MAX, "cannot resolve the proxy %s%s within %s",
			way->proxy_host, way->proxy_sure ? "" : " (or the server itself)", within);
	} else {
		snprintf(text, HTTP_TEXT_MAX, "cannot resolve %s within %s", way->host, within);
	}
}

/* libcurl says "Failed to connect to HOST port PORT". */
static bool failed_at_proxy(const struct http_failure *failure)
{
	const struct http_way *way = failure->way;
	const char *port = way->proxy_url ? strrchr(way->proxy_peer, ':') + 1 : NULL;
	char target[HTTP_TEXT_MAX];

	if (!way->proxy_url || way->proxy_sure) {
		return way->proxy_url;
	}
	snprintf(target, sizeof(target), " to %s port %s ", way->proxy_host, port);
	return strstr(failure->curl_error, target);
}

static void describe_no_connection(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	bool at_proxy = failed_at_proxy(failure);
	long os_error = 0;

	curl_easy_getinfo(failure->easy, CURLINFO_OS_ERRNO, &os_error);
	snprintf(text, HTTP_TEXT_MAX, "cannot connect to %s%s: %s", at_proxy ? "the proxy " : "",
		at_proxy ? failure->way->proxy_peer : failure->way->peer,
		os_error ? strerror((int)os_error) : curl_says(failure));
}

void http_text_proxy_password(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	snprintf(text, HTTP_TEXT_MAX,
		failure->has_proxy_user ? "the proxy %s does not accept its user and password"
					: "the proxy %s wants a user and password",
		failure->way->proxy_peer);
}

/* RFC 1928 and 1929, as libcurl has understood the proxy. */
static void describe_socks(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	long error = CURLPX_OK;

	curl_easy_getinfo(failure->easy, CURLINFO_PROXY_ERROR, &error);
	if (error == CURLPX_USER_REJECTED || error == CURLPX_NO_AUTH) {
		http_text_proxy_password(text, failure);
	} else {
		snprintf(text, HTTP_TEXT_MAX, "the proxy %s has no connection to %s: %s",
			failure->way->proxy_peer, failure->way->peer, curl_says(failure));
	}
}

/* Whether a proxy answered CONNECT with a refusal, and what it said: tinyproxy has 407 where a
 * password is missing, and 401 where it is wrong. */
static bool describe_refused_tunnel(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	long status = 0;

	curl_easy_getinfo(failure->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (failure->begun || (status >= 200 && status < 300) || !status) {
		return false;
	}
	if (status == HTTP_PROXY_AUTHENTICATION_REQUIRED || status == HTTP_UNAUTHORIZED) {
		http_text_proxy_password(text, failure);
	} else {
		snprintf(text, HTTP_TEXT_MAX,
			"the proxy %s refuses a connection to %s with status %ld",
			failure->way->proxy_peer, failure->way->peer, status);
	}
	return true;
}

/* Whether the alert is one that a server sends when it does not like the client's certificate, or
 * none (RFC 5246 section 7.2.2, RFC 8446 section 6.2). In TLS 1.3 it comes after the handshake. */
static bool is_about_client_certificate(int alert)
{
	switch (alert) {
	case TLS1_AD_ACCESS_DENIED:
	case TLS1_AD_UNKNOWN_CA:
	case SSL3_AD_HANDSHAKE_FAILURE:
	case SSL3_AD_BAD_CERTIFICATE:
	case SSL3_AD_UNSUPPORTED_CERTIFICATE:
	case SSL3_AD_CERTIFICATE_REVOKED:
	case SSL3_AD_CERTIFICATE_EXPIRED:
	case SSL3_AD_CERTIFICATE_UNKNOWN:
	case TLS13_AD_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

/* A clause of TLS or of a broken connection: what was to be done with whom, and why it failed. */
static void describe_break(
	char text[HTTP_TEXT_MAX], const struct http_failure *failure, const char *what)
{
	const char *why = curl_says(failure);
	const char *hint = "";

	if (is_about_client_certificate(failure->tls_alert)) {
		hint = failure->has_client_cert
			       ? "; the server may want a different client certificate"
			       : "; the server may want a client certificate";
	}
	snprintf(text, HTTP_TEXT_MAX, "%s: %s%s", what, why, hint);
}

/* TLS with a proxy comes first, so it failed if it was the only one. */
static bool is_tls_of_proxy(const struct http_failure *failure)
{
	const struct http_way *way = failure->way;

	return way->proxy_tls && way->proxy_sure && failure->tls_contexts == 1 && !failure->begun;
}

static void describe_no_tls(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	char what[HTTP_TEXT_MAX];

	if (is_tls_of_proxy(failure)) {
		snprintf(text, HTTP_TEXT_MAX, "no TLS connection to the proxy %s: %s",
			failure->way->proxy_peer, curl_says(failure));
	} else {
		snprintf(what, sizeof(what), "no TLS connection to %s", failure->way->peer);
		describe_break(text, failure, what);
	}
}

static void describe_broken(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	char what[HTTP_TEXT_MAX], through[HTTP_TEXT_MAX];

	if (describe_refused_tunnel(text, failure)) {
		return;
	}
	snprintf(what, sizeof(what), "the connection%s broke", by_way_of(failure, through));
	describe_break(text, failure, what);
}

static void describe_unresolved(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	/* libcurl's word for a socket's path too long, too */
	if (failure->way->host) {
		snprintf(text, HTTP_TEXT_MAX, "cannot resolve %s", failure->way->host);
	} else {
		snprintf(text, HTTP_TEXT_MAX, "%s", curl_says(failure));
	}
}

static void describe(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	char through[HTTP_TEXT_MAX];

	switch ((int)failure->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		describe_unresolved(text, failure);
		break;
	case CURLE_COULDNT_RESOLVE_PROXY:
		snprintf(text, HTTP_TEXT_MAX, "cannot resolve the proxy %s",
			failure->way->proxy_host);
		break;
	case CURLE_COULDNT_CONNECT:
		describe_no_connection(text, failure);
		break;
	case CURLE_PROXY:
		describe_socks(text, failure);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		describe_timeout(text, failure);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		snprintf(text, HTTP_TEXT_MAX, "the %s's certificate is not trusted: %s",
			is_tls_of_proxy(failure) ? "proxy" : "server", curl_says(failure));
		break;
	case CURLE_SSL_CONNECT_ERROR:
		describe_no_tls(text, failure);
		break;
	case CURLE_SSL_CERTPROBLEM:
		snprintf(text, HTTP_TEXT_MAX, "the client certificate cannot be used: %s",
			curl_says(failure));
		break;
	case CURLE_OK:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		snprintf(text, HTTP_TEXT_MAX,
			"the server closed the connection%s before its answer was whole",
			by_way_of(failure, through));
		break;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		describe_broken(text, failure);
		break;
	case CURLE_OUT_OF_MEMORY: /* libcurl's word for both */
		snprintf(text, HTTP_TEXT_MAX, "no memory, or the answer has a header too long");
		break;
	default:
		snprintf(text, HTTP_TEXT_MAX, "%s", curl_says(failure));
	}
}

void http_text_failure(char text[HTTP_TEXT_MAX], const struct http_failure *failure)
{
	describe(text, failure);
	http_text_copy(text, HTTP_TEXT_MAX, text, strlen(text));
}
