/*
 * Issues access tokens, opaque or JWT, as a client's defaults and a rule say, and knows which of
 * them are alive. Knows nothing of grants, HTTP or how a rule was chosen.
 */
#ifndef SANDBOX_TOKEN_H
#define SANDBOX_TOKEN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct client;
struct jwt_keys;
struct session;
struct token_store;

/* Bytes of a token that a rule orders by its size. */
#define TOKEN_SIZE_MAX (INT64_C(1024) * 1024)

struct token_order {
	struct client *client;
	const char *issuer;        /* for JWTs */
	time_t now;                /* the wall clock that the server pretends to have */
	const cJSON *rule;         /* NULL for a token without faults */
	const char *refresh_token; /* goes beside it; NULL for none */
	struct session *session;   /* that it is of; NULL for none */
	bool is_jwt;               /* whatever format the client has */
};

/* KEYS outlive the store. It knows the last 16384 tokens. token_store_free takes NULL. */
struct token_store *token_store_new(struct jwt_keys *keys);
void token_store_free(struct token_store *store);

/* Issues a token; the body of the answer (RFC 6749 section 5.1), which the caller deletes. */
cJSON *token_issue(struct token_store *store, const struct token_order *order);

/* Whether TOKEN is alive by the monotonic clock; then whose it is and how many seconds it has left.
 */
bool token_check(const struct token_store *store, const char *token,
	const struct client **ret_client, int64_t *ret_left_s);

/* The session of a living token; NULL for none. */
struct session *token_session(const struct token_store *store, const char *token);

/* Ends TOKEN before its time. False if it was not alive. */
bool token_revoke(struct token_store *store, const char *token);

#endif
