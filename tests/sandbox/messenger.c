#include "messenger.h"

#include "answer.h"
#include "authorize.h"
#include "client.h"
#include "codec.h"
#include "fault.h"
#include "json.h"
#include "jwt.h"
#include "record.h"
#include "schema.h"
#include "server.h"
#include "session.h"
#include "state.h"
#include "stats.h"
#include "token.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BODY_MAX    65536
#define MAX_AGE_MAX 1000000000 /* s */
#define WHY_SIZE    256

static const struct schema_member exchange_members[] = {
	{"deploymentId", SCHEMA_STRING}, {"oauth", SCHEMA_OBJECT}, {NULL}};

static const struct schema_member oauth_members[] = {
	{"code", SCHEMA_STRING},
	{"redirectUri", SCHEMA_STRING},
	{"codeVerifier", SCHEMA_STRING},
	{"nonce", SCHEMA_STRING},
	{"maxAge", SCHEMA_INT, 0, MAX_AGE_MAX},
	{"iss", SCHEMA_STRING},
	{"idToken", SCHEMA_STRING},
	{NULL},
};

static const struct schema_member refresh_members[] = {{"refreshToken", SCHEMA_STRING}, {NULL}};

/* A request that is being answered. */
struct messenger {
	struct state *state;
	const cJSON *body;
	const char *issuer;
	struct client *client; /* the deployment; NULL if there is none */
	const cJSON *rule;     /* NULL without one */
	struct stats_ticket *ticket;
};

static struct answer *refuse(int status, const char *why)
{
	return answer_api_error(status, status == 401 ? "bad.credentials" : "bad.request", why);
}

/* Gives a member the name that it has here, unless the rule has brought one of that name. */
static void rename_member(cJSON *answer, const char *from, const char *to)
{
	cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(answer, from);
	if (value && !json_get(answer, to)) {
		cJSON_AddItemToObject(answer, to, value);
	} else {
		cJSON_Delete(value);
	}
}

static cJSON *issue(
	const struct messenger *messenger, struct session *session, const char *refresh_token)
{
	static const char *const dropped[] = {"token_type", "expires_in", "refresh_in"};
	cJSON *answer = token_issue(
		messenger->state->tokens, &(struct token_order){
						  .client = messenger->client,
						  .issuer = messenger->issuer,
						  .now = fault_clock(messenger->rule),
						  .rule = messenger->rule,
						  .refresh_token = refresh_token,
						  .session = session,
						  .is_jwt = true,
					  });
	const cJSON *name;
	stats_issued(messenger->state->stats, messenger->ticket);
	rename_member(answer, "access_token", "jwt");
	rename_member(answer, "refresh_token", "refreshToken");
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(answer, dropped[i]);
	}
	cJSON_ArrayForEach (name, json_get(messenger->rule, "omit")) {
		cJSON_DeleteItemFromObjectCaseSensitive(answer, name->valuestring);
	}
	return answer;
}

static struct answer *answer_issued(
	const struct messenger *messenger, struct session *session, const char *refresh_token)
{
	struct answer *answer = answer_new(200);
	cJSON *json = issue(messenger, session, refresh_token);
	answer_set_json(answer, json);
	cJSON_Delete(json);
	return answer;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What is wrong with an id token of the implicit flow (OpenID Connect Core section 3.2.2.11). */
static const char *id_token_wrong(const struct messenger *messenger, const cJSON *oauth)
{
	const char *token = json_string(oauth, "idToken");
	cJSON *claims = jwt_claims(token);
	const char *wrong = NULL;
	if (!claims || !jwt_is_ours(messenger->state->keys, token)) {
		wrong = "idToken is not signed by this server";
	} else if (!same(json_string(claims, "aud"), messenger->client->id)) {
		wrong = "idToken is of another deployment";
	} else if (json_int(claims, "exp", 0) <= time(NULL)) {
		wrong = "idToken has expired";
	} else if (!same(json_string(claims, "nonce"), json_string(oauth, "nonce"))) {
		wrong = "nonce is not that of idToken";
	}
	cJSON_Delete(claims);
	return wrong;
}

/* The code that is redeemed; NULL with *WRONG set. */
static struct code *redeem(
	const struct messenger *messenger, const cJSON *oauth, const char **wrong)
{
	cJSON *fields = cJSON_CreateObject();
	record_add(fields, "code", json_string(oauth, "code"));
	record_add(fields, "redirect_uri", json_string(oauth, "redirectUri"));
	record_add(fields, "code_verifier", json_string(oauth, "codeVerifier"));
	struct code *code = code_redeem(messenger->state->codes, messenger->client, fields, wrong);
	cJSON_Delete(fields);
	if (code && !same(code_nonce(code), json_string(oauth, "nonce"))) {
		*wrong = "nonce is not that of the authorization request";
	}
	return *wrong ? NULL : code;
}

static struct answer *exchange(const struct messenger *messenger)
{
	const cJSON *oauth = json_get(messenger->body, "oauth");
	const char *issuer = json_string(oauth, "iss");
	bool is_implicit = json_get(oauth, "idToken");
	char why[WHY_SIZE];
	const char *wrong = NULL;
	struct code *code = NULL;
	if (!schema_check(oauth_members, oauth, why, sizeof(why))) {
		return refuse(400, why);
	}
	if (!messenger->client) {
		return refuse(400, "there is no such deployment");
	}
	if (is_implicit == (json_get(oauth, "code") != NULL)) {
		return refuse(400, "oauth takes either code or idToken");
	}
	if (issuer && strcmp(issuer, messenger->issuer) != 0) {
		return refuse(400, "iss is another");
	}
	if (is_implicit) {
		wrong = id_token_wrong(messenger, oauth);
	} else {
		code = redeem(messenger, oauth, &wrong);
	}
	if (wrong) {
		return refuse(400, wrong);
	}
	struct session *session = session_begin(messenger->state->sessions, messenger->client);
	if (code) {
		code_bind(code, session);
	}
	return answer_issued(messenger, session, session_token(session));
}

static struct answer *refresh(const struct messenger *messenger)
{
	struct session_store *sessions = messenger->state->sessions;
	const char *token = json_string(messenger->body, "refreshToken");
	struct session *session = token ? session_find(sessions, token) : NULL;
	const char *issued = NULL;
	if (!session) {
		return refuse(401, "there is no such refresh token");
	}
	const char *wrong = session_use(sessions, messenger->client, token, &issued);
	return wrong ? refuse(401, wrong) : answer_issued(messenger, session, issued);
}

/* The answer of a rule that says all of it. */
static struct answer *replaced(const struct messenger *messenger)
{
	cJSON *json = fault_wants_token(messenger->rule) && messenger->client
			      ? issue(messenger, NULL, NULL)
			      : NULL;
	struct answer *answer = fault_answer(messenger->rule, json_string(json, "jwt"));
	cJSON_Delete(json);
	return answer;
}

/* The body, NULL where it is not what the endpoint takes; the caller deletes it. */
static cJSON *read_body(const struct server_request *request, bool is_exchange, char why[WHY_SIZE])
{
	const char *type = evhttp_find_header(request->headers, "Content-Type");
	cJSON *body = NULL;
	snprintf(why, WHY_SIZE, "the body has to be application/json");
	if (type && strcmp(type, "application/json") == 0 && request->body_len <= BODY_MAX) {
		body = json_parse(request->body, request->body_len);
	}
	if (body && !cJSON_IsObject(body)) {
		snprintf(why, WHY_SIZE, "the body has to be an object");
		cJSON_Delete(body);
		return NULL;
	}
	if (body && !schema_check(is_exchange ? exchange_members : refresh_members, body, why,
			    WHY_SIZE)) {
		cJSON_Delete(body);
		return NULL;
	}
	return body;
}

/* Whose request it is: the deployment's that it names, or whose refresh token it brings. */
static struct client *find_client(struct state *state, const cJSON *body)
{
	const char *token = json_string(body, "refreshToken");
	struct session *session = token ? session_find(state->sessions, token) : NULL;
	return client_find(state->clients,
		session ? session_client(session)->id : json_string(body, "deploymentId"));
}

struct answer *messenger_token(struct state *state, const struct server_request *request,
	const char *issuer, bool is_exchange, struct stats_ticket **ret_ticket)
{
	char why[WHY_SIZE];
	cJSON *body = read_body(request, is_exchange, why);
	char *correlation_id = codec_uuid();
	cJSON *record = record_new(request);
	struct messenger messenger = {
		.state = state,
		.body = body,
		.issuer = issuer,
		.client = find_client(state, body),
	};
	const char *id = messenger.client ? messenger.client->id : NULL;
	record_add(record, "client_id", id);
	record_add(record, "authorization", evhttp_find_header(request->headers, "Authorization"));
	cJSON_AddItemToObject(
		record, "fields", body ? cJSON_Duplicate(body, 1) : cJSON_CreateNull());
	record_add(record, "correlation_id", correlation_id);
	*ret_ticket = stats_begin(state->stats, record, request->earlier == 0);
	messenger.ticket = *ret_ticket;
	messenger.rule = fault_take(state->faults, true, request->path, id);

	struct answer *answer;
	if (fault_replaces(messenger.rule)) {
		answer = replaced(&messenger);
	} else if (!body) {
		answer = refuse(400, why);
	} else {
		answer = is_exchange ? exchange(&messenger) : refresh(&messenger);
	}
	answer_set_header(answer, "inin-correlation-id", correlation_id);
	fault_apply(messenger.rule, answer);
	free(correlation_id);
	cJSON_Delete(body);
	return answer;
}
