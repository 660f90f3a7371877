#include "token.h"

#include "client.h"
#include "codec.h"
#include "json.h"
#include "jwt.h"
#include "mem.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX       16384
#define TOKEN_OPAQUE_LEN 64

struct entry {
	unsigned char digest[SHA256_DIGEST_LENGTH]; /* instead of the token, which may be huge */
	const struct client *client;                /* NULL: unused or revoked */
	struct session *session;                    /* NULL: it is of none */
	int64_t expires_ms;
};

struct token_store {
	struct jwt_keys *keys;
	struct entry entries[TOKENS_MAX];
	size_t next;
};

struct token_store *token_store_new(struct jwt_keys *keys)
{
	struct token_store *store = mem_new(sizeof(*store));
	store->keys = keys;
	return store;
}

void token_store_free(struct token_store *store)
{
	free(store);
}

static int64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The index of a living token, or -1. */
static int token_find(const struct token_store *store, const char *token)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)token, strlen(token), digest);
	for (size_t i = 1; i <= TOKENS_MAX; i++) {
		size_t index = (store->next + TOKENS_MAX - i) % TOKENS_MAX;
		const struct entry *entry = &store->entries[index];
		if (entry->client && memcmp(entry->digest, digest, sizeof(digest)) == 0) {
			return entry->expires_ms > clock_ms() ? (int)index : -1;
		}
	}
	return -1;
}

bool token_check(const struct token_store *store, const char *token,
	const struct client **ret_client, int64_t *ret_left_s)
{
	int index = token_find(store, token);
	if (index < 0) {
		return false;
	}
	const struct entry *entry = &store->entries[index];
	*ret_client = entry->client;
	*ret_left_s = (entry->expires_ms - clock_ms()) / 1000;
	return true;
}

struct session *token_session(const struct token_store *store, const char *token)
{
	int index = token_find(store, token);
	return index >= 0 ? store->entries[index].session : NULL;
}

bool token_revoke(struct token_store *store, const char *token)
{
	int index = token_find(store, token);
	if (index >= 0) {
		store->entries[index].client = NULL;
	}
	return index >= 0;
}

static void token_remember(struct token_store *store, const struct token_order *order,
	const char *token, int64_t lifetime_s)
{
	struct client *client = order->client;
	struct entry *entry = &store->entries[store->next];
	store->next = (store->next + 1) % TOKENS_MAX;
	SHA256((const unsigned char *)token, strlen(token), entry->digest);
	entry->client = client;
	entry->session = order->session;
	entry->expires_ms = clock_ms() + lifetime_s * 1000;
	free(client->last_token);
	client->last_token = mem_strdup(token);
	client->last_expires_ms = entry->expires_ms;
}

/* How long the token really lives, whatever the answer says. */
static int64_t lifetime_of(const struct token_order *order)
{
	const cJSON *said = json_get(order->rule, "expires_in");
	double seconds = (double)order->client->expires_in;
	if (cJSON_IsNumber(said)) {
		seconds = said->valuedouble;
	} else if (cJSON_IsString(said)) {
		seconds = strtod(said->valuestring, NULL);
	}
	int64_t lifetime = seconds >= 1 && seconds <= CLIENT_EXPIRES_IN_MAX
				   ? (int64_t)seconds
				   : order->client->expires_in;
	return json_int(order->rule, "lifetime_s", lifetime);
}

/* Copies the members of FROM over those of TO; null removes where REMOVE is set. */
static void members_merge(cJSON *to, const cJSON *from, bool remove)
{
	const cJSON *member;
	cJSON_ArrayForEach (member, from) {
		if (remove && cJSON_IsNull(member)) {
			cJSON_DeleteItemFromObjectCaseSensitive(to, member->string);
		} else {
			json_set(to, member->string, cJSON_Duplicate(member, 1));
		}
	}
}

static char *token_jwt(struct token_store *store, const struct token_order *order, enum jwt_alg alg,
	int64_t lifetime_s)
{
	cJSON *claims = cJSON_CreateObject();
	char *id = codec_uuid();
	cJSON_AddStringToObject(claims, "iss", order->issuer);
	cJSON_AddStringToObject(claims, "sub", order->client->id);
	cJSON_AddStringToObject(claims, "client_id", order->client->id);
	cJSON_AddNumberToObject(claims, "iat", (double)order->now);
	cJSON_AddNumberToObject(claims, "exp", (double)(order->now + lifetime_s));
	cJSON_AddStringToObject(claims, "jti", id);
	members_merge(claims, json_get(order->rule, "claims"), true);
	char *token = jwt_sign(store->keys, alg, claims);
	cJSON_Delete(claims);
	free(id);
	return token;
}

static char *token_make(
	struct token_store *store, const struct token_order *order, int64_t lifetime_s)
{
	int64_t size = json_int(order->rule, "token_size", 0);
	enum client_format format = order->client->format;
	format = order->is_jwt && format == CLIENT_OPAQUE ? CLIENT_ES256 : format;
	client_format_parse(json_string(order->rule, "token_format"), &format);
	if (json_string(order->rule, "token")) {
		return mem_strdup(json_string(order->rule, "token"));
	}
	if (size > 0) {
		return codec_random((size_t)size);
	}
	switch (format) {
	case CLIENT_RS256:
		return token_jwt(store, order, JWT_RS256, lifetime_s);
	case CLIENT_ES256:
		return token_jwt(store, order, JWT_ES256, lifetime_s);
	case CLIENT_OPAQUE:
		break;
	}
	return codec_random(TOKEN_OPAQUE_LEN);
}

/* Lets the rule change and add members of the answer. */
static void answer_bend(cJSON *answer, const cJSON *rule)
{
	static const char *const raw[] = {
		"token", "token_type", "expires_in", "refresh_in", "refresh_token"};
	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
		const cJSON *value = json_get(rule, raw[i]);
		if (value) {
			json_set(answer, i == 0 ? "access_token" : raw[i],
				cJSON_Duplicate(value, 1));
		}
	}
	if (cJSON_IsNull(json_get(rule, "expires_in")) || json_true(rule, "expires_in_missing")) {
		cJSON_DeleteItemFromObjectCaseSensitive(answer, "expires_in");
	}
	members_merge(answer, json_get(rule, "members"), false);
	const cJSON *name;
	cJSON_ArrayForEach (name, json_get(rule, "omit")) {
		cJSON_DeleteItemFromObjectCaseSensitive(answer, name->valuestring);
	}
}

cJSON *token_issue(struct token_store *store, const struct token_order *order)
{
	struct client *client = order->client;
	int64_t left_ms = client->last_expires_ms - clock_ms();
	int64_t says_s = client->expires_in;
	if (json_true(order->rule, "same_token") && client->last_token && left_ms >= 1000) {
		says_s = left_ms / 1000;
	} else {
		int64_t lifetime_s = lifetime_of(order);
		char *token = token_make(store, order, lifetime_s);
		token_remember(store, order, token, lifetime_s);
		free(token);
	}
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddStringToObject(answer, "access_token", client->last_token);
	cJSON_AddStringToObject(answer, "token_type", "bearer");
	cJSON_AddNumberToObject(answer, "expires_in", (double)says_s);
	if (order->refresh_token) {
		cJSON_AddStringToObject(answer, "refresh_token", order->refresh_token);
	}
	answer_bend(answer, order->rule);
	return answer;
}
