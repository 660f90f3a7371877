#include "session.h"

#include "client.h"
#include "codec.h"
#include "mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SESSION_TOKEN_LEN 48

struct refresh {
	struct session *session;
	char *token;
	uint64_t used;
	int64_t first_used_ms;
	struct refresh *successor; /* NULL: it is the newest of its session */
	struct refresh *before;    /* in the store */
};

struct session {
	uint64_t number;
	const struct client *client;
	const char *ended; /* why; NULL while it is alive */
	struct refresh *first;
	struct refresh *newest;
	struct session *before; /* in the store */
};

struct session_store {
	struct session *last;
	struct refresh *last_refresh;
};

static int64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct session_store *session_store_new(void)
{
	return mem_new(sizeof(struct session_store));
}

void session_store_free(struct session_store *store)
{
	while (store && store->last_refresh) {
		struct refresh *refresh = store->last_refresh;
		store->last_refresh = refresh->before;
		free(refresh->token);
		free(refresh);
	}
	while (store && store->last) {
		struct session *session = store->last;
		store->last = session->before;
		free(session);
	}
	free(store);
}

/* Gives the session one more refresh token. */
static const char *session_extend(struct session_store *store, struct session *session)
{
	struct refresh *refresh = mem_new(sizeof(*refresh));
	refresh->session = session;
	refresh->token = codec_random(SESSION_TOKEN_LEN);
	refresh->before = store->last_refresh;
	store->last_refresh = refresh;
	if (session->newest) {
		session->newest->successor = refresh;
	} else {
		session->first = refresh;
	}
	session->newest = refresh;
	return refresh->token;
}

struct session *session_begin(struct session_store *store, const struct client *client)
{
	struct session *session = mem_new(sizeof(*session));
	session->number = store->last ? store->last->number + 1 : 1;
	session->client = client;
	session->before = store->last;
	store->last = session;
	if (client->refresh != CLIENT_REFRESH_NONE) {
		session_extend(store, session);
	}
	return session;
}

const char *session_token(const struct session *session)
{
	return session->newest ? session->newest->token : NULL;
}

static struct refresh *refresh_find(const struct session_store *store, const char *token)
{
	struct refresh *refresh = store->last_refresh;
	while (refresh && strcmp(refresh->token, token) != 0) {
		refresh = refresh->before;
	}
	return refresh;
}

struct session *session_find(const struct session_store *store, const char *refresh_token)
{
	struct refresh *refresh = refresh_find(store, refresh_token);
	return refresh ? refresh->session : NULL;
}

const struct client *session_client(const struct session *session)
{
	return session->client;
}

void session_end(struct session *session, const char *why)
{
	if (!session->ended) {
		session->ended = why;
	}
}

/* An old refresh token has come again. */
static const char *reuse(const struct client *client, struct refresh *refresh, const char **issued)
{
	bool in_grace = client->refresh == CLIENT_REFRESH_GRACE &&
			clock_ms() - refresh->first_used_ms <= client->grace_ms;
	if (in_grace) {
		*issued = refresh->successor->token;
		return NULL;
	}
	if (client->refresh == CLIENT_REFRESH_BURNED || client->refresh == CLIENT_REFRESH_GRACE) {
		session_end(refresh->session, "reuse");
		return "the refresh token was used before, which ends its session";
	}
	return "the refresh token was used before";
}

const char *session_use(struct session_store *store, const struct client *client,
	const char *refresh_token, const char **ret_issued)
{
	struct refresh *refresh = refresh_find(store, refresh_token);
	*ret_issued = NULL;
	if (!refresh || refresh->session->client != client) {
		return "no such refresh token";
	}
	if (refresh->used++ == 0) {
		refresh->first_used_ms = clock_ms();
	}
	if (refresh->session->ended) {
		return "the session of the refresh token has ended";
	}
	if (refresh->successor) {
		return reuse(client, refresh, ret_issued);
	}
	if (client->refresh != CLIENT_REFRESH_KEPT) {
		*ret_issued = session_extend(store, refresh->session);
	}
	return NULL;
}

cJSON *session_json(const struct session *session)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *tokens = cJSON_CreateArray();
	cJSON_AddNumberToObject(json, "n", (double)session->number);
	cJSON_AddStringToObject(json, "client_id", session->client->id);
	cJSON_AddBoolToObject(json, "alive", !session->ended);
	cJSON_AddItemToObject(json, "ended",
		session->ended ? cJSON_CreateString(session->ended) : cJSON_CreateNull());
	cJSON_AddItemToObject(json, "refresh_tokens", tokens);
	for (const struct refresh *refresh = session->first; refresh;
		refresh = refresh->successor) {
		cJSON *item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "refresh_token", refresh->token);
		cJSON_AddNumberToObject(item, "used", (double)refresh->used);
		cJSON_AddItemToArray(tokens, item);
	}
	return json;
}

cJSON *session_store_json(const struct session_store *store)
{
	cJSON *list = cJSON_CreateArray();
	for (const struct session *session = store->last; session; session = session->before) {
		cJSON_InsertItemInArray(list, 0, session_json(session));
	}
	return list;
}
