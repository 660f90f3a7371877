/*
 * The endpoints that end tokens before their time: Genesys Cloud's for access tokens and for the
 * messenger's JWTs, and RFC 7009's. Knows nothing of how tokens were got, nor of sockets.
 */
#ifndef SANDBOX_REVOKE_H
#define SANDBOX_REVOKE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#define REVOKE_PATH    "/oauth/revoke"
#define TOKENS_ME_PATH "/api/v2/tokens/me"

struct answer;
struct server_request;
struct state;

/* Answers a request to one of the three paths, each under any prefix; NULL for other paths. The
 * caller owns the answer. */
struct answer *revoke_answer(struct state *state, const struct server_request *request);

/* What /_sandbox/revocations tells of a request that is to end a token, but for the answer's
 * status; the caller owns it. NULL: the request is none. */
cJSON *revoke_record(const struct server_request *request);

#endif
