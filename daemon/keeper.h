/*
 * Keeps what is durable of profiles: the broker's logins and tokens, to and from the state
 * directory, and tells the broker when a write has ended. It does not know when to write.
 */
#pragma once

#include <stdbool.h>

#include "core/grant.h"

struct attempt;
struct event_base;
struct keeper;
struct login;
struct settings;
struct token;

/* ended(): what keeper_store() began for an attempt is durable (NULL), or why not. NULL when there
 * is no memory. */
struct keeper *keeper_new(struct event_base *base,
	void (*ended)(void *context, struct attempt *attempt, const char *why), void *context);

/* Lets what was begun reach the disk; takes NULL. */
void keeper_free(struct keeper *keeper);

/* Opens the state directory, once. Returns 0, or a negative errno with a sentence. */
int keeper_open(struct keeper *keeper, char *why, size_t why_size);

/* broker_ops.store(), load() and hash(). */
void keeper_store(struct keeper *keeper, struct attempt *attempt, const struct settings *settings,
	const struct login *login, const struct token *token);
bool keeper_load(struct keeper *keeper, const struct settings *settings, struct login *ret_login,
	struct token **ret_token, char why[GRANT_MESSAGE_SIZE]);

/* The end of an attempt's write is not to be told any more. */
void keeper_forget(struct keeper *keeper, struct attempt *attempt);
