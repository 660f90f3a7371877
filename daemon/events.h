/*
 * Events: which connections have subscribed to what, and the lines that tell them. It does not know
 * how an event comes about, nor sockets, files or HTTP.
 */
#pragma once

#include <stdbool.h>

#include "core/event.h"

struct call;
struct events;
struct profile;
struct session;

enum {
	EVENTS_PROFILES_MAX = 256,       /* names in a subscription */
	EVENTS_UNREAD_MAX = 1024 * 1024, /* bytes that a subscriber leaves unread, beside the state
					    that it was told at first */
};

/* NULL when there is no memory. */
struct events *events_new(void);

/* No session has a subscription any more; takes NULL. */
void events_free(struct events *events);

/* events.subscribe and events.unsubscribe, as in struct endpoint. */
bool events_check(struct call *call);
void events_subscribe(struct call *call);
void events_unsubscribe(struct call *call);

/* Ends the session's subscription, if it has one, without a word: it goes. */
void events_forget(struct session *session);

/* Ends the subscription of a session that does not read what it is sent, and the connection, with
 * the reason. False: it has none. */
bool events_drop(struct session *session);

/* As in struct broker_ops: tells those who listen. */
void events_tell(struct events *events, const struct profile *profile, enum event_kind kind,
	const struct event_error *error);

/* There is a new configuration: judges all subscriptions by its rules, ends those that may not be
 * any longer, and tells the others. */
void events_reloaded(struct events *events);

/* The daemon ends: so do all subscriptions, with that as the reason. */
void events_end(struct events *events);
