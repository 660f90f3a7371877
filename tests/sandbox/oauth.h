/*
 * The token endpoint (RFC 6749 section 3.2): checks form and client, asks the grants, misbehaves as
 * the rules order. Knows nothing of sockets, and of what a grant wants.
 */
#ifndef SANDBOX_OAUTH_H
#define SANDBOX_OAUTH_H

#include <cjson/cJSON.h>

#define OAUTH_TOKEN_PATH "/oauth/token"

struct answer;
struct client_auth;
struct server_request;
struct state;
struct stats_ticket;

/*
 * Answers a POST to the token endpoint. ISSUER is for JWTs. *RET_TICKET goes to stats_end once the
 * answer is delivered or lost. The caller owns the answer.
 */
struct answer *oauth_token(struct state *state, const struct server_request *request,
	const char *issuer, struct stats_ticket **ret_ticket);

/* The URL before SUFFIX of a request to an endpoint that it is the path of; the caller frees it. */
char *oauth_issuer(
	const struct state *state, const struct server_request *request, const char *suffix);

/* Who a request with the form FIELDS (NULL: none) is from; client_auth_done empties RET_AUTH. */
void oauth_authenticate(const struct state *state, const struct server_request *request,
	const char *issuer, const cJSON *fields, struct client_auth *ret_auth);

/* The decoded form of a request; NULL with *WRONG set (a constant) if there is none. The caller
 * deletes it. */
cJSON *oauth_form(const struct server_request *request, const char **wrong);

#endif
