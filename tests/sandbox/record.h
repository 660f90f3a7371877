/*
 * What /_sandbox/requests and /_sandbox/revocations tell of a request, whatever it asks.
 * Knows nothing of who sent it and what it says.
 */
#ifndef SANDBOX_RECORD_H
#define SANDBOX_RECORD_H

#include <cjson/cJSON.h>

struct server_request;

/* How a request came, as an object that the caller owns. */
cJSON *record_new(const struct server_request *request);

/* Adds TEXT, or null where there is none. */
void record_add(cJSON *record, const char *name, const char *text);

#endif
