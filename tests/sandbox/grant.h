/*
 * The grants: what an authenticated client gets for what it asks, a row of one table each. Knows
 * nothing of how the client was authenticated, of forms' encoding or sockets.
 */
#ifndef SANDBOX_GRANT_H
#define SANDBOX_GRANT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

struct answer;
struct client;
struct state;
struct stats_ticket;

struct grant_request {
	struct state *state;
	const cJSON *fields;
	struct client *client; /* authenticated */
	bool is_public;        /* which proves nothing */
	const char *issuer;    /* for JWTs */
	const cJSON *rule;     /* NULL without one */
	struct stats_ticket *ticket;
};

/* The answer to a token request; the caller owns it. */
struct answer *grant_answer(const struct grant_request *request);

/* An access token, with that refresh token beside it unless it is NULL: the body of an answer (RFC
 * 6749 section 5.1), which the caller deletes. */
cJSON *grant_issue(const struct grant_request *request, const char *refresh_token);

#endif
