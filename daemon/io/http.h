/*
 * Sends one request on a connection of its own and tells what came back, with libcurl in a thread
 * and libevent's loop. It does not know OAuth: what an answer means is for core/grant to say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_request.h"

struct event_base;
struct http;
struct http_transfer;
struct tls;

/* Borrowed during the callback. */
struct http_answer {
	const char *error; /* why no whole HTTP answer came, one clause of printable ASCII; NULL: it
			      did */
	bool misconfigured; /* with error: nothing was sent, nor will be before somebody mends the
			       configuration */
	bool begun;         /* the request, or a part of it, may have reached the server */
	int status;
	const char *body; /* NUL-terminated; may hold more NULs */
	size_t body_len;
	/* Header values: printable ASCII, cut as http_collect.h has it; NULL: absent. Those of
	 * provisional answers (1xx) and of trailers are not among them. */
	const char *retry_after;
	const char *date;
	const char *correlation_id; /* inin-correlation-id */
	/* The lines of its headers as they came, with an LF behind each; those that HTTP_LINES_MAX
	 * has no room for are missing. NULL: not kept. */
	const char *headers;
	int64_t duration_ms;
};

/* Called once, from the loop, never from http_send(). The transfer is gone by then: it is not to be
 * cancelled any more. Others may be, new ones started, and all of it freed. */
typedef void http_done_fn(void *context, const struct http_answer *answer);

/* NULL when there is no memory. tls is borrowed. The process has to ignore SIGPIPE. */
struct http *http_new(struct event_base *base, struct tls *tls);

/* Ends all transfers without calling back; does not wait for name look-ups. */
void http_free(struct http *http);

/* Starts a transfer. Nothing of it leaves before the loop is back from the callback that this is
 * called in: what that writes down about the request is there before a server can know of it. What
 * goes wrong from here on is told by done, so there is always exactly one call unless it is
 * cancelled. Returns 0, or -ENOMEM with nothing started. */
int http_send(struct http *http, const struct http_request *request, http_done_fn *done,
	void *context, struct http_transfer **ret_transfer);

/* Drops a transfer; done is not called. Takes NULL. */
void http_cancel(struct http_transfer *transfer);
