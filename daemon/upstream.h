/*
 * The way from the broker's attempts to token endpoints and back: builds the request, sends it, has
 * the answer judged, and logs what came of it. It does not know when to ask, nor who waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/event.h"

struct broker;
struct errand;
struct event_base;
struct profile;
struct upstream;

struct upstream_ops {
	/* A result has been put to the broker, so that its next deadline may have moved. */
	void (*changed)(void *context);
	/* The broker's: broker_ops.ask(), unask() and news(). */
	void (*ask)(void *context, struct errand *errand);
	void (*unask)(void *context, struct errand *errand);
	void (*news)(void *context, const struct profile *profile, enum event_kind kind,
		const struct event_error *error);
};

/* Makes the broker too, which it serves; both NULL when there is no memory. All is borrowed. */
struct upstream *upstream_new(
	struct event_base *base, const struct upstream_ops *ops, void *context);

/* Ends what is in flight; takes NULL. */
void upstream_free(struct upstream *upstream);

/* Borrowed, as long as upstream lives. */
struct broker *upstream_broker(const struct upstream *upstream);

/* Opens the state directory, for profiles with something to keep. Returns 0, or a negative errno
 * with a sentence. */
int upstream_open_state(struct upstream *upstream, char *why, size_t why_size);

/* Which bodies are logged from now on. */
void upstream_log_bodies(struct upstream *upstream, bool request, bool response);

/* Certificate authorities are read again when they are next needed. */
void upstream_forget_authorities(struct upstream *upstream);
