/*
 * Counts token requests, in total and per client id, and keeps the last 2000 of them as records.
 * Knows nothing of HTTP or of what a record says beyond its client_id.
 */
#ifndef SANDBOX_STATS_H
#define SANDBOX_STATS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

struct stats;
struct stats_ticket; /* one request in flight */

struct stats *stats_new(void);
void stats_free(struct stats *stats);

/* Sets all to nothing; what is in flight is still counted as that. */
void stats_reset(struct stats *stats);

/* A connection was accepted; it turned out to be one for control, which are not counted. */
void stats_connected(struct stats *stats);
void stats_forget_connection(struct stats *stats);

/* A request that is neither a token request nor control. */
void stats_other(struct stats *stats);

/*
 * A token request begins: adds n, at_ms and in_flight to RECORD and takes it over. The ticket goes
 * to stats_end. FIRST tells that it is the first request on its connection.
 */
struct stats_ticket *stats_begin(struct stats *stats, cJSON *record, bool first);

/* The request got an access token. */
void stats_issued(struct stats *stats, const struct stats_ticket *ticket);

/*
 * It is over: adds status (0 becomes null), outcome and duration_ms to the record. Returns the
 * record, valid until the next call, or NULL if it is no longer kept. Frees the ticket.
 */
const cJSON *stats_end(
	struct stats *stats, struct stats_ticket *ticket, int status, const char *outcome);

/* A request that was to end a token, which counts as one of the others too; takes RECORD over. */
void stats_revocation(struct stats *stats, cJSON *record);

/* What /_sandbox/revocations answers: the last 2000 of them. The caller deletes it. */
cJSON *stats_revocations(const struct stats *stats);

/* What /_sandbox/stats and /_sandbox/requests answer. The caller deletes it. */
cJSON *stats_json(const struct stats *stats);
cJSON *stats_requests(const struct stats *stats);

#endif
