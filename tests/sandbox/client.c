#include "client.h"

#include "codec.h"
#include "json.h"
#include "mem.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLIENTS_MAX 4096

struct client_list {
	struct client *clients[CLIENTS_MAX];
	int count;
	int64_t expires_in;
	enum client_format format;
};

struct client_list *client_list_new(int64_t expires_in, enum client_format format)
{
	struct client_list *list = mem_new(sizeof(*list));
	list->expires_in = expires_in;
	list->format = format;
	return list;
}

void client_list_free(struct client_list *list)
{
	for (int i = 0; list && i < list->count; i++) {
		free(list->clients[i]->id);
		free(list->clients[i]->secret);
		free(list->clients[i]->last_token);
		free(list->clients[i]);
	}
	free(list);
}

static struct client *client_find(const struct client_list *list, const char *id)
{
	for (int i = 0; i < list->count; i++) {
		if (strcmp(list->clients[i]->id, id) == 0) {
			return list->clients[i];
		}
	}
	return NULL;
}

bool client_format_parse(const char *name, enum client_format *ret_format)
{
	static const char *const names[] = {
		[CLIENT_OPAQUE] = "opaque", [CLIENT_RS256] = "RS256", [CLIENT_ES256] = "ES256"};
	for (int i = 0; name && i <= CLIENT_ES256; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_format = (enum client_format)i;
			return true;
		}
	}
	return false;
}

/* What is wrong with SPEC, or NULL. */
static const char *spec_error(const cJSON *spec)
{
	static const char *const known[] = {"id", "secret", "expires_in", "token_format"};
	const cJSON *expires_in = json_get(spec, "expires_in");
	const cJSON *format = json_get(spec, "token_format");
	enum client_format parsed;
	const cJSON *member;
	cJSON_ArrayForEach (member, spec) {
		bool is_known = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			is_known = is_known ||
				   (member->string && !strcmp(member->string, known[i]));
		}
		if (!is_known) {
			return "its members are id, secret, expires_in, token_format";
		}
	}
	if (!json_string(spec, "id") || !json_string(spec, "secret")) {
		return "id and secret must be strings";
	}
	if (expires_in && !json_is_int(expires_in, 1, CLIENT_EXPIRES_IN_MAX)) {
		return "expires_in must be a whole number of seconds, at least 1";
	}
	if (format && !client_format_parse(cJSON_GetStringValue(format), &parsed)) {
		return "token_format must be opaque, RS256 or ES256";
	}
	return NULL;
}

bool client_put(struct client_list *list, const cJSON *spec, char *error, size_t error_size)
{
	const char *wrong = cJSON_IsObject(spec) ? spec_error(spec) : "must be an object";
	struct client *client = wrong ? NULL : client_find(list, json_string(spec, "id"));
	if (!wrong && !client && list->count == CLIENTS_MAX) {
		wrong = "too many clients";
	}
	if (wrong) {
		snprintf(error, error_size, "client: %s", wrong);
		return false;
	}
	if (!client) {
		client = mem_new(sizeof(*client));
		client->id = mem_strdup(json_string(spec, "id"));
		list->clients[list->count++] = client;
	}
	free(client->secret);
	client->secret = mem_strdup(json_string(spec, "secret"));
	client->expires_in = json_int(spec, "expires_in", list->expires_in);
	client->format = list->format;
	client_format_parse(json_string(spec, "token_format"), &client->format);
	return true;
}

bool client_put_all(struct client_list *list, const cJSON *specs, char *error, size_t error_size)
{
	if (!cJSON_IsArray(specs)) {
		return client_put(list, specs, error, error_size);
	}
	const cJSON *spec;
	cJSON_ArrayForEach (spec, specs) {
		if (!client_put(list, spec, error, error_size)) {
			return false;
		}
	}
	return true;
}

/* Reads "Basic …", both parts form-urlencoded inside the base64. False if it is not that. */
static bool basic_parse(const char *authorization, char **ret_id, char **ret_secret)
{
	size_t len = 0;
	if (strncasecmp(authorization, "Basic ", 6) != 0) {
		return false;
	}
	char *plain = codec_base64_decode(authorization + 6, &len);
	char *colon = plain ? memchr(plain, ':', len) : NULL;
	if (colon) {
		*ret_id = codec_form_decode(plain, (size_t)(colon - plain));
		*ret_secret = codec_form_decode(colon + 1, len - (size_t)(colon + 1 - plain));
	}
	free(plain);
	return *ret_id && *ret_secret;
}

static bool secret_matches(const struct client *client, const char *secret)
{
	size_t len = strlen(client->secret);
	return secret && strlen(secret) == len && CRYPTO_memcmp(secret, client->secret, len) == 0;
}

void client_authenticate(const struct client_list *list, const char *authorization,
	const cJSON *fields, struct client_auth *auth)
{
	const char *form_id = json_string(fields, "client_id");
	const char *form_secret = json_string(fields, "client_secret");
	char *basic_secret = NULL;
	*auth = (struct client_auth){0};
	if (authorization && !basic_parse(authorization, &auth->id, &basic_secret)) {
		auth->method = CLIENT_AUTH_MALFORMED;
	} else if (authorization) {
		auth->method = form_secret ? CLIENT_AUTH_BOTH : CLIENT_AUTH_BASIC;
		/* A client_id in the form beside Basic is allowed, but has to be the same. */
		if (form_id && strcmp(form_id, auth->id) != 0) {
			auth->method = CLIENT_AUTH_BOTH;
		}
	} else if (form_secret) {
		auth->method = CLIENT_AUTH_POST;
	}
	if (!auth->id && form_id) {
		auth->id = mem_strdup(form_id);
	}
	auth->client = auth->id ? client_find(list, auth->id) : NULL;
	auth->secret_ok = auth->client &&
			  secret_matches(auth->client, authorization ? basic_secret : form_secret);
	free(basic_secret);
}

void client_auth_done(struct client_auth *auth)
{
	free(auth->id);
	*auth = (struct client_auth){0};
}

const char *client_method_name(enum client_method method)
{
	static const char *const names[] = {
		[CLIENT_AUTH_NONE] = "none",
		[CLIENT_AUTH_BASIC] = "basic",
		[CLIENT_AUTH_POST] = "post",
		[CLIENT_AUTH_BOTH] = "both",
		[CLIENT_AUTH_MALFORMED] = "malformed",
	};
	return names[method];
}
