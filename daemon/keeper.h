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
struct revocation;
struct settings;
struct token;

/* What was begun is durable (NULL), or why not. */
struct keeper_ops {
	void (*stored)(void *context, struct attempt *attempt, const char *why);
	void (*noted)(void *context, struct revocation *revocation, const char *why);
};

/* NULL when there is no memory. ops and context are borrowed. */
struct keeper *keeper_new(struct event_base *base, const struct keeper_ops *ops, void *context);

/* Lets what was begun reach the disk; takes NULL. */
void keeper_free(struct keeper *keeper);

/* Opens the state directory, once. Returns 0, or a negative errno with a sentence. */
int keeper_open(struct keeper *keeper, char *why, size_t why_size);

/* Whether something is stored of a profile; the state directory need not be open. */
bool keeper_has_record(const char *profile);

/* broker_ops.store(), note() and load(). The directory is opened where it was not needed before. */
void keeper_store(struct keeper *keeper, struct attempt *attempt, const struct settings *settings,
	const struct login *login, const struct token *token);
void keeper_note(struct keeper *keeper, struct revocation *revocation, const struct login *login);
bool keeper_load(struct keeper *keeper, const struct settings *settings, struct login *ret_login,
	struct token **ret_token, char why[GRANT_MESSAGE_SIZE]);

/* The end of a write is not to be told any more. */
void keeper_forget(struct keeper *keeper, struct attempt *attempt);
void keeper_leave(struct keeper *keeper, struct revocation *revocation);
