/*
 * The authorization endpoint (RFC 6749 section 4.1, RFC 7636), which approves at once, and the
 * codes that it issues. Knows nothing of client authentication, tokens and sessions' insides.
 */
#ifndef SANDBOX_AUTHORIZE_H
#define SANDBOX_AUTHORIZE_H

#include <cjson/cJSON.h>

struct answer;
struct client;
struct client_list;
struct code;
struct code_store;
struct session;

struct code_store *code_store_new(void);
void code_store_free(struct code_store *store);

/* Answers a request to the authorization endpoint. RULE (NULL for none) may order an error. The
 * caller owns the answer. */
struct answer *authorize(struct code_store *store, const struct client_list *clients,
	const char *query, const cJSON *rule);

/*
 * The code that the FIELDS of a token request redeem for CLIENT, or NULL with *WRONG set (a
 * constant); one that was redeemed before ends the session that came of it. It lives as long as the
 * store.
 */
struct code *code_redeem(struct code_store *store, const struct client *client, const cJSON *fields,
	const char **wrong);

/* The nonce of its authorization request (OpenID Connect Core section 3.1.2.1); NULL without one.
 */
const char *code_nonce(const struct code *code);

/* SESSION, which the store outlives or not, came of the code. */
void code_bind(struct code *code, struct session *session);

#endif
