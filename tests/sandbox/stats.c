#include "stats.h"

#include "json.h"
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATS_RECORDS_MAX 2000
#define STATS_CLIENTS_MAX 4096
#define STATS_OTHERS      "(others)" /* the name under which clients beyond the limit are counted */

struct counters {
	char *name; /* NULL for the total */
	uint64_t token_requests;
	uint64_t tokens_issued;
	uint64_t connections;
	uint64_t vanished;
	uint64_t in_flight;
	uint64_t max_in_flight;
};

struct stats {
	int64_t started_ms;
	uint64_t generation; /* counts resets */
	uint64_t other_requests;
	struct counters total;
	struct counters *clients[STATS_CLIENTS_MAX];
	int client_count;
	uint64_t last; /* the number of the newest record */
	cJSON *records[STATS_RECORDS_MAX];
	cJSON *revocations; /* an array */
};

struct stats_ticket {
	uint64_t number;
	uint64_t generation;
	int64_t begun_ms;
	struct counters *client;
};

static int64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct counters *client_counters(struct stats *stats, const char *name)
{
	for (int i = 0; i < stats->client_count; i++) {
		if (strcmp(stats->clients[i]->name, name) == 0) {
			return stats->clients[i];
		}
	}
	if (stats->client_count == STATS_CLIENTS_MAX) {
		return stats->clients[STATS_CLIENTS_MAX - 1];
	}
	bool last = stats->client_count == STATS_CLIENTS_MAX - 1;
	struct counters *client = mem_new(sizeof(*client));
	client->name = mem_strdup(last ? STATS_OTHERS : name);
	stats->clients[stats->client_count++] = client;
	return client;
}

static void counters_begin(struct counters *counters, bool first)
{
	counters->token_requests++;
	counters->connections += first;
	if (++counters->in_flight > counters->max_in_flight) {
		counters->max_in_flight = counters->in_flight;
	}
}

static void counters_reset(struct counters *counters)
{
	*counters = (struct counters){
		.name = counters->name,
		.in_flight = counters->in_flight,
		.max_in_flight = counters->in_flight,
	};
}

struct stats *stats_new(void)
{
	struct stats *stats = mem_new(sizeof(*stats));
	stats->started_ms = clock_ms();
	stats->revocations = cJSON_CreateArray();
	return stats;
}

void stats_free(struct stats *stats)
{
	if (!stats) {
		return;
	}
	stats_reset(stats);
	for (int i = 0; i < stats->client_count; i++) {
		free(stats->clients[i]->name);
		free(stats->clients[i]);
	}
	cJSON_Delete(stats->revocations);
	free(stats);
}

void stats_reset(struct stats *stats)
{
	stats->generation++;
	stats->other_requests = 0;
	stats->last = 0;
	counters_reset(&stats->total);
	for (int i = 0; i < stats->client_count; i++) {
		counters_reset(stats->clients[i]);
	}
	for (int i = 0; i < STATS_RECORDS_MAX; i++) {
		cJSON_Delete(stats->records[i]);
		stats->records[i] = NULL;
	}
	cJSON_Delete(stats->revocations);
	stats->revocations = cJSON_CreateArray();
}

void stats_connected(struct stats *stats)
{
	stats->total.connections++;
}

void stats_forget_connection(struct stats *stats)
{
	if (stats->total.connections > 0) { /* it may be from before a reset */
		stats->total.connections--;
	}
}

void stats_other(struct stats *stats)
{
	stats->other_requests++;
}

void stats_revocation(struct stats *stats, cJSON *record)
{
	if (cJSON_GetArraySize(stats->revocations) == STATS_RECORDS_MAX) {
		cJSON_DeleteItemFromArray(stats->revocations, 0);
	}
	cJSON_AddItemToArray(stats->revocations, record);
}

cJSON *stats_revocations(const struct stats *stats)
{
	return cJSON_Duplicate(stats->revocations, 1);
}

struct stats_ticket *stats_begin(struct stats *stats, cJSON *record, bool first)
{
	const char *client_id = json_string(record, "client_id");
	struct stats_ticket *ticket = mem_new(sizeof(*ticket));
	ticket->number = ++stats->last;
	ticket->generation = stats->generation;
	ticket->begun_ms = clock_ms();
	ticket->client = client_counters(stats, client_id ? client_id : "");
	counters_begin(&stats->total, false);
	counters_begin(ticket->client, first);
	cJSON_AddNumberToObject(record, "n", (double)ticket->number);
	cJSON_AddNumberToObject(record, "at_ms", (double)(ticket->begun_ms - stats->started_ms));
	cJSON_AddNumberToObject(record, "in_flight", (double)stats->total.in_flight);
	cJSON_AddNumberToObject(record, "client_in_flight", (double)ticket->client->in_flight);
	cJSON_AddNullToObject(record, "status");
	cJSON_AddStringToObject(record, "outcome", "pending");
	cJSON **slot = &stats->records[ticket->number % STATS_RECORDS_MAX];
	cJSON_Delete(*slot);
	*slot = record;
	return ticket;
}

void stats_issued(struct stats *stats, const struct stats_ticket *ticket)
{
	stats->total.tokens_issued++;
	ticket->client->tokens_issued++;
}

const cJSON *stats_end(
	struct stats *stats, struct stats_ticket *ticket, int status, const char *outcome)
{
	bool vanished = strcmp(outcome, "vanished") == 0;
	bool current = ticket->generation == stats->generation;
	cJSON *record = NULL;
	stats->total.in_flight--;
	ticket->client->in_flight--;
	if (current) {
		stats->total.vanished += vanished;
		ticket->client->vanished += vanished;
	}
	if (current && stats->last - ticket->number < STATS_RECORDS_MAX) {
		record = stats->records[ticket->number % STATS_RECORDS_MAX];
		json_set(
			record, "status", status ? cJSON_CreateNumber(status) : cJSON_CreateNull());
		json_set(record, "outcome", cJSON_CreateString(outcome));
		cJSON_AddNumberToObject(
			record, "duration_ms", (double)(clock_ms() - ticket->begun_ms));
	}
	free(ticket);
	return record;
}

static cJSON *counters_json(const struct counters *counters)
{
	cJSON *json = cJSON_CreateObject();
	cJSON_AddNumberToObject(json, "token_requests", (double)counters->token_requests);
	cJSON_AddNumberToObject(json, "tokens_issued", (double)counters->tokens_issued);
	cJSON_AddNumberToObject(json, "connections", (double)counters->connections);
	cJSON_AddNumberToObject(json, "vanished", (double)counters->vanished);
	cJSON_AddNumberToObject(json, "in_flight", (double)counters->in_flight);
	cJSON_AddNumberToObject(json, "max_in_flight", (double)counters->max_in_flight);
	return json;
}

cJSON *stats_json(const struct stats *stats)
{
	cJSON *json = counters_json(&stats->total);
	cJSON_AddNumberToObject(json, "other_requests", (double)stats->other_requests);
	cJSON *clients = cJSON_AddObjectToObject(json, "clients");
	for (int i = 0; i < stats->client_count; i++) {
		const struct counters *client = stats->clients[i];
		if (client->token_requests > 0 || client->in_flight > 0) {
			cJSON_AddItemToObject(clients, client->name, counters_json(client));
		}
	}
	return json;
}

cJSON *stats_requests(const struct stats *stats)
{
	cJSON *list = cJSON_CreateArray();
	uint64_t first = stats->last < STATS_RECORDS_MAX ? 1 : stats->last - STATS_RECORDS_MAX + 1;
	for (uint64_t n = first; n <= stats->last; n++) {
		const cJSON *record = stats->records[n % STATS_RECORDS_MAX];
		cJSON_AddItemToArray(list, cJSON_Duplicate(record, 1));
	}
	return list;
}
