#include "http_way.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_url.h"
#include "http_request.h"

static const char socks_port[] = "1080"; /* RFC 1928; libcurl knows no default for the scheme */

struct parts {
	char *scheme, *host, *port; /* curl's */
};

static void parts_done(struct parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
}

/* Takes them from text. Returns 0, -EINVAL or -ENOMEM; parts_done() is due in any case. */
static int parts_init(struct parts *parts, const char *text)
{
	CURLU *url = curl_url();
	CURLUcode code;

	*parts = (struct parts){0};
	if (!url) {
		return -ENOMEM;
	}
	code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	if (!code) {
		code = curl_url_get(url, CURLUPART_SCHEME, &parts->scheme, 0);
	}
	if (!code) {
		code = curl_url_get(url, CURLUPART_HOST, &parts->host, 0);
	}
	if (!code) {
		code = curl_url_get(url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT);
		code = code == CURLUE_NO_PORT ? CURLUE_OK : code;
	}
	curl_url_cleanup(url);
	if (code) {
		return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
	}
	return 0;
}

static char *host_and_port(const char *host, const char *port)
{
	char *text;

	return asprintf(&text, "%s:%s", host, port) < 0 ? NULL : text;
}

static int take_server(
	struct http_way *way, const struct http_request *request, const struct parts *parts)
{
	way->tls = strcmp(parts->scheme, "https") == 0;
	if (request->unix_socket) {
		way->peer = strdup(request->unix_socket);
		return way->peer ? 0 : -ENOMEM;
	}
	way->host = strdup(parts->host);
	way->peer = host_and_port(parts->host, parts->port);
	return way->host && way->peer ? 0 : -ENOMEM;
}

static int take_proxy(
	struct http_way *way, const struct http_request *request, const struct parts *parts)
{
	const char *port = parts->port ? parts->port : socks_port;

	way->proxy_tls = strcmp(parts->scheme, "https") == 0;
	way->proxy_sure = !request->no_proxy || !*request->no_proxy;
	way->proxy_host = strdup(parts->host);
	way->proxy_peer = host_and_port(parts->host, port);
	if (asprintf(&way->proxy_url, "%s://%s:%s", parts->scheme, parts->host, port) < 0) {
		way->proxy_url = NULL;
	}
	return way->proxy_host && way->proxy_peer && way->proxy_url ? 0 : -ENOMEM;
}

static bool is_one_of(const char *scheme, const char *const *schemes)
{
	while (*schemes && strcmp(scheme, *schemes) != 0) {
		schemes++;
	}
	return *schemes;
}

static int init_server(
	struct http_way *way, const struct http_request *request, const char **ret_why)
{
	static const char *const schemes[] = {"http", "https", NULL};
	struct parts parts;
	int r = parts_init(&parts, request->url);

	if (r == 0 && !is_one_of(parts.scheme, schemes)) {
		r = -EINVAL;
	}
	if (r == -EINVAL) {
		*ret_why = "the URL is not one of http or https";
	} else if (r == 0) {
		r = take_server(way, request, &parts);
	}
	parts_done(&parts);
	return r;
}

static int init_proxy(
	struct http_way *way, const struct http_request *request, const char **ret_why)
{
	static const char *const schemes[] = {"http", "https", "socks5h", NULL};
	struct parts parts;
	int r = parts_init(&parts, request->proxy_url);

	if (r == 0 && !is_one_of(parts.scheme, schemes)) {
		r = -EINVAL;
	}
	if (r == -EINVAL) {
		*ret_why = "the proxy's URL is not one of http, https or socks5h";
	} else if (r == 0) {
		r = take_proxy(way, request, &parts);
	}
	parts_done(&parts);
	return r;
}

int http_way_init(struct http_way *way, const struct http_request *request, const char **ret_why)
{
	int r;

	*way = (struct http_way){
		.connect_timeout_ms = request->connect_timeout_ms,
		.request_timeout_ms = request->request_timeout_ms,
	};
	r = init_server(way, request, ret_why);
	if (r < 0 || !request->proxy_url || !way->host || config_url_is_loopback(way->peer)) {
		return r;
	}
	return init_proxy(way, request, ret_why);
}

void http_way_done(struct http_way *way)
{
	free(way->host);
	free(way->peer);
	free(way->proxy_url);
	free(way->proxy_host);
	free(way->proxy_peer);
}
