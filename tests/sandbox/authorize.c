#include "authorize.h"

#include "answer.h"
#include "client.h"
#include "codec.h"
#include "json.h"
#include "mem.h"
#include "session.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#define CODE_LEN          43
#define CODE_LIFE_S       600
#define CODES_MAX         16384
#define VERIFIER_MIN      43 /* RFC 7636 section 4.1, these three */
#define VERIFIER_MAX      128
#define VERIFIER_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

struct code {
	char *code;
	const struct client *client;
	char *redirect_uri;
	char *challenge; /* NULL without PKCE */
	char *nonce;     /* NULL without one */
	time_t issued;   /* by the monotonic clock */
	bool used;
	struct session *session; /* NULL before it is used */
};

struct code_store {
	struct code codes[CODES_MAX]; /* the last ones, in a ring */
	size_t next;
};

struct code_store *code_store_new(void)
{
	return mem_new(sizeof(struct code_store));
}

static void code_clear(struct code *code)
{
	free(code->code);
	free(code->redirect_uri);
	free(code->challenge);
	free(code->nonce);
}

void code_store_free(struct code_store *store)
{
	for (size_t i = 0; store && i < CODES_MAX; i++) {
		code_clear(&store->codes[i]);
	}
	free(store);
}

static time_t clock_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool redirect_ok(const struct client *client, const char *redirect_uri)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, client->redirect_uris) {
		if (strcmp(item->valuestring, redirect_uri) == 0) {
			return true;
		}
	}
	return !client->redirect_uris;
}

/* Why the user is sent back without a code (RFC 6749 section 4.1.2.1), or NULL. */
static const char *refusal(
	const struct client *client, struct evkeyvalq *query, const char **description)
{
	const char *type = evhttp_find_header(query, "response_type");
	const char *challenge = evhttp_find_header(query, "code_challenge");
	const char *method = evhttp_find_header(query, "code_challenge_method");
	if (!type || strcmp(type, "code") != 0) {
		*description = "response_type has to be code";
		return "unsupported_response_type";
	}
	if (challenge && (!method || strcmp(method, "S256") != 0)) {
		*description = "code_challenge_method has to be S256";
		return "invalid_request";
	}
	if (!challenge && client->pkce) {
		*description = "code_challenge is missing";
		return "invalid_request";
	}
	if (!evhttp_find_header(query, "org") != !evhttp_find_header(query, "provider")) {
		*description = "org and provider go together";
		return "invalid_request";
	}
	return NULL;
}

static char *parameter(const char *name, const char *value)
{
	char *encoded = value ? evhttp_uriencode(value, -1, 0) : NULL;
	char *text = encoded ? mem_printf("&%s=%s", name, encoded) : mem_strdup("");
	free(encoded);
	return text;
}

/* Sends the user back; DESCRIPTION and STATE may be NULL. */
static struct answer *redirect(const char *redirect_uri, const char *name, const char *value,
	const char *description, const char *state)
{
	struct answer *answer = answer_new(302);
	char *first = parameter(name, value);
	char *second = parameter("error_description", description);
	char *third = parameter("state", state);
	const char *separator = strchr(redirect_uri, '?') ? "&" : "?";
	char *url = mem_printf("%s%s%s%s%s", redirect_uri, separator, first + 1, second, third);
	answer_set_header(answer, "Location", url);
	answer_set_header(answer, "Cache-Control", "no-store");
	free(first);
	free(second);
	free(third);
	free(url);
	return answer;
}

static const char *code_issue(
	struct code_store *store, const struct client *client, struct evkeyvalq *query)
{
	const char *challenge = evhttp_find_header(query, "code_challenge");
	const char *nonce = evhttp_find_header(query, "nonce");
	struct code *code = &store->codes[store->next];
	store->next = (store->next + 1) % CODES_MAX;
	code_clear(code);
	*code = (struct code){
		.code = codec_random(CODE_LEN),
		.client = client,
		.redirect_uri = mem_strdup(evhttp_find_header(query, "redirect_uri")),
		.challenge = challenge ? mem_strdup(challenge) : NULL,
		.nonce = nonce ? mem_strdup(nonce) : NULL,
		.issued = clock_s(),
	};
	return code->code;
}

static struct answer *authorize_query(struct code_store *store, const struct client_list *clients,
	struct evkeyvalq *query, const cJSON *rule)
{
	const char *redirect_uri = evhttp_find_header(query, "redirect_uri");
	const char *state = evhttp_find_header(query, "state");
	const struct client *client = client_find(clients, evhttp_find_header(query, "client_id"));
	const char *description = json_string(rule, "error_description");
	const char *error = json_string(rule, "authorize_error");
	/* Who cannot be trusted with the user gets no redirect. */
	if (!client) {
		return answer_error(400, "invalid_request", "no such client");
	}
	if (!redirect_uri || !redirect_ok(client, redirect_uri)) {
		return answer_error(400, "invalid_request", "redirect_uri is not registered");
	}
	error = error ? error : refusal(client, query, &description);
	return error ? redirect(redirect_uri, "error", error, description, state)
		     : redirect(
			       redirect_uri, "code", code_issue(store, client, query), NULL, state);
}

struct answer *authorize(struct code_store *store, const struct client_list *clients,
	const char *query, const cJSON *rule)
{
	struct evkeyvalq parsed;
	TAILQ_INIT(&parsed);
	struct answer *answer = query && evhttp_parse_query_str(query, &parsed) == 0
					? authorize_query(store, clients, &parsed, rule)
					: answer_error(400, "invalid_request", "no query");
	evhttp_clear_headers(&parsed);
	return answer;
}

static bool is_verifier(const char *text)
{
	size_t len = strlen(text);
	return len >= VERIFIER_MIN && len <= VERIFIER_MAX && strspn(text, VERIFIER_ALPHABET) == len;
}

/* RFC 7636 section 4.6. */
static bool challenge_ok(const char *challenge, const char *verifier)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)verifier, strlen(verifier), digest);
	char *made = codec_base64url(digest, sizeof(digest));
	bool ok = strcmp(made, challenge) == 0;
	free(made);
	return ok;
}

static const char *code_check(const struct code *code, const cJSON *fields)
{
	const char *redirect_uri = json_string(fields, "redirect_uri");
	const char *verifier = json_string(fields, "code_verifier");
	if (code->used) {
		return "the code was used before";
	}
	if (clock_s() - code->issued > CODE_LIFE_S) {
		return "the code has expired";
	}
	if (!redirect_uri || strcmp(redirect_uri, code->redirect_uri) != 0) {
		return "redirect_uri is not that of the authorization request";
	}
	if (verifier && !is_verifier(verifier)) {
		return "code_verifier is malformed";
	}
	if (!verifier != !code->challenge) {
		return "code_verifier and code_challenge go together";
	}
	return verifier && !challenge_ok(code->challenge, verifier) ? "code_verifier is wrong"
								    : NULL;
}

struct code *code_redeem(struct code_store *store, const struct client *client, const cJSON *fields,
	const char **wrong)
{
	const char *text = json_string(fields, "code");
	struct code *code = NULL;
	for (size_t i = 0; text && !code && i < CODES_MAX; i++) {
		if (store->codes[i].code && strcmp(store->codes[i].code, text) == 0) {
			code = &store->codes[i];
		}
	}
	*wrong = code && code->client == client ? code_check(code, fields) : "no such code";
	if (*wrong) {
		if (code && code->client == client && code->session) {
			session_end(code->session, "code_reuse");
		}
		return NULL;
	}
	code->used = true;
	return code;
}

const char *code_nonce(const struct code *code)
{
	return code->nonce;
}

void code_bind(struct code *code, struct session *session)
{
	code->session = session;
}
