/* Requests go to the worker's thread from the loop, never from the callback that asks for them, and
 * come back through a descriptor that the loop watches. */
#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "clock.h"
#include "harden.h"
#include "http_transfer.h"
#include "http_worker.h"

struct http {
	struct tls *tls;
	struct http_worker *worker;
	struct http_transfer_list leaving;
	struct event *departure;
	struct event *report; /* watched while a transfer is out: idle, there is nothing to watch */
	unsigned out;         /* transfers that are to be reported */
};

static void one_less(struct http *http)
{
	if (--http->out == 0) {
		event_del(http->report);
	}
}

static const char *value_or_null(const char *value)
{
	return *value ? value : NULL;
}

/* Reports one transfer, and touches nothing of http afterwards: the callback may free it. */
static void on_report(evutil_socket_t fd, short what, void *context)
{
	struct http *http = context;
	struct http_transfer *transfer = http_worker_take_ended(http->worker);
	const struct http_collect *collect;
	struct http_answer answer;

	if (!transfer) {
		return;
	}
	one_less(http);
	collect = &transfer->collect;
	answer = (struct http_answer){
		.error = value_or_null(transfer->error),
		.misconfigured = transfer->misconfigured,
		.begun = transfer->begun,
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
	http_transfer_free(transfer);
	harden_wipe_stack();
}

static struct http_transfer *take_leaving(struct http *http)
{
	struct http_transfer *transfer = TAILQ_FIRST(&http->leaving);

	if (transfer) {
		TAILQ_REMOVE(&http->leaving, transfer, entry);
		transfer->leaving = false;
	}
	return transfer;
}

static void on_departure(evutil_socket_t fd, short what, void *context)
{
	struct http *http = context;
	struct http_transfer *transfer;

	while ((transfer = take_leaving(http))) {
		http_worker_start(http->worker, transfer);
	}
}

int http_send(struct http *http, const struct http_request *request, http_done_fn *done,
	void *context, struct http_transfer **ret_transfer)
{
	struct http_transfer *transfer;
	int r;

	if (http->out == 0 && event_add(http->report, NULL) < 0) {
		return -ENOMEM;
	}
	http->out++;
	r = http_transfer_new(http->tls, request, &transfer);
	if (r < 0) {
		one_less(http);
		return r;
	}
	transfer->http = http;
	transfer->done = done;
	transfer->context = context;
	transfer->leaving = true;
	TAILQ_INSERT_TAIL(&http->leaving, transfer, entry);
	event_active(http->departure, 0, 0);
	*ret_transfer = transfer;
	return 0;
}

void http_cancel(struct http_transfer *transfer)
{
	struct http *http;

	if (!transfer) {
		return;
	}
	http = transfer->http;
	one_less(http);
	if (transfer->leaving) {
		TAILQ_REMOVE(&http->leaving, transfer, entry);
		http_transfer_free(transfer);
	} else {
		http_worker_cancel(http->worker, transfer);
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
	http->tls = tls;
	TAILQ_INIT(&http->leaving);
	http->worker = http_worker_new();
	http->departure = event_new(base, -1, 0, on_departure, http);
	http->report = http->worker ? event_new(base, http_worker_fd(http->worker),
					      EV_READ | EV_PERSIST, on_report, http)
				    : NULL;
	if (!http->departure || !http->report) {
		http_free(http);
		return NULL;
	}
	return http;
}

void http_free(struct http *http)
{
	struct http_transfer *transfer;

	if (!http) {
		return;
	}
	if (http->departure) {
		event_free(http->departure);
	}
	if (http->report) {
		event_free(http->report);
	}
	while ((transfer = take_leaving(http))) {
		http_transfer_free(transfer);
	}
	http_worker_free(http->worker);
	free(http);
	curl_global_cleanup();
}
