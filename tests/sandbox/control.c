#include "control.h"

#include "answer.h"
#include "client.h"
#include "device.h"
#include "fault.h"
#include "json.h"
#include "jwt.h"
#include "server.h"
#include "session.h"
#include "state.h"
#include "stats.h"
#include "token.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#define CONTROL_ERROR_SIZE 512
#define ID_TOKEN_LIFE_S    600

/* What an endpoint works on; it fills ERROR and returns NULL when INPUT is not what it takes. */
struct control {
	struct state *state;
	const struct server_request *request;
	const cJSON *input; /* the body of a POST; NULL without one */
	char error[CONTROL_ERROR_SIZE];
};

static cJSON *ok_json(void)
{
	cJSON *json = cJSON_CreateObject();
	cJSON_AddTrueToObject(json, "ok");
	return json;
}

static cJSON *set_rules(struct control *control)
{
	return fault_set(control->state->faults, control->input, control->error,
		       sizeof(control->error))
		       ? ok_json()
		       : NULL;
}

static cJSON *add_rule(struct control *control)
{
	return fault_add(control->state->faults, control->input, control->error,
		       sizeof(control->error))
		       ? ok_json()
		       : NULL;
}

static cJSON *get_rules(struct control *control)
{
	return fault_json(control->state->faults);
}

static cJSON *reset(struct control *control)
{
	fault_clear(control->state->faults);
	stats_reset(control->state->stats);
	return ok_json();
}

static cJSON *get_stats(struct control *control)
{
	return stats_json(control->state->stats);
}

static cJSON *get_requests(struct control *control)
{
	return stats_requests(control->state->stats);
}

static cJSON *get_revocations(struct control *control)
{
	return stats_revocations(control->state->stats);
}

static cJSON *set_clients(struct control *control)
{
	return client_put_all(control->state->clients, control->input, control->error,
		       sizeof(control->error))
		       ? ok_json()
		       : NULL;
}

static cJSON *get_sessions(struct control *control)
{
	return session_store_json(control->state->sessions);
}

/* As if a user had signed in: for those who begin with a refresh token. */
static cJSON *begin_session(struct control *control)
{
	const char *id = json_string(control->input, "client_id");
	struct client *client = client_find(control->state->clients, id);
	if (!client) {
		strcpy(control->error, "give the client_id of a client that is registered");
		return NULL;
	}
	return session_json(session_begin(control->state->sessions, client));
}

static cJSON *end_session(struct control *control)
{
	const char *token = json_string(control->input, "refresh_token");
	struct session *session = token ? session_find(control->state->sessions, token) : NULL;
	if (!session) {
		strcpy(control->error, "give a refresh_token of the session");
		return NULL;
	}
	session_end(session, "control");
	return session_json(session);
}

/* As the implicit flow brings one (OpenID Connect Core section 3.2.2.5). */
static cJSON *make_id_token(struct control *control)
{
	const char *id = json_string(control->input, "client_id");
	const char *nonce = json_string(control->input, "nonce");
	time_t now = time(NULL);
	if (!id || !nonce) {
		strcpy(control->error, "give client_id and nonce");
		return NULL;
	}
	cJSON *claims = cJSON_CreateObject();
	cJSON_AddStringToObject(claims, "iss", control->state->http_url);
	cJSON_AddStringToObject(claims, "sub", "user");
	cJSON_AddStringToObject(claims, "aud", id);
	cJSON_AddStringToObject(claims, "nonce", nonce);
	cJSON_AddNumberToObject(claims, "iat", (double)now);
	cJSON_AddNumberToObject(claims, "exp", (double)(now + ID_TOKEN_LIFE_S));
	char *token = jwt_sign(control->state->keys, JWT_ES256, claims);
	cJSON *json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "id_token", token);
	cJSON_Delete(claims);
	free(token);
	return json;
}

static cJSON *get_devices(struct control *control)
{
	return device_store_json(control->state->devices);
}

static cJSON *decide(struct control *control)
{
	const char *code = json_string(control->input, "user_code");
	const char *decision = json_string(control->input, "decision");
	if (!code || !decision || !device_decide(control->state->devices, code, decision)) {
		strcpy(control->error, "give the user_code of a device that waits, and the "
				       "decision: approve, deny or expire");
		return NULL;
	}
	return ok_json();
}

static cJSON *check_json(struct control *control, const char *token)
{
	const struct client *client = NULL;
	int64_t left_s = 0;
	cJSON *json = cJSON_CreateObject();
	bool active = token_check(control->state->tokens, token, &client, &left_s);
	cJSON_AddBoolToObject(json, "active", active);
	if (active) {
		cJSON_AddStringToObject(json, "client_id", client->id);
		cJSON_AddNumberToObject(json, "expires_in", (double)left_s);
	}
	return json;
}

static cJSON *check(struct control *control)
{
	struct evkeyvalq query;
	const char *token = json_string(control->input, "token");
	cJSON *json = NULL;
	TAILQ_INIT(&query);
	if (!token && control->request->query) {
		evhttp_parse_query_str(control->request->query, &query);
		token = evhttp_find_header(&query, "token");
	}
	if (token) {
		json = check_json(control, token);
	} else {
		strcpy(control->error, "give the token as ?token=… or as {\"token\": …}");
	}
	evhttp_clear_headers(&query);
	return json;
}

static const struct endpoint {
	const char *method;
	const char *path;
	cJSON *(*answer)(struct control *control);
	bool takes_json;
} endpoints[] = {
	{"POST", "rules", set_rules, true},
	{"GET", "rules", get_rules, false},
	{"POST", "rule", add_rule, true},
	{"POST", "reset", reset, false},
	{"GET", "stats", get_stats, false},
	{"GET", "requests", get_requests, false},
	{"GET", "revocations", get_revocations, false},
	{"POST", "clients", set_clients, true},
	{"GET", "sessions", get_sessions, false},
	{"POST", "session", begin_session, true},
	{"POST", "end", end_session, true},
	{"GET", "devices", get_devices, false},
	{"POST", "device", decide, true},
	{"POST", "id_token", make_id_token, true},
	{"GET", "check", check, false},
	{"POST", "check", check, true},
};

static struct answer *endpoint_answer(
	const struct endpoint *endpoint, struct state *state, const struct server_request *request)
{
	struct control control = {.state = state, .request = request};
	cJSON *input = NULL;
	if (endpoint->takes_json) {
		input = request->body_len ? json_parse(request->body, request->body_len) : NULL;
		if (!input) {
			return answer_error(400, "bad_control", "the body is not JSON");
		}
		control.input = input;
	}
	cJSON *json = endpoint->answer(&control);
	struct answer *answer = json ? answer_new(200)
				     : answer_error(400, "bad_control", control.error);
	if (json) {
		answer_set_json(answer, json);
	}
	cJSON_Delete(json);
	cJSON_Delete(input);
	return answer;
}

struct answer *control_answer(struct state *state, const struct server_request *request)
{
	const char *path = request->path + strlen(CONTROL_PREFIX);
	bool path_known = false;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		if (strcmp(endpoints[i].path, path) == 0) {
			path_known = true;
			if (strcmp(endpoints[i].method, request->method) == 0) {
				return endpoint_answer(&endpoints[i], state, request);
			}
		}
	}
	return path_known ? answer_error(405, "bad_control", "another method is needed here")
			  : answer_error(404, "bad_control", "no such control path; see --help");
}
