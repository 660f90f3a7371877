/*
 * libcurl says which sockets it wants watched and when it wants to run, libevent watches them
 * (curl_multi_socket_action(3)). An ended transfer loses its curl handle at once, in our own event
 * callback and never in one of curl's, and is reported by an event of its own.
 */
#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "clock.h"
#include "core/secret.h"
#include "harden.h"
#include "http_collect.h"
#include "http_text.h"
#include "tls.h"

enum {
	CONNECTIONS_KEPT = 1, /* none is used again */
};

TAILQ_HEAD(transfer_list, http_transfer);

struct http {
	struct event_base *base;
	struct tls *tls;
	CURLM *multi;
	struct event *timer;  /* the one time-out that curl asks for */
	struct event *report; /* made active when there is an ended transfer */
	struct transfer_list running, ended;
};

struct http_transfer {
	struct http *http;
	TAILQ_ENTRY(http_transfer) entry; /* in http->running, without an easy handle in ->ended */
	CURL *easy;
	http_done_fn *done;
	void *context;

	struct secret *form, *authorization;
	struct curl_slist headers[3]; /* not allocated by curl, so never freed by it */
	X509_STORE *store;            /* a reference, NULL for plain http */
	char *host;                   /* the name to resolve, for texts; NULL: none */
	char *peer;                   /* host:port, or the Unix socket's path */
	int64_t connect_timeout_ms, request_timeout_ms, started_ms, duration_ms;

	struct http_collect collect;
	int status;
	char curl_error[CURL_ERROR_SIZE];
	char error[HTTP_TEXT_MAX]; /* empty: none */
};

static void transfer_drop_easy(struct http_transfer *transfer)
{
	if (transfer->easy) {
		curl_multi_remove_handle(transfer->http->multi, transfer->easy);
		curl_easy_cleanup(transfer->easy);
		transfer->easy = NULL;
	}
}

/* Frees a transfer that is in no list. */
static void transfer_free(struct http_transfer *transfer)
{
	transfer_drop_easy(transfer);
	X509_STORE_free(transfer->store);
	secret_free(transfer->form);
	secret_free(transfer->authorization);
	http_collect_done(&transfer->collect);
	free(transfer->host);
	free(transfer->peer);
	free(transfer);
}

static void transfer_set_error(struct http_transfer *transfer, const char *text)
{
	http_text_copy(transfer->error, sizeof(transfer->error), text, strlen(text));
}

/* Queues a transfer that is in no list for its callback. */
static void transfer_end(struct http_transfer *transfer)
{
	struct http *http = transfer->http;

	transfer->duration_ms = clock_now() - transfer->started_ms;
	transfer_drop_easy(transfer);
	TAILQ_INSERT_TAIL(&http->ended, transfer, entry);
	event_active(http->report, EV_TIMEOUT, 0);
}

static void transfer_done(struct http_transfer *transfer, CURLcode code)
{
	const struct http_failure failure = {
		.easy = transfer->easy,
		.code = code,
		.curl_error = transfer->curl_error,
		.host = transfer->host,
		.peer = transfer->peer,
		.connect_timeout_ms = transfer->connect_timeout_ms,
		.request_timeout_ms = transfer->request_timeout_ms,
	};
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	transfer->status = (int)status;
	if (transfer->collect.refusal) {
		transfer_set_error(transfer, transfer->collect.refusal);
	} else if (code != CURLE_OK || !transfer->collect.headers_whole) {
		/* libcurl is content with a connection that closes within the headers. */
		http_text_failure(transfer->error, &failure);
	}
	TAILQ_REMOVE(&transfer->http->running, transfer, entry);
	transfer_end(transfer);
}

static const char *value_or_null(const char *value)
{
	return *value ? value : NULL;
}

/* Reports one transfer, and touches nothing of http afterwards: the callback may free it. */
static void on_report(evutil_socket_t fd, short what, void *context)
{
	struct http *http = context;
	struct http_transfer *transfer = TAILQ_FIRST(&http->ended);
	const struct http_collect *collect;
	struct http_answer answer;

	if (!transfer) {
		return;
	}
	TAILQ_REMOVE(&http->ended, transfer, entry);
	if (!TAILQ_EMPTY(&http->ended)) {
		event_active(http->report, EV_TIMEOUT, 0);
	}
	collect = &transfer->collect;
	answer = (struct http_answer){
		.error = value_or_null(transfer->error),
		.status = transfer->status,
		.body = collect->body ? collect->body : "",
		.body_len = collect->body_len,
		.retry_after = value_or_null(collect->retry_after),
		.date = value_or_null(collect->date),
		.correlation_id = value_or_null(collect->correlation_id),
		.headers = collect->lines,
		.duration_ms = transfer->duration_ms,
	};
	transfer->done(transfer->context, &answer);
	transfer_free(transfer);
	harden_wipe_stack();
}

static void act(struct http *http, curl_socket_t fd, int what)
{
	struct http_transfer *transfer;
	CURLMsg *message;
	int n;

	curl_multi_socket_action(http->multi, fd, what, &n);
	while ((message = curl_multi_info_read(http->multi, &n))) {
		CURLcode code = message->data.result;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		transfer_done(transfer, code);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	act(context, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(evutil_socket_t fd, short what, void *context)
{
	act(context, fd,
		(what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static int set_timer(CURLM *multi, long timeout_ms, void *context)
{
	struct http *http = context;
	struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};

	if (timeout_ms < 0) {
		event_del(http->timer);
	} else {
		event_add(http->timer, &timeout);
	}
	return 0;
}

/* Where there is no memory for the event, the transfer runs into its time-out: an error returned to
 * curl would break all others too. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	struct http *http = context;
	struct event *event = socket_context;

	if (event) {
		event_free(event);
		event = NULL;
	}
	if (what != CURL_POLL_REMOVE) {
		event = event_new(http->base, fd,
			EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
				(what & CURL_POLL_OUT ? EV_WRITE : 0),
			on_socket, http);
		if (event) {
			event_add(event, NULL);
		}
	}
	curl_multi_assign(http->multi, fd, event);
	return 0;
}

/* curl's own does not close them on exec. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static CURLcode use_store(CURL *easy, void *ssl_context, void *context)
{
	struct http_transfer *transfer = context;

	SSL_CTX_set1_cert_store(ssl_context, transfer->store);
	return CURLE_OK;
}

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
	struct http_transfer *transfer = context;
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	return http_collect_header(&transfer->collect, line, size * n, (int)status) ? size * n : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
	struct http_transfer *transfer = context;

	return http_collect_body(&transfer->collect, bytes, size * n) ? size * n : 0;
}

static struct secret *authorization_line(const struct secret *value)
{
	static const char name[] = "Authorization: ";
	size_t size = strlen(name) + secret_len(value) + 1;
	char *line = malloc(size);
	struct secret *secret;

	if (!line) {
		return NULL;
	}
	snprintf(line, size, "%s%s", name, secret_reveal(value));
	secret = secret_new(line, size - 1);
	explicit_bzero(line, size);
	free(line);
	return secret;
}

/* Copies what is needed of the request. Returns 0 or -ENOMEM. */
static int transfer_take(struct http_transfer *transfer, const struct http_request *request)
{
	size_t n = 0;

	transfer->connect_timeout_ms = request->connect_timeout_ms;
	transfer->request_timeout_ms = request->request_timeout_ms;
	transfer->collect.keep_lines = request->keep_headers;
	transfer->form = secret_new(secret_reveal(request->form), secret_len(request->form));
	if (!transfer->form) {
		return -ENOMEM;
	}
	transfer->headers[n++].data = (char *)HTTP_ACCEPT;
	transfer->headers[n++].data = (char *)"Expect:"; /* no waiting for 100 Continue */
	if (request->authorization) {
		transfer->authorization = authorization_line(request->authorization);
		if (!transfer->authorization) {
			return -ENOMEM;
		}
		transfer->headers[n++].data = (char *)secret_reveal(transfer->authorization);
	}
	for (size_t i = 1; i < n; i++) {
		transfer->headers[i - 1].next = &transfer->headers[i];
	}
	return 0;
}

/* Takes host and port for texts, and the authorities for https. Returns 0, -ENOMEM, or -EINVAL with
 * the transfer's error set. */
static int transfer_take_url(struct http_transfer *transfer, const struct http_request *request)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL;
	const char *why;
	int result = -ENOMEM;

	if (!url) {
		return -ENOMEM;
	}
	if (curl_url_set(url, CURLUPART_URL, request->url, 0) ||
		curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
		curl_url_get(url, CURLUPART_HOST, &host, 0) ||
		curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)) {
		transfer_set_error(transfer, "the URL is not valid");
		result = -EINVAL;
		goto out;
	}
	if (request->unix_socket) {
		transfer->peer = strdup(request->unix_socket);
	} else {
		transfer->host = strdup(host);
		if (!transfer->host || asprintf(&transfer->peer, "%s:%s", host, port) < 0) {
			transfer->peer = NULL;
		}
	}
	if (!transfer->peer) {
		goto out;
	}
	result = 0;
	if (!strcmp(scheme, "https")) {
		transfer->store = tls_store(transfer->http->tls, request->ca_file, &why);
		if (transfer->store) {
			X509_STORE_up_ref(transfer->store);
		} else {
			transfer_set_error(transfer, why);
			result = -EINVAL;
		}
	}
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return result;
}

/* Returns 0 or -ENOMEM: nothing else makes these fail. */
static int transfer_set_options(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	int failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
	failed |= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	/* The environment's proxies are not ours: it says "", and no host is for a proxy. */
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	failed |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");

	/* On a connection that was used before, libcurl repeats a POST by itself when it closes. */
	failed |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	/* Without them a resolver that hangs blocks the removal of the handle. */
	failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	failed |= curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->connect_timeout_ms);
	failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)transfer->request_timeout_ms);
	failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);

	/* With a CAPATH libcurl reads all authorities anew for each connection. Its cache of them
	 * would put the store of one transfer in place of another's, since it is filled and looked
	 * at behind use_store(). */
	failed |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	failed |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	failed |= curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	failed |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	failed |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, use_store);
	failed |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, transfer);

	failed |= curl_easy_setopt(easy, CURLOPT_USERAGENT, HTTP_AGENT);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, secret_reveal(transfer->form));
	failed |= curl_easy_setopt(
		easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)secret_len(transfer->form));

	failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
	failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	return failed ? -ENOMEM : 0;
}

int http_post(struct http *http, const struct http_request *request, http_done_fn *done,
	void *context, struct http_transfer **ret_transfer)
{
	struct http_transfer *transfer = calloc(1, sizeof(*transfer));
	int result;

	if (!transfer) {
		return -ENOMEM;
	}
	transfer->http = http;
	transfer->done = done;
	transfer->context = context;
	transfer->started_ms = clock_now();
	result = transfer_take_url(transfer, request);
	if (result == -EINVAL) {
		transfer_end(transfer);
		*ret_transfer = transfer;
		return 0;
	}
	if (result || transfer_take(transfer, request)) {
		transfer_free(transfer);
		return -ENOMEM;
	}
	transfer->easy = curl_easy_init();
	if (!transfer->easy || transfer_set_options(transfer, request) ||
		curl_multi_add_handle(http->multi, transfer->easy)) {
		transfer_free(transfer);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&http->running, transfer, entry);
	*ret_transfer = transfer;
	return 0;
}

void http_cancel(struct http_transfer *transfer)
{
	if (transfer) {
		TAILQ_REMOVE(transfer->easy ? &transfer->http->running : &transfer->http->ended,
			transfer, entry);
		transfer_free(transfer);
	}
}

struct http *http_new(struct event_base *base, struct tls *tls)
{
	struct http *http;

	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		return NULL;
	}
	http = calloc(1, sizeof(*http));
	if (!http) {
		curl_global_cleanup();
		return NULL;
	}
	http->base = base;
	http->tls = tls;
	TAILQ_INIT(&http->running);
	TAILQ_INIT(&http->ended);
	http->multi = curl_multi_init();
	http->timer = event_new(base, -1, 0, on_timer, http);
	http->report = event_new(base, -1, 0, on_report, http);
	if (!http->multi || !http->timer || !http->report) {
		http_free(http);
		return NULL;
	}
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	return http;
}

void http_free(struct http *http)
{
	if (!http) {
		return;
	}
	while (!TAILQ_EMPTY(&http->running)) {
		http_cancel(TAILQ_FIRST(&http->running));
	}
	while (!TAILQ_EMPTY(&http->ended)) {
		http_cancel(TAILQ_FIRST(&http->ended));
	}
	curl_multi_cleanup(http->multi);
	if (http->timer) {
		event_free(http->timer);
	}
	if (http->report) {
		event_free(http->report);
	}
	free(http);
	curl_global_cleanup();
}
