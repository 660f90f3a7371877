#include "oauth.h"

#include "answer.h"
#include "client.h"
#include "codec.h"
#include "fault.h"
#include "grant.h"
#include "json.h"
#include "mem.h"
#include "record.h"
#include "server.h"
#include "state.h"
#include "stats.h"

#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define OAUTH_BODY_MAX  65536
#define OAUTH_FORM_TYPE "application/x-www-form-urlencoded"

/* The answer of a server without faults; WRONG says what is wrong with the form, or NULL. */
static struct answer *honest_answer(
	const struct grant_request *request, const struct client_auth *auth, const char *wrong)
{
	if (wrong) {
		return answer_error(400, "invalid_request", wrong);
	}
	if (auth->method == CLIENT_AUTH_BOTH) {
		return answer_error(400, "invalid_request", auth->wrong);
	}
	if (!auth->proven) {
		/* Genesys Cloud: 400, where RFC 6749 section 5.2 has 401. */
		return answer_error(400, "invalid_client", auth->wrong);
	}
	return grant_answer(request);
}

/* The answer of a rule that says all of it. */
static struct answer *replaced_answer(const struct grant_request *request)
{
	cJSON *json = fault_wants_token(request->rule) && request->client
			      ? grant_issue(request, NULL)
			      : NULL;
	struct answer *answer = fault_answer(request->rule, json_string(json, "access_token"));
	cJSON_Delete(json);
	return answer;
}

/* What /_sandbox/requests tells of the request: all of it but secrets that prove who the client is.
 */
static cJSON *record_of(
	const struct server_request *request, const struct client_auth *auth, const cJSON *fields)
{
	cJSON *record = record_new(request);
	cJSON *shown = fields ? cJSON_Duplicate(fields, 1) : cJSON_CreateNull();
	if (json_get(shown, "client_secret")) {
		cJSON_DeleteItemFromObjectCaseSensitive(shown, "client_secret");
		cJSON_AddBoolToObject(shown, "secret_ok", auth->proven);
	}
	record_add(record, "client_id", auth->id);
	cJSON_AddStringToObject(record, "auth", client_method_name(auth->method));
	cJSON_AddBoolToObject(record, "secret_ok", auth->proven);
	cJSON_AddItemToObject(record, "fields", shown);
	return record;
}

cJSON *oauth_form(const struct server_request *request, const char **wrong)
{
	const char *type = evhttp_find_header(request->headers, "Content-Type");
	size_t type_len = strlen(OAUTH_FORM_TYPE);
	if (!type || strncasecmp(type, OAUTH_FORM_TYPE, type_len) != 0 ||
		!strchr("; ", type[type_len])) {
		*wrong = "the content type has to be " OAUTH_FORM_TYPE;
		return NULL;
	}
	if (request->body_len > OAUTH_BODY_MAX) {
		*wrong = "the form is too long";
		return NULL;
	}
	return codec_form_parse(request->body, request->body_len, wrong);
}

char *oauth_issuer(
	const struct state *state, const struct server_request *request, const char *suffix)
{
	const char *origin = request->kind == SERVER_TLS ? state->https_url : state->http_url;
	size_t prefix_len = strlen(request->path) - strlen(suffix);
	return mem_printf("%s%.*s", origin, (int)prefix_len, request->path);
}

void oauth_authenticate(const struct state *state, const struct server_request *request,
	const char *issuer, const cJSON *fields, struct client_auth *ret_auth)
{
	char *token_url = mem_printf("%s" OAUTH_TOKEN_PATH, issuer);
	client_authenticate(state->clients,
		&(struct client_evidence){
			.authorization = evhttp_find_header(request->headers, "Authorization"),
			.fields = fields,
			.certificate = request->certificate,
			.issuer = issuer,
			.token_url = token_url,
		},
		ret_auth);
	free(token_url);
}

struct answer *oauth_token(struct state *state, const struct server_request *request,
	const char *issuer, struct stats_ticket **ret_ticket)
{
	const char *wrong = NULL;
	struct client_auth auth;
	cJSON *fields = oauth_form(request, &wrong);
	oauth_authenticate(state, request, issuer, fields, &auth);
	cJSON *record = record_of(request, &auth, fields);
	char *correlation_id = codec_uuid();
	cJSON_AddStringToObject(record, "correlation_id", correlation_id);
	*ret_ticket = stats_begin(state->stats, record, request->earlier == 0);

	struct grant_request grant_request = {
		.state = state,
		.fields = fields,
		.client = auth.proven ? auth.client : NULL,
		.is_public = auth.method == CLIENT_AUTH_NONE,
		.issuer = issuer,
		.rule = fault_take(state->faults, true, request->path, auth.id),
		.ticket = *ret_ticket,
	};
	struct answer *answer = fault_replaces(grant_request.rule)
					? replaced_answer(&grant_request)
					: honest_answer(&grant_request, &auth, wrong);
	answer_set_header(answer, "inin-correlation-id", correlation_id);
	fault_apply(grant_request.rule, answer);
	free(correlation_id);
	client_auth_done(&auth);
	cJSON_Delete(fields);
	return answer;
}
