/*
 * The token endpoints of Genesys Cloud's messenger: a code of the brand's own login, or its id
 * token, for a JWT; a new one for a refresh token; and the end of both. A deployment is a client.
 * Knows nothing of how the code was got, nor of sockets.
 */
#ifndef SANDBOX_MESSENGER_H
#define SANDBOX_MESSENGER_H

#include <stdbool.h>

#define MESSENGER_PATH          "/api/v2/webdeployments/token"
#define MESSENGER_EXCHANGE_PATH MESSENGER_PATH "/oauthcodegrantjwtexchange"
#define MESSENGER_REFRESH_PATH  MESSENGER_PATH "/refresh"
#define MESSENGER_REVOKE_PATH   MESSENGER_PATH "/revoke"

struct answer;
struct server_request;
struct state;
struct stats_ticket;

/*
 * Answers a POST to the exchange or the refresh endpoint, whose path may have a prefix. ISSUER is
 * for JWTs. *RET_TICKET goes to stats_end once the answer is delivered or lost. The caller owns the
 * answer.
 */
struct answer *messenger_token(struct state *state, const struct server_request *request,
	const char *issuer, bool is_exchange, struct stats_ticket **ret_ticket);

#endif
