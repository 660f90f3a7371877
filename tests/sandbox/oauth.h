/*
 * The token endpoint (RFC 6749 section 3.2): checks form and client, asks the grants, misbehaves as
 * the rules order. Knows nothing of sockets, and of what a grant wants.
 */
#ifndef SANDBOX_OAUTH_H
#define SANDBOX_OAUTH_H

#include <cjson/cJSON.h>

#define OAUTH_TOKEN_PATH "/oauth/token"

struct answer;
struct server_request;
struct state;
struct stats_ticket;

/*
 * Answers a POST to the token endpoint. ISSUER is for JWTs. *RET_TICKET goes to stats_end once the
 * answer is delivered or lost. The caller owns the answer.
 */
struct answer *oauth_token(struct state *state, const struct server_request *request,
	const char *issuer, struct stats_ticket **ret_ticket);

/* The decoded form of a request; NULL with *WRONG set (a constant) if there is none. The caller
 * deletes it. */
cJSON *oauth_form(const struct server_request *request, const char **wrong);

#endif
