/*
 * What one connection hears: which events, of which profiles, with whose tokens, as it asked and
 * the rules grant. It does not know how it is told, nor who else listens.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "core/event.h"
#include "core/profile_set.h"

struct call;
struct call_shared;
struct profile;
struct session;

/* What the rules grant of what was asked for. */
struct subscription_scope {
	struct profile_set heard;  /* of which it hears */
	struct profile_set tokens; /* whose tokens it gets */
};

/* Its session has it. What is borrowed outlives it. */
struct subscription {
	LIST_ENTRY(subscription) link; /* in struct events */
	struct call_shared *shared;
	struct session *session;
	unsigned kinds; /* that it asked for, as bits */
	bool with_token;
	struct subscription_scope scope;
	size_t unread_max; /* bytes that it may leave unread */
	size_t names_len;
	char names[]; /* the profiles that it asked for, an argz vector; empty: all */
};

/* What events.subscribe asks for, with nothing granted yet. NULL when there is no memory. */
struct subscription *subscription_new(const struct call *call, unsigned kinds);
void subscription_free(struct subscription *subscription);

/* Grants, by the rules in force, what is not granted yet. False: it may not be, since there is a
 * profile that it named and may not hear of, or it may hear of none at all. */
bool subscription_judge(struct subscription *subscription);

bool subscription_hears(const struct subscription *subscription, const struct profile *profile);
bool subscription_gets_token(
	const struct subscription *subscription, const struct profile *profile);

/* {"profiles":[…],"tokens":[…]}, the names in its scope; the caller's, NULL when there is no
 * memory. */
cJSON *subscription_view(const struct subscription *subscription);

void subscription_scope_done(struct subscription_scope *scope);

/* Whether all in one scope is in another too. */
bool subscription_scope_within(
	const struct subscription_scope *scope, const struct subscription_scope *other);
