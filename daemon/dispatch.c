#include "dispatch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/broker.h"
#include "core/quota.h"
#include "core/settings.h"
#include "core/token.h"
#include "outcome.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "view.h"

enum {
	DISPATCH_TEXT_SIZE = 512,
	DISPATCH_RELOAD_TEXT_SIZE = 8 * 1024,
	MIN_VALIDITY_MAX_S = 1000000000, /* anything above counts as this; 75 % of a lifetime is the
					    limit anyway */
};

static const char default_profile[] = "default";

struct dispatch {
	struct broker *broker;
	struct quota *quota;
	const struct dispatch_ops *ops;
	void *context;
	int64_t started_ms;
	struct payload *out_of_memory; /* what is answered when nothing can be rendered */
	uint64_t requests, tokens;     /* lines taken; tokens handed out */
	uint64_t errors[ERROR_CODES];  /* answers by code */
	struct request request;        /* the one at hand; it is large */
};

/* A request that waits for a flight. */
struct pending {
	struct waiter waiter;
	LIST_ENTRY(pending) link; /* in session->waiting */
	struct dispatch *dispatch;
	struct session *session;
	enum access_right right;
	size_t head_len;
	char head[];
};

/* A request on its way through the checks. */
struct call {
	struct dispatch *dispatch;
	struct session *session;
	const struct request *request;
	const struct endpoint *endpoint;
	struct profile *profile; /* of endpoints that have one */
	int64_t now_ms;
	const char *profile_name;
	struct broker_want want;
};

struct endpoint {
	const char *name;
	enum access_right right; /* ACCESS_RIGHTS: open to all, or checked by the handler */
	unsigned parameters;     /* which it takes */
	void (*handle)(struct call *call);
};

enum parameter_set {
	PARAMETER_PROFILE = 1 << 0,
	PARAMETER_MIN_VALIDITY = 1 << 1,
	PARAMETER_REJECTED_TOKEN = 1 << 2,
};

struct dispatch *dispatch_new(struct broker *broker, struct quota *quota,
	const struct dispatch_ops *ops, void *context, int64_t started_ms)
{
	struct dispatch *dispatch = calloc(1, sizeof(*dispatch));

	if (!dispatch) {
		return NULL;
	}
	dispatch->broker = broker;
	dispatch->quota = quota;
	dispatch->ops = ops;
	dispatch->context = context;
	dispatch->started_ms = started_ms;
	dispatch->out_of_memory = message_error(ERROR_INTERNAL, "The daemon is out of memory", 0);
	if (!dispatch->out_of_memory) {
		free(dispatch);
		return NULL;
	}
	return dispatch;
}

void dispatch_free(struct dispatch *dispatch)
{
	if (dispatch) {
		payload_unref(dispatch->out_of_memory);
		free(dispatch);
	}
}

/* ---- answers */

/* payload is borrowed; NULL where there was no memory to render one. */
static void answer(struct dispatch *dispatch, struct session *session, const char *head,
	size_t head_len, struct payload *payload)
{
	session->ops->answer(session, head, head_len, payload ? payload : dispatch->out_of_memory);
}

static void answer_owned(struct dispatch *dispatch, struct session *session, const char *head,
	size_t head_len, struct payload *payload)
{
	answer(dispatch, session, head, head_len, payload);
	payload_unref(payload);
}

static void answer_error(struct dispatch *dispatch, struct session *session, const char *head,
	size_t head_len, enum error_code code, const char *text, int64_t retry_after_s)
{
	dispatch->errors[code]++;
	answer_owned(dispatch, session, head, head_len, message_error(code, text, retry_after_s));
}

__attribute__((format(printf, 3, 4))) static bool fail(
	const struct call *call, enum error_code code, const char *format, ...)
{
	char text[DISPATCH_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	answer_error(call->dispatch, call->session, call->request->head, call->request->head_len,
		code, text, 0);
	return false;
}

static void answer_data(const struct call *call, cJSON *data)
{
	answer_owned(call->dispatch, call->session, call->request->head, call->request->head_len,
		message_data(data));
}

static int64_t wall_offset(const struct dispatch *dispatch)
{
	return dispatch->ops->wall_offset(dispatch->context);
}

/* Rendered once, when it is first handed out. */
static struct payload *token_payload(const struct dispatch *dispatch, struct token *token)
{
	return token->rendered ? token->rendered : view_token(token, wall_offset(dispatch));
}

/* The answer to a request for a token or a refresh, now or after a wait. */
static void answer_outcome(struct dispatch *dispatch, struct session *session, const char *head,
	size_t head_len, enum access_right right, const struct profile *profile,
	const struct answer *outcome)
{
	if (outcome->outcome != OUTCOME_TOKEN) {
		dispatch->errors[outcome_code(outcome->outcome)]++;
		answer_owned(dispatch, session, head, head_len, outcome_payload(outcome));
	} else if (right == ACCESS_REFRESH) {
		answer_owned(dispatch, session, head, head_len,
			message_data(view_profile(profile, wall_offset(dispatch))));
	} else {
		dispatch->tokens++;
		answer(dispatch, session, head, head_len, token_payload(dispatch, outcome->token));
	}
}

/* ---- waiting */

static void pending_free(struct pending *pending)
{
	LIST_REMOVE(pending, link);
	quota_wait_end(pending->dispatch->quota, pending->session->user);
	free(pending);
}

static void pending_done(struct waiter *waiter, const struct answer *outcome)
{
	struct pending *pending = (struct pending *)waiter;
	struct session *session = pending->session;
	struct answer answer = *outcome;

	answer.wait_ms = waiter->wait_ms;
	answer_outcome(pending->dispatch, session, pending->head, pending->head_len, pending->right,
		waiter->profile, &answer);
	pending_free(pending);
	session->ops->pending(session, -1);
}

static void wait_for(const struct call *call, enum waiter_kind kind)
{
	const struct request *request = call->request;
	struct pending *pending;

	if (!quota_may_wait(call->dispatch->quota, call->session->user)) {
		answer_error(call->dispatch, call->session, request->head, request->head_len,
			ERROR_RATE_LIMITED,
			"Too many requests of yours are waiting for a token; try again shortly", 1);
		return;
	}
	pending = malloc(sizeof(*pending) + request->head_len);
	if (!pending) {
		fail(call, ERROR_INTERNAL, "The daemon is out of memory");
		return;
	}
	*pending = (struct pending){
		.waiter.done = pending_done,
		.dispatch = call->dispatch,
		.session = call->session,
		.right = call->endpoint->right,
		.head_len = request->head_len,
	};
	memcpy(pending->head, request->head, request->head_len);
	LIST_INSERT_HEAD(&call->session->waiting, pending, link);
	quota_wait(call->dispatch->quota, call->session->user);
	call->session->ops->pending(call->session, 1);
	broker_wait(call->dispatch->broker, call->profile, kind, &pending->waiter, call->now_ms);
}

void session_init(struct session *session, const struct session_ops *ops,
	const struct access_subject *who, struct quota_user *user)
{
	*session = (struct session){.ops = ops, .who = *who, .user = user};
	LIST_INIT(&session->waiting);
}

void session_done(struct session *session, struct dispatch *dispatch)
{
	struct pending *pending;

	while ((pending = LIST_FIRST(&session->waiting))) {
		broker_forget(dispatch->broker, &pending->waiter);
		pending_free(pending);
	}
}

bool dispatch_may_still(const struct waiter *waiter)
{
	const struct pending *pending = (const struct pending *)waiter;

	return access_allows(
		waiter->profile->settings->allow, &pending->session->who, pending->right);
}

/* ---- endpoints */

static void answer_or_wait(struct call *call, const struct answer *outcome)
{
	if (outcome->outcome == OUTCOME_WAITS) {
		wait_for(call, outcome->kind);
		return;
	}
	answer_outcome(call->dispatch, call->session, call->request->head, call->request->head_len,
		call->endpoint->right, call->profile, outcome);
}

static void get_jwt_token(struct call *call)
{
	struct answer outcome = broker_get(
		call->dispatch->broker, call->profile, &call->want, call->now_ms);

	answer_or_wait(call, &outcome);
}

static void refresh(struct call *call)
{
	struct answer outcome = broker_refresh(call->dispatch->broker, call->profile, call->now_ms);

	answer_or_wait(call, &outcome);
}

static void get_token_info(struct call *call)
{
	answer_data(call, view_profile(call->profile, wall_offset(call->dispatch)));
}

static void get_allowed_services(struct call *call);

static void add_counter(cJSON *object, const char *name, uint64_t value)
{
	cJSON_AddItemToObject(object, name, view_number((int64_t)value));
}

static cJSON *view_counters(const struct dispatch *dispatch)
{
	const struct broker_counters upstream = broker_counters(dispatch->broker);
	cJSON *object = cJSON_CreateObject();
	cJSON *errors = cJSON_CreateObject();

	add_counter(object, "requests", dispatch->requests);
	add_counter(object, "tokensHandedOut", dispatch->tokens);
	add_counter(object, "waiting", quota_waiters(dispatch->quota));
	add_counter(object, "upstreamRequests", upstream.attempts);
	add_counter(object, "upstreamTokens", upstream.tokens);
	add_counter(object, "upstreamFailures", upstream.failures);
	for (enum error_code code = 0; code < ERROR_CODES; code++) {
		add_counter(errors, error_name(code), dispatch->errors[code]);
	}
	cJSON_AddItemToObject(object, "errors", errors);
	return object;
}

static void get_status(struct call *call)
{
	struct dispatch *dispatch = call->dispatch;
	int64_t offset = wall_offset(dispatch);
	struct profile *const *profiles;
	size_t n = broker_profiles(dispatch->broker, &profiles);
	cJSON *data = cJSON_CreateObject();
	cJSON *list = cJSON_CreateArray();

	cJSON_AddStringToObject(data, "version", GCTOKEND_VERSION);
	add_counter(data, "pid", (uint64_t)getpid());
	cJSON_AddItemToObject(data, "startedAt", view_time(dispatch->started_ms, offset));
	add_counter(data, "connections", quota_connections(dispatch->quota));
	cJSON_AddItemToObject(data, "counters", view_counters(dispatch));
	for (size_t i = 0; i < n; i++) {
		if (access_allows(profiles[i]->settings->allow, &call->session->who,
			    ACCESS_GET_TOKEN_INFO)) {
			cJSON_AddItemToArray(list, view_profile(profiles[i], offset));
		}
	}
	cJSON_AddItemToObject(data, "profiles", list);
	answer_data(call, data);
}

static bool may_reload(const struct call *call)
{
	return call->session->who.privileged ||
	       access_allows(call->dispatch->ops->rules(call->dispatch->context),
		       &call->session->who, ACCESS_RELOAD);
}

static void reload(struct call *call)
{
	char why[DISPATCH_RELOAD_TEXT_SIZE];
	cJSON *data;

	if (!may_reload(call)) {
		fail(call, ERROR_ACCESS_DENIED,
			"You may not call system.reload; root, the daemon's user and those in "
			"[daemon] allow may");
		return;
	}
	if (!call->dispatch->ops->reload(call->dispatch->context, why, sizeof(why))) {
		answer_error(call->dispatch, call->session, call->request->head,
			call->request->head_len, ERROR_INTERNAL, why, 0);
		return;
	}
	data = cJSON_CreateObject();
	cJSON_AddNumberToObject(data, "profiles",
		(double)broker_profiles(call->dispatch->broker, &(struct profile *const *){NULL}));
	answer_data(call, data);
}

static const struct endpoint endpoints[] = {
	{"auth.getJwtToken", ACCESS_GET_JWT_TOKEN,
		PARAMETER_PROFILE | PARAMETER_MIN_VALIDITY | PARAMETER_REJECTED_TOKEN,
		get_jwt_token},
	{"auth.getTokenInfo", ACCESS_GET_TOKEN_INFO, PARAMETER_PROFILE, get_token_info},
	{"auth.refresh", ACCESS_REFRESH, PARAMETER_PROFILE, refresh},
	{"system.getAllowedServices", ACCESS_RIGHTS, 0, get_allowed_services},
	{"system.getStatus", ACCESS_RIGHTS, 0, get_status},
	{"system.reload", ACCESS_RIGHTS, 0, reload},
};

enum { ENDPOINTS = sizeof(endpoints) / sizeof(*endpoints) };

/* The rights on profiles that this version has an endpoint for. */
static unsigned known_rights(void)
{
	unsigned rights = 0;

	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (endpoints[i].right != ACCESS_RIGHTS) {
			rights |= 1U << endpoints[i].right;
		}
	}
	return rights;
}

static void get_allowed_services(struct call *call)
{
	struct profile *const *profiles;
	size_t n = broker_profiles(call->dispatch->broker, &profiles);
	unsigned granted = 0, known = known_rights();
	cJSON *data = cJSON_CreateObject();
	cJSON *services = cJSON_AddArrayToObject(data, "services");
	cJSON *names = cJSON_AddArrayToObject(data, "profiles");

	for (size_t i = 0; i < n; i++) {
		unsigned rights = access_rights(profiles[i]->settings->allow, &call->session->who) &
				  known;

		granted |= rights;
		if (rights != 0) {
			cJSON_AddItemToArray(
				names, cJSON_CreateString(profiles[i]->settings->name));
		}
	}
	for (size_t i = 0; i < ENDPOINTS; i++) {
		bool allowed = endpoints[i].handle == reload
				       ? may_reload(call)
				       : endpoints[i].right == ACCESS_RIGHTS ||
						 (granted >> endpoints[i].right & 1);

		if (allowed) {
			cJSON_AddItemToArray(services, cJSON_CreateString(endpoints[i].name));
		}
	}
	answer_data(call, data);
}

/* ---- checks */

static const struct endpoint *endpoint_find(const char *name)
{
	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (strcmp(endpoints[i].name, name) == 0) {
			return &endpoints[i];
		}
	}
	return NULL;
}

static bool read_parameter(struct call *call, const struct parameter *parameter)
{
	const struct json_value *name = &parameter->name, *value = &parameter->value;
	unsigned takes = call->endpoint->parameters;

	if ((takes & PARAMETER_PROFILE) && json_is(name, "profile")) {
		call->profile_name = value->text;
		return value->type == JSON_STRING ||
		       fail(call, ERROR_INVALID_REQUEST, "profile has to be a string");
	}
	if ((takes & PARAMETER_MIN_VALIDITY) && json_is(name, "minValidity")) {
		if (value->type != JSON_NUMBER || parameter->number < 0) {
			return fail(call, ERROR_INVALID_REQUEST,
				"minValidity has to be a number of seconds, 0 or more");
		}
		call->want.min_validity_ms = parameter->number < MIN_VALIDITY_MAX_S
						     ? (int64_t)(parameter->number * 1000)
						     : MIN_VALIDITY_MAX_S * INT64_C(1000);
		return true;
	}
	if ((takes & PARAMETER_REJECTED_TOKEN) && json_is(name, "rejectedToken")) {
		call->want.rejected = value->text;
		call->want.rejected_len = value->len;
		return value->type == JSON_STRING ||
		       fail(call, ERROR_INVALID_REQUEST, "rejectedToken has to be a string");
	}
	return fail(call, ERROR_INVALID_REQUEST, "%s takes no parameter \"%.64s\"",
		call->endpoint->name, name->text);
}

static bool read_parameters(struct call *call)
{
	const struct request *request = call->request;

	call->profile_name = default_profile;
	for (unsigned i = 0; i < request->n_parameters; i++) {
		if (!read_parameter(call, &request->parameters[i])) {
			return false;
		}
	}
	return true;
}

/* Those who are not privileged are not told whether a profile exists. */
static bool check_access(struct call *call)
{
	if (call->endpoint->right == ACCESS_RIGHTS) {
		return true;
	}
	call->profile = broker_find(call->dispatch->broker, call->profile_name);
	if (!call->profile && call->session->who.privileged) {
		return fail(call, ERROR_ACCESS_DENIED,
			"There is no profile \"%.64s\"; system.getStatus lists those there are",
			call->profile_name);
	}
	if (!call->profile || !access_allows(call->profile->settings->allow, &call->session->who,
				      call->endpoint->right)) {
		return fail(call, ERROR_ACCESS_DENIED,
			"You may not call %s for profile \"%.64s\"; the profile's allow has to "
			"name it for your user or group",
			call->endpoint->name, call->profile_name);
	}
	return true;
}

static void call_endpoint(struct call *call)
{
	call->endpoint = endpoint_find(call->request->name);
	if (!call->endpoint) {
		fail(call, ERROR_UNKNOWN_REQUEST,
			"There is no request \"%.128s\"; system.getAllowedServices lists what you "
			"may call",
			call->request->name);
		return;
	}
	if (read_parameters(call) && check_access(call)) {
		call->endpoint->handle(call);
	}
}

bool dispatch_line(
	struct dispatch *dispatch, struct session *session, char *line, size_t len, int64_t now_ms)
{
	struct request *request = &dispatch->request;
	char why[MESSAGE_WHY_MAX] __attribute__((uninitialized));
	bool fatal = false, parsed;
	int64_t refused_ms;
	struct call call = {
		.dispatch = dispatch,
		.session = session,
		.request = request,
		.now_ms = now_ms,
	};

	dispatch->requests++;
	refused_ms = quota_request(dispatch->quota, session->user, now_ms);
	parsed = request_parse(request, line, len, why, &fatal);
	if (!parsed) {
		answer_error(dispatch, session, request->head, request->head_len,
			ERROR_INVALID_REQUEST, why, 0);
	} else if (refused_ms > 0) {
		answer_error(dispatch, session, request->head, request->head_len,
			ERROR_RATE_LIMITED,
			"Your user has made more requests a minute than rate_limit allows",
			(refused_ms + 999) / 1000);
	} else {
		call_endpoint(&call);
	}
	return !fatal;
}

void dispatch_too_long(struct dispatch *dispatch, struct session *session)
{
	char text[DISPATCH_TEXT_SIZE];

	dispatch->requests++;
	snprintf(text, sizeof(text),
		"A request is one line of at most %d bytes; the connection is closed",
		FRAME_LINE_MAX);
	answer_error(dispatch, session, MESSAGE_HEAD_NONE, strlen(MESSAGE_HEAD_NONE),
		ERROR_INVALID_REQUEST, text, 0);
}
