/*
 * Sends the requests that core builds to login servers, has the answers judged, and has the log
 * told of both. It does not know what a request is for, nor what follows from an answer.
 */
#pragma once

#include <stdint.h>

#include "core/grant.h"

struct answer_http;
struct http;
struct secret;
struct sender;
struct sending;
struct settings;

/* Who asks; all is borrowed until done() or sender_cancel(). */
struct sender_order {
	const struct settings *settings;
	int64_t sent_ms;
	/* Where that goes which proves who the client is, for private_key_jwt (RFC 7523 section
	 * 2.2), NULL for others; the caller's. A server takes each once (its jti), so each request
	 * has its own. */
	struct secret **client_assertion;
	void **sending; /* where that stands which sender_cancel() takes, until done() */
	/* Makes the request, and says of what; as grant_request_init(). */
	int (*build)(
		void *context, struct grant_input *ret_input, struct grant_request *ret_request);
	/* Judges the answer that has come. */
	void (*judge)(void *context, const struct answer_http *answer, struct grant_result *result);
	/* The end, once; at once where nothing can be sent. result is borrowed, and what is not
	 * taken out of it is freed. */
	void (*done)(void *context, struct grant_result *result);
	void *context;
};

/* NULL when there is no memory. http is borrowed. */
struct sender *sender_new(struct http *http);

/* Nothing is under way any more. Takes NULL. */
void sender_free(struct sender *sender);

/* Which bodies are logged from now on. */
void sender_log_bodies(struct sender *sender, bool request, bool response);

/* Builds a request and begins to send it. */
void sender_send(struct sender *sender, const struct sender_order *order);

/* Drops it; done() is not called. Takes NULL. */
void sender_cancel(struct sending *sending);
