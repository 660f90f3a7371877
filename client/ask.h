/*
 * Asks the daemon one thing, and tells people why no answer or an error came. It does not know what
 * is done with an answer.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "client/connection.h"
#include "proto/message.h"

enum { ASK_WHY_SIZE = 20 * 1024 /* of a text on what went wrong */ };

/*
 * Returns 0 with a reply, which may be an error; an enum connection_outcome; -EBADMSG when what
 * came is no reply; -E2BIG when the request is too long; or another -errno. Takes the parameters
 * over.
 */
int ask_any(
	struct connection *connection, const char *name, cJSON *parameters, struct reply *reply);

/* Writes why ask_any() brought no reply, and what to do about it. Returns an exit status. */
int ask_why(char why[ASK_WHY_SIZE], const struct connection *connection, int r);

/* The same of a reply that is an error; advice NULL: the usual one. Returns an exit status. */
int ask_why_error(char why[ASK_WHY_SIZE], const struct reply *reply, const char *advice);

/* Tells people what ask_why() writes. Returns an exit status. */
int ask_fail(const struct connection *connection, int r);

/* Tells people what ask_why_error() writes. Returns an exit status. */
int ask_fail_reply(const struct reply *reply, const char *advice);

/* Asks, and tells what went wrong. Returns an exit status; *reply has data if that is
 * EXIT_STATUS_DONE. Takes the parameters over. */
int ask(struct connection *connection, const char *name, cJSON *parameters, struct reply *reply);

/* {"profile":profile}; NULL when there is no memory. */
cJSON *ask_parameters(const char *profile);

/* Adds a text, unless it is NULL, as a reference: cJSON makes no copy that would have to be wiped.
 * False when there is no memory. */
bool ask_add_text(cJSON *parameters, const char *name, const char *text);

/* The token in a reply, or NULL. */
char *ask_token_of(const struct reply *reply);

/* For locals: __attribute__((cleanup(ask_free_reply))); wipes a token in it. */
void ask_free_reply(struct reply *reply);
