#include "revoke.h"

#include "answer.h"
#include "client.h"
#include "json.h"
#include "messenger.h"
#include "oauth.h"
#include "record.h"
#include "server.h"
#include "session.h"
#include "state.h"
#include "token.h"

#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BEARER_PREFIX "Bearer "

/* The token of an Authorization header, or NULL. */
static const char *bearer(const struct server_request *request)
{
	const char *authorization = evhttp_find_header(request->headers, "Authorization");
	size_t prefix_len = strlen(BEARER_PREFIX);
	bool is_bearer = authorization &&
			 strncasecmp(authorization, BEARER_PREFIX, prefix_len) == 0;
	return is_bearer ? authorization + prefix_len : NULL;
}

static struct answer *unauthorized(const struct server_request *request)
{
	bool came = evhttp_find_header(request->headers, "Authorization");
	struct answer *answer = answer_api_error(401,
		came ? "bad.credentials" : "authentication.required",
		"no valid access token was given");
	answer_set_header(answer, "WWW-Authenticate", "Bearer");
	return answer;
}

static struct answer *not_allowed(const char *allowed)
{
	struct answer *answer = answer_error(405, "invalid_request", "another method is needed");
	answer_set_header(answer, "Allow", allowed);
	return answer;
}

/* The smallest API: a token works here or it does not. */
static struct answer *tokens_me(struct state *state, const struct server_request *request)
{
	const char *token = bearer(request);
	const struct client *client = NULL;
	int64_t left_s = 0;
	if (!token || !token_check(state->tokens, token, &client, &left_s)) {
		return unauthorized(request);
	}
	cJSON *json = cJSON_CreateObject();
	cJSON *oauth_client = cJSON_AddObjectToObject(json, "OAuthClient");
	cJSON_AddStringToObject(oauth_client, "id", client->id);
	cJSON_AddNumberToObject(json, "expires_in", (double)left_s);
	if (strcmp(request->method, "DELETE") == 0) {
		token_revoke(state->tokens, token);
	}
	struct answer *answer = answer_new(200);
	answer_set_json(answer, json);
	cJSON_Delete(json);
	return answer;
}

static void end_session(struct session *session)
{
	if (session) {
		session_end(session, "revoked");
	}
}

/* The messenger's logout ends the session with the JWT. */
static struct answer *messenger_revoke(struct state *state, const struct server_request *request)
{
	const char *token = bearer(request);
	const struct client *client = NULL;
	int64_t left_s = 0;
	if (strcmp(request->method, "DELETE") != 0) {
		return not_allowed("DELETE");
	}
	if (!token || !token_check(state->tokens, token, &client, &left_s)) {
		return unauthorized(request);
	}
	end_session(token_session(state->tokens, token));
	token_revoke(state->tokens, token);
	return answer_new(204);
}

/* RFC 7009 section 2.2: a token that is not known, or another client's, is no error. */
static void revoke(struct state *state, const struct client *client, const char *token)
{
	const struct client *owner = NULL;
	int64_t left_s = 0;
	struct session *session = session_find(state->sessions, token);
	if (session && session_client(session) == client) {
		session_end(session, "revoked");
	}
	if (token_check(state->tokens, token, &owner, &left_s) && owner == client) {
		token_revoke(state->tokens, token);
	}
}

static struct answer *rfc7009(struct state *state, const struct server_request *request)
{
	const char *wrong = NULL;
	struct client_auth auth;
	if (strcmp(request->method, "POST") != 0) {
		return not_allowed("POST");
	}
	cJSON *fields = oauth_form(request, &wrong);
	char *issuer = oauth_issuer(state, request, REVOKE_PATH);
	const char *token = json_string(fields, "token");
	struct answer *answer;
	oauth_authenticate(state, request, issuer, fields, &auth);
	if (!token) {
		answer = answer_error(400, "invalid_request", wrong ? wrong : "token is missing");
	} else if (!auth.proven) {
		answer = answer_error(401, "invalid_client", auth.wrong);
	} else {
		revoke(state, auth.client, token);
		answer = answer_new(200);
	}
	client_auth_done(&auth);
	free(issuer);
	cJSON_Delete(fields);
	return answer;
}

static const struct endpoint {
	const char *suffix;
	const char *method; /* that ends a token */
	struct answer *(*answer)(struct state *state, const struct server_request *request);
} endpoints[] = {
	{TOKENS_ME_PATH, "DELETE", tokens_me},
	{MESSENGER_REVOKE_PATH, "DELETE", messenger_revoke},
	{REVOKE_PATH, "POST", rfc7009},
};

static const struct endpoint *endpoint_find(const char *path)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		size_t suffix_len = strlen(endpoints[i].suffix);
		if (len >= suffix_len &&
			strcmp(path + len - suffix_len, endpoints[i].suffix) == 0) {
			return &endpoints[i];
		}
	}
	return NULL;
}

struct answer *revoke_answer(struct state *state, const struct server_request *request)
{
	const struct endpoint *endpoint = endpoint_find(request->path);
	return endpoint ? endpoint->answer(state, request) : NULL;
}

cJSON *revoke_record(const struct server_request *request)
{
	const struct endpoint *endpoint = endpoint_find(request->path);
	const char *wrong = NULL;
	if (!endpoint || strcmp(endpoint->method, request->method) != 0) {
		return NULL;
	}
	cJSON *record = record_new(request);
	cJSON *fields = oauth_form(request, &wrong);
	cJSON_DeleteItemFromObjectCaseSensitive(fields, "client_secret");
	const char *token = json_string(fields, "token");
	record_add(record, "token", token ? token : bearer(request));
	cJSON_AddItemToObject(record, "fields", fields ? fields : cJSON_CreateNull());
	return record;
}
