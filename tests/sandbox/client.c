#include "client.h"

#include "assertion.h"
#include "codec.h"
#include "json.h"
#include "mem.h"
#include "pki.h"
#include "schema.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLIENTS_MAX              4096
#define CLIENT_GRACE_MS          60000
#define CLIENT_DEVICE_INTERVAL_S 5
#define CLIENT_DEVICE_LIFE_S     600

struct client_list {
	struct client *clients[CLIENTS_MAX];
	int count;
	int64_t expires_in;
	enum client_format format;
};

static const struct schema_member client_members[] = {
	{"id", SCHEMA_STRING},
	{"secret", SCHEMA_STRING},
	{"auth", SCHEMA_NAME, .names = " secret none private_key_jwt certificate "},
	{"public_key", SCHEMA_STRING},
	{"certificate", SCHEMA_STRING},
	{"audience", SCHEMA_STRING},
	{"expires_in", SCHEMA_INT, 1, CLIENT_EXPIRES_IN_MAX},
	{"token_format", SCHEMA_NAME, .names = " opaque RS256 ES256 "},
	{"refresh_tokens", SCHEMA_NAME, .names = " none kept rotated burned grace "},
	{"grace_ms", SCHEMA_INT, 0, CLIENT_EXPIRES_IN_MAX},
	{"pkce", SCHEMA_TRUE},
	{"redirect_uris", SCHEMA_STRINGS},
	{"assertion", SCHEMA_STRING},
	{"org_name", SCHEMA_STRING},
	{"device_interval", SCHEMA_INT, 0, CLIENT_EXPIRES_IN_MAX},
	{"device_expires_in", SCHEMA_INT, 1, CLIENT_EXPIRES_IN_MAX},
	{NULL},
};

struct client_list *client_list_new(int64_t expires_in, enum client_format format)
{
	struct client_list *list = mem_new(sizeof(*list));
	list->expires_in = expires_in;
	list->format = format;
	return list;
}

/* Frees what a spec has set. */
static void client_clear(struct client *client)
{
	free(client->secret);
	EVP_PKEY_free(client->public_key);
	free(client->certificate);
	free(client->audience);
	cJSON_Delete(client->redirect_uris);
	free(client->assertion);
	free(client->org_name);
}

void client_list_free(struct client_list *list)
{
	for (int i = 0; list && i < list->count; i++) {
		struct client *client = list->clients[i];
		client_clear(client);
		cJSON_Delete(client->jtis);
		free(client->id);
		free(client->last_token);
		free(client);
	}
	free(list);
}

struct client *client_find(const struct client_list *list, const char *id)
{
	for (int i = 0; id && i < list->count; i++) {
		if (strcmp(list->clients[i]->id, id) == 0) {
			return list->clients[i];
		}
	}
	return NULL;
}

/* The index of NAME in NAMES, or of none OTHERWISE. */
static int name_index(const char *name, const char *const *names, int count, int otherwise)
{
	for (int i = 0; name && i < count; i++) {
		if (strcmp(name, names[i]) == 0) {
			return i;
		}
	}
	return otherwise;
}

bool client_format_parse(const char *name, enum client_format *ret_format)
{
	static const char *const names[] = {
		[CLIENT_OPAQUE] = "opaque", [CLIENT_RS256] = "RS256", [CLIENT_ES256] = "ES256"};
	int format = name_index(name, names, CLIENT_ES256 + 1, -1);
	if (format >= 0) {
		*ret_format = (enum client_format)format;
	}
	return format >= 0;
}

static enum client_proof proof_of(const cJSON *spec)
{
	static const char *const names[] = {
		[CLIENT_SECRET] = "secret",
		[CLIENT_PUBLIC] = "none",
		[CLIENT_KEY] = "private_key_jwt",
		[CLIENT_CERTIFICATE] = "certificate",
	};
	return (enum client_proof)name_index(
		json_string(spec, "auth"), names, CLIENT_CERTIFICATE + 1, CLIENT_SECRET);
}

static enum client_refresh refresh_of(const cJSON *spec)
{
	static const char *const names[] = {
		[CLIENT_REFRESH_NONE] = "none",
		[CLIENT_REFRESH_KEPT] = "kept",
		[CLIENT_REFRESH_ROTATED] = "rotated",
		[CLIENT_REFRESH_BURNED] = "burned",
		[CLIENT_REFRESH_GRACE] = "grace",
	};
	return (enum client_refresh)name_index(json_string(spec, "refresh_tokens"), names,
		CLIENT_REFRESH_GRACE + 1, CLIENT_REFRESH_NONE);
}

static char *copy_of(const cJSON *spec, const char *name)
{
	const char *text = json_string(spec, name);
	return text ? mem_strdup(text) : NULL;
}

/* Fills an empty client, but its id; returns what is wrong with SPEC, or NULL. */
static const char *client_read(struct client *client, const cJSON *spec)
{
	const char *public_key = json_string(spec, "public_key");
	const char *certificate = json_string(spec, "certificate");
	client->proof = proof_of(spec);
	if (client->proof == CLIENT_SECRET && !json_string(spec, "secret")) {
		return "id and secret must be strings";
	}
	client->secret = mem_strdup(
		client->proof == CLIENT_SECRET ? json_string(spec, "secret") : "");
	client->public_key = public_key ? pki_public_key(public_key) : NULL;
	if (client->proof == CLIENT_KEY && !client->public_key) {
		return "public_key must be one in PEM";
	}
	client->certificate = certificate ? pki_pem_fingerprint(certificate) : NULL;
	if (client->proof == CLIENT_CERTIFICATE && !client->certificate) {
		return "certificate must be one in PEM";
	}
	client->audience = copy_of(spec, "audience");
	client->refresh = refresh_of(spec);
	client->grace_ms = json_int(spec, "grace_ms", CLIENT_GRACE_MS);
	client->pkce = json_true(spec, "pkce");
	client->redirect_uris = cJSON_Duplicate(json_get(spec, "redirect_uris"), 1);
	client->assertion = copy_of(spec, "assertion");
	client->org_name = copy_of(spec, "org_name");
	client->device_interval = json_int(spec, "device_interval", CLIENT_DEVICE_INTERVAL_S);
	client->device_expires_in = json_int(spec, "device_expires_in", CLIENT_DEVICE_LIFE_S);
	client_format_parse(json_string(spec, "token_format"), &client->format);
	return NULL;
}

bool client_put(struct client_list *list, const cJSON *spec, char *error, size_t error_size)
{
	char why[256] = "must be an object";
	bool ok = cJSON_IsObject(spec) && schema_check(client_members, spec, why, sizeof(why));
	const char *wrong = ok ? NULL : why;
	const char *id = ok ? json_string(spec, "id") : NULL;
	struct client *client = client_find(list, id);
	struct client next = {
		.expires_in = json_int(spec, "expires_in", list->expires_in),
		.format = list->format,
	};
	if (!wrong && !id) {
		wrong = "id and secret must be strings";
	}
	if (!wrong && !client && list->count == CLIENTS_MAX) {
		wrong = "too many clients";
	}
	wrong = wrong ? wrong : client_read(&next, spec);
	if (wrong) {
		snprintf(error, error_size, "client: %s", wrong);
		client_clear(&next);
		return false;
	}
	if (client) {
		client_clear(client);
		next.id = client->id;
		next.jtis = client->jtis;
		next.last_token = client->last_token;
		next.last_expires_ms = client->last_expires_ms;
	} else {
		client = list->clients[list->count++] = mem_new(sizeof(*client));
		next.id = mem_strdup(id);
		next.jtis = cJSON_CreateObject();
	}
	*client = next;
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

static const char *secret_check(const struct client *client, const char *secret)
{
	size_t len = strlen(client->secret);
	bool same = secret && strlen(secret) == len &&
		    CRYPTO_memcmp(secret, client->secret, len) == 0;
	return same ? NULL : "client not found or wrong secret";
}

/* How the request names its client and means to prove it; SECRET is that of Basic. */
static enum client_method method_of(
	const struct client_evidence *evidence, struct client_auth *auth, char **secret)
{
	const char *form_id = json_string(evidence->fields, "client_id");
	const char *assertion = json_string(evidence->fields, "client_assertion");
	bool form_secret = json_get(evidence->fields, "client_secret") != NULL;
	if (evidence->authorization && !basic_parse(evidence->authorization, &auth->id, secret)) {
		return CLIENT_AUTH_MALFORMED;
	}
	if (!auth->id && assertion) {
		auth->id = assertion_subject(assertion);
	}
	if ((evidence->authorization != NULL) + (assertion != NULL) + form_secret > 1) {
		return CLIENT_AUTH_BOTH;
	}
	/* A client_id in the form beside the proof is allowed, but has to be the same. */
	if (auth->id && form_id && strcmp(form_id, auth->id) != 0) {
		return CLIENT_AUTH_BOTH;
	}
	if (!auth->id && form_id) {
		auth->id = mem_strdup(form_id);
	}
	return evidence->authorization ? CLIENT_AUTH_BASIC
	       : assertion             ? CLIENT_AUTH_ASSERTION
	       : form_secret           ? CLIENT_AUTH_POST
	       : evidence->certificate ? CLIENT_AUTH_CERTIFICATE
				       : CLIENT_AUTH_NONE;
}

/* What is wrong with the proof of a client that is known, or NULL. */
static const char *proof_check(struct client *client, const struct client_evidence *evidence,
	enum client_method method, const char *basic_secret)
{
	switch (client->proof) {
	case CLIENT_SECRET:
		return secret_check(client,
			evidence->authorization ? basic_secret
						: json_string(evidence->fields, "client_secret"));
	case CLIENT_PUBLIC:
		return method == CLIENT_AUTH_NONE || method == CLIENT_AUTH_CERTIFICATE
			       ? NULL
			       : "this client is public and proves nothing";
	case CLIENT_KEY:
		return method == CLIENT_AUTH_ASSERTION ? assertion_check(client, evidence)
						       : "this client uses private_key_jwt";
	case CLIENT_CERTIFICATE:
		return method == CLIENT_AUTH_CERTIFICATE &&
				       strcmp(evidence->certificate, client->certificate) == 0
			       ? NULL
			       : "this client uses another certificate";
	}
	return NULL;
}

void client_authenticate(const struct client_list *list, const struct client_evidence *evidence,
	struct client_auth *auth)
{
	char *basic_secret = NULL;
	*auth = (struct client_auth){.wrong = "client not found or wrong secret"};
	auth->method = method_of(evidence, auth, &basic_secret);
	auth->client = client_find(list, auth->id);
	if (auth->method == CLIENT_AUTH_BOTH) {
		auth->wrong = "more than one client authentication";
	} else if (auth->client && auth->method != CLIENT_AUTH_MALFORMED) {
		auth->wrong = proof_check(auth->client, evidence, auth->method, basic_secret);
	}
	auth->proven = !auth->wrong;
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
		[CLIENT_AUTH_ASSERTION] = "private_key_jwt",
		[CLIENT_AUTH_CERTIFICATE] = "certificate",
		[CLIENT_AUTH_BOTH] = "both",
		[CLIENT_AUTH_MALFORMED] = "malformed",
	};
	return names[method];
}
