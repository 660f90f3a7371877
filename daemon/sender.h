/*
 * Sends the requests that core builds to login servers, has the answers judged, and has the log
 * told of both. It does not know what a request is for, nor what follows from an answer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/grant.h"
#include "io/sign.h"

struct answer_http;
struct http;
struct secret;
struct sender;
struct sending;
struct settings;

/* Who asks; all is borrowed until done() or sender_cancel(). */
struct sender_order {
	const struct settings *settings;
	struct grant_input input; /* what the request was built with */
	int64_t sent_ms;
	/* Judges the answer that has come. */
	void (*judge)(void *context, const struct answer_http *answer, struct grant_result *result);
	/* The end, once; never from sender_send(). The sending is gone. result is borrowed, and
	 * what is not taken out of it is freed. */
	void (*done)(void *context, struct grant_result *result);
	void *context;
};

/* NULL when there is no memory. http is borrowed. */
struct sender *sender_new(struct http *http);

/* Nothing is under way any more. Takes NULL. */
void sender_free(struct sender *sender);

/* Which bodies are logged from now on. */
void sender_log_bodies(struct sender *sender, bool request, bool response);

/* Begins to send. Returns 0, or -ENOMEM with nothing begun. */
int sender_send(struct sender *sender, const struct grant_request *request,
	const struct sender_order *order, struct sending **ret_sending);

/* Drops it; done() is not called. Takes NULL. */
void sender_cancel(struct sending *sending);

/*
 * What proves who the client is, for private_key_jwt (RFC 7523 section 2.2), NULL for others; the
 * caller's. A server takes each once (its jti), so each request has its own. False with a clause
 * when it cannot be made.
 */
bool sender_client_assertion(
	const struct settings *settings, struct secret **ret_assertion, char why[SIGN_WHY_SIZE]);
