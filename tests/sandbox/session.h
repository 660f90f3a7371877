/*
 * Sessions: what a user has allowed a client, carried on by refresh tokens that follow one another
 * (RFC 6749 section 6, RFC 9700 section 4.14.2). Knows nothing of access tokens and requests.
 */
#ifndef SANDBOX_SESSION_H
#define SANDBOX_SESSION_H

#include <cjson/cJSON.h>

struct client;
struct session; /* lives as long as its store */
struct session_store;

struct session_store *session_store_new(void);
void session_store_free(struct session_store *store);

/* A new session of a client, which outlives the store. */
struct session *session_begin(struct session_store *store, const struct client *client);

/* Its newest refresh token; NULL for a client that gets none. */
const char *session_token(const struct session *session);

/*
 * Uses a refresh token as CLIENT's mode says. Returns NULL with *RET_ISSUED set to the one that
 * goes into the answer (NULL: none), or a constant that says why it is refused.
 */
const char *session_use(struct session_store *store, const struct client *client,
	const char *refresh_token, const char **ret_issued);

const struct client *session_client(const struct session *session);

/* Ends a session; WHY is a constant. */
void session_end(struct session *session, const char *why);

/* The session that REFRESH_TOKEN is or was of, or NULL. */
struct session *session_find(const struct session_store *store, const char *refresh_token);

/* What /_sandbox/sessions answers: all of them, or one. The caller deletes it. */
cJSON *session_store_json(const struct session_store *store);
cJSON *session_json(const struct session *session);

#endif
