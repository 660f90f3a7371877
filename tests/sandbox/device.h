/*
 * Device authorizations (RFC 8628): the endpoint that gives the codes, the user who enters one
 * elsewhere, and what a client that polls is told. Knows nothing of tokens and sessions' insides.
 */
#ifndef SANDBOX_DEVICE_H
#define SANDBOX_DEVICE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#define DEVICE_PATH "/oauth/device_authorization"

struct answer;
struct client;
struct device_store;
struct server_request;
struct state;

struct device_store *device_store_new(void);
void device_store_free(struct device_store *store);

/* Answers a request to the device authorization endpoint, whose path may have a prefix. The caller
 * owns the answer. */
struct answer *device_authorization(struct state *state, const struct server_request *request);

/* A client polls with the FIELDS of a token request. Returns the error of RFC 8628 section 3.5 (a
 * constant), or NULL: the user has said yes, and the code is used up. */
const char *device_redeem(
	struct device_store *store, const struct client *client, const cJSON *fields);

/* The user enters a code and says what DECISION names: "approve", "deny", or "expire" for what time
 * does. False if there is no such code that waits, or no such decision. */
bool device_decide(struct device_store *store, const char *user_code, const char *decision);

/* What /_sandbox/devices answers; the caller deletes it. */
cJSON *device_store_json(const struct device_store *store);

#endif
