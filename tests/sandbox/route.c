#include "route.h"

#include "answer.h"
#include "authorize.h"
#include "codec.h"
#include "control.h"
#include "device.h"
#include "fault.h"
#include "json.h"
#include "jwt.h"
#include "mem.h"
#include "messenger.h"
#include "oauth.h"
#include "revoke.h"
#include "server.h"
#include "state.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>

#define AUTHORIZE_PATH "/oauth/authorize"

static struct answer *json_answer(int status, cJSON *json)
{
	struct answer *answer = answer_new(status);
	answer_set_json(answer, json);
	cJSON_Delete(json);
	return answer;
}

static struct answer *jwks(struct state *state, const struct server_request *request,
	const char *suffix, const cJSON *rule)
{
	return json_answer(200, jwt_jwks(state->keys));
}

static void add_strings(cJSON *json, const char *name, const char *const *values, int count)
{
	cJSON_AddItemToObject(json, name, cJSON_CreateStringArray(values, count));
}

static struct answer *discovery(struct state *state, const struct server_request *request,
	const char *suffix, const cJSON *rule)
{
	static const char *const methods[] = {"client_secret_basic", "client_secret_post",
		"private_key_jwt", "self_signed_tls_client_auth", "none"};
	static const char *const challenges[] = {"S256"};
	static const char *const algs[] = {"RS256", "ES256"};
	static const char *const subjects[] = {"public"};
	char *base = oauth_issuer(state, request, suffix);
	char *token = mem_printf("%s" OAUTH_TOKEN_PATH, base);
	char *keys = mem_printf("%s/jwks", base);
	char *revocation = mem_printf("%s" REVOKE_PATH, base);
	char *authorization = mem_printf("%s" AUTHORIZE_PATH, base);
	char *device = mem_printf("%s" DEVICE_PATH, base);
	cJSON *json = cJSON_CreateObject();
	cJSON *types = cJSON_AddArrayToObject(json, "response_types_supported");
	cJSON_AddStringToObject(json, "issuer", base);
	cJSON_AddStringToObject(json, "authorization_endpoint", authorization);
	cJSON_AddStringToObject(json, "token_endpoint", token);
	cJSON_AddStringToObject(json, "jwks_uri", keys);
	cJSON_AddStringToObject(json, "revocation_endpoint", revocation);
	cJSON_AddStringToObject(json, "device_authorization_endpoint", device);
	cJSON_AddItemToArray(types, cJSON_CreateString("code"));
	add_strings(json, "subject_types_supported", subjects, 1);
	add_strings(json, "token_endpoint_auth_methods_supported", methods, 5);
	add_strings(json, "code_challenge_methods_supported", challenges, 1);
	add_strings(json, "id_token_signing_alg_values_supported", algs, 2);
	free(base);
	free(token);
	free(keys);
	free(revocation);
	free(authorization);
	free(device);
	return json_answer(200, json);
}

static struct answer *authorization(struct state *state, const struct server_request *request,
	const char *suffix, const cJSON *rule)
{
	return authorize(state->codes, state->clients, request->query, rule);
}

static struct answer *devices(struct state *state, const struct server_request *request,
	const char *suffix, const cJSON *rule)
{
	return device_authorization(state, request);
}

/* The paths beside the token endpoint, each under any prefix. RULE is NULL without one. */
static const struct resource {
	const char *suffix;
	struct answer *(*answer)(struct state *state, const struct server_request *request,
		const char *suffix, const cJSON *rule);
} resources[] = {
	{"/jwks", jwks},
	{"/.well-known/openid-configuration", discovery},
	{AUTHORIZE_PATH, authorization},
	{DEVICE_PATH, devices},
};

static bool ends_with(const char *text, const char *suffix)
{
	size_t len = strlen(text);
	size_t suffix_len = strlen(suffix);
	return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

static struct answer *resource_answer(
	struct state *state, const struct server_request *request, const cJSON *rule)
{
	struct answer *revoked = revoke_answer(state, request);
	if (revoked) {
		return revoked;
	}
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		if (ends_with(request->path, resources[i].suffix)) {
			return resources[i].answer(state, request, resources[i].suffix, rule);
		}
	}
	if (ends_with(request->path, OAUTH_TOKEN_PATH)) {
		struct answer *answer = answer_error(
			405, "invalid_request", "the token endpoint takes POST");
		answer_set_header(answer, "Allow", "POST");
		return answer;
	}
	return answer_error(404, "not_found", "no such path");
}

/* Everything but token requests and control. A revocation is noted as such whatever it is answered.
 */
static struct answer *other_request(struct state *state, const struct server_request *request)
{
	const cJSON *rule = fault_take(state->faults, false, request->path, NULL);
	char *correlation_id = codec_uuid();
	cJSON *revocation = revoke_record(request);
	struct answer *answer = fault_replaces(rule) ? fault_answer(rule, NULL)
						     : resource_answer(state, request, rule);
	stats_other(state->stats);
	answer_set_header(answer, "inin-correlation-id", correlation_id);
	fault_apply(rule, answer);
	if (revocation) {
		cJSON_AddNumberToObject(revocation, "status", answer->status);
		stats_revocation(state->stats, revocation);
	}
	free(correlation_id);
	return answer;
}

static struct answer *control_request(struct state *state, const struct server_request *request)
{
	bool loopback = strncmp(request->peer, "127.", 4) == 0 || strcmp(request->peer, "::1") == 0;
	if (request->kind != SERVER_CONTROL && request->earlier == 0) {
		stats_forget_connection(state->stats);
	}
	struct answer *answer = loopback && request->kind != SERVER_TLS
					? control_answer(state, request)
					: answer_error(403, "bad_control", "not on this listener");
	/* One control request a connection, which is what the line above counts on. */
	answer_set_header(answer, "Connection", "close");
	return answer;
}

/* The path of messenger's exchange or refresh that PATH ends in, or NULL. */
static const char *messenger_suffix(const char *path)
{
	static const char *const suffixes[] = {MESSENGER_EXCHANGE_PATH, MESSENGER_REFRESH_PATH};
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (ends_with(path, suffixes[i])) {
			return suffixes[i];
		}
	}
	return NULL;
}

static struct answer *on_request(void *ctx, const struct server_request *request, void **ticket)
{
	struct state *state = ctx;
	struct stats_ticket *stats_ticket = NULL;
	struct answer *answer;
	if (strncmp(request->path, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0) {
		return control_request(state, request);
	}
	if (request->kind == SERVER_CONTROL) {
		return answer_error(404, "not_found", "this listener is for " CONTROL_PREFIX);
	}
	if (strcmp(request->method, "POST") == 0 && ends_with(request->path, OAUTH_TOKEN_PATH)) {
		char *issuer = oauth_issuer(state, request, OAUTH_TOKEN_PATH);
		answer = oauth_token(state, request, issuer, &stats_ticket);
		*ticket = stats_ticket;
		free(issuer);
		return answer;
	}
	if (strcmp(request->method, "POST") == 0 && messenger_suffix(request->path)) {
		const char *suffix = messenger_suffix(request->path);
		char *issuer = oauth_issuer(state, request, suffix);
		answer = messenger_token(state, request, issuer,
			strcmp(suffix, MESSENGER_EXCHANGE_PATH) == 0, &stats_ticket);
		*ticket = stats_ticket;
		free(issuer);
		return answer;
	}
	return other_request(state, request);
}

/* Without the form: it may hold codes, assertions and refresh tokens. */
static void log_record(FILE *log, const cJSON *record)
{
	cJSON *shown = cJSON_Duplicate(record, 1);
	cJSON_DeleteItemFromObjectCaseSensitive(shown, "fields");
	char *line = json_print(shown);
	fprintf(log, "%s\n", line);
	free(line);
	cJSON_Delete(shown);
}

static void on_done(void *ctx, void *ticket, int status, enum server_outcome outcome)
{
	static const char *const names[] = {
		[SERVER_ANSWERED] = "answered",
		[SERVER_CLOSED] = "closed",
		[SERVER_WAS_RESET] = "reset",
		[SERVER_VANISHED] = "vanished",
	};
	struct state *state = ctx;
	if (!ticket) {
		return;
	}
	const cJSON *record = stats_end(state->stats, ticket, status, names[outcome]);
	if (record && state->log) {
		log_record(state->log, record);
	}
}

static enum server_welcome on_accepted(void *ctx)
{
	struct state *state = ctx;
	const cJSON *rule = fault_take_accept(state->faults);
	stats_connected(state->stats);
	if (!rule) {
		return SERVER_KEEP;
	}
	return json_true(rule, "reset") ? SERVER_RESET : SERVER_CLOSE;
}

const struct server_handler route_handler = {
	.accepted = on_accepted,
	.request = on_request,
	.done = on_done,
};
