#include "dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "core/quota.h"
#include "core/settings.h"
#include "endpoints.h"
#include "proto/answered.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "providers.h"

enum { DISPATCH_TEXT_SIZE = 512 };

struct dispatch {
	struct call_shared shared;
	struct request request; /* the one at hand; it is large */
};

struct dispatch *dispatch_new(struct broker *broker, struct quota *quota,
	struct providers *providers, struct events *events, const struct call_ops *ops,
	void *context, int64_t started_ms)
{
	struct dispatch *dispatch = calloc(1, sizeof(*dispatch));

	if (!dispatch) {
		return NULL;
	}
	dispatch->shared = (struct call_shared){
		.broker = broker,
		.quota = quota,
		.providers = providers,
		.events = events,
		.ops = ops,
		.context = context,
		.started_ms = started_ms,
		.rights = endpoints_rights(),
		.out_of_memory = message_error(ERROR_INTERNAL, "The daemon is out of memory", 0),
	};
	if (!dispatch->shared.out_of_memory) {
		free(dispatch);
		return NULL;
	}
	return dispatch;
}

void dispatch_free(struct dispatch *dispatch)
{
	if (dispatch) {
		payload_unref(dispatch->shared.out_of_memory);
		free(dispatch);
	}
}

/* ---- checks */

static const struct {
	const char *name;
	enum call_type type;
} parameters[PARAMETERS] = {
#define X(symbol, name, type) [PARAMETER_##symbol] = {name, type},
	CALL_PARAMETERS(X)
#undef X
};

static const char *const type_names[] = {
	[CALL_NUMBER] = "a number",
	[CALL_STRING] = "a string",
	[CALL_BOOLEAN] = "true or false",
	[CALL_STRINGS] = "an array of strings",
	[CALL_ANY] = "anything",
};

static bool has_type(const struct parameter *parameter, enum call_type type)
{
	switch (type) {
	case CALL_NUMBER:
		return parameter->value.type == JSON_NUMBER;
	case CALL_STRING:
		return parameter->value.type == JSON_STRING;
	case CALL_BOOLEAN:
		return parameter->value.type == JSON_WORD && parameter->value.text[0] != 'n';
	case CALL_STRINGS:
		return parameter->strings;
	case CALL_ANY:
		return true;
	}
	return false;
}

static bool take_parameter(struct call *call, unsigned number, const struct parameter *parameter)
{
	call->given[number] = parameter;
	return has_type(parameter, parameters[number].type) ||
	       call_fail(call, ERROR_INVALID_REQUEST, "%s has to be %s", parameters[number].name,
		       type_names[parameters[number].type]);
}

static bool read_parameter(struct call *call, const struct parameter *parameter)
{
	for (unsigned i = 0; i < PARAMETERS; i++) {
		if ((call->endpoint->parameters >> i & 1) &&
			json_is(&parameter->name, parameters[i].name)) {
			return take_parameter(call, i, parameter);
		}
	}
	return call_fail(call, ERROR_INVALID_REQUEST, "%s takes no parameter \"%.64s\"",
		call->endpoint->name, parameter->name.text);
}

static bool read_parameters(struct call *call)
{
	const struct request *request = call->request;

	for (unsigned i = 0; i < request->n_parameters; i++) {
		if (!read_parameter(call, &request->parameters[i])) {
			return false;
		}
	}
	return !call->endpoint->check || call->endpoint->check(call);
}

/* Without a configuration, each request is answered with the reason; but for one that may change
 * that. */
static bool check_configured(const struct call *call)
{
	const char *why = call->shared->ops->unconfigured(call->shared->context);

	if (!why || endpoints_configures(call)) {
		return true;
	}
	call_answer_error(call->shared, call->session, call->request->head, call->request->head_len,
		ERROR_INTERNAL, why, 0);
	return false;
}

static void call_endpoint(struct call *call)
{
	call->endpoint = endpoints_find(call->request->name);
	if (!check_configured(call)) {
		return;
	}
	if (!call->endpoint) {
		call_fail(call, ERROR_UNKNOWN_REQUEST,
			"There is no request \"%.128s\"; system.getAllowedServices lists what you "
			"may call",
			call->request->name);
		return;
	}
	if (read_parameters(call) &&
		(call->endpoint->right == ACCESS_RIGHTS || !call_profile_name(call) ||
			call_find_profile(call, 1U << call->endpoint->right))) {
		call->endpoint->handle(call);
	}
}

/* Counts a request. Whether its user may make one, else it has been told. */
static bool admit(struct dispatch *dispatch, struct session *session, const char *head,
	size_t head_len, int64_t now_ms)
{
	int64_t refused_ms = quota_request(dispatch->shared.quota, session->user, now_ms);

	dispatch->shared.requests++;
	if (refused_ms > 0) {
		call_answer_error(&dispatch->shared, session, head, head_len, ERROR_RATE_LIMITED,
			"Your user has made more requests a minute than rate_limit allows",
			(refused_ms + 999) / 1000);
	}
	return refused_ms <= 0;
}

/* An answer of a provider. One that is waited for is no request of its user. */
static void take_answer(
	struct dispatch *dispatch, struct session *session, char *line, size_t len, int64_t now_ms)
{
	struct call_shared *shared = &dispatch->shared;
	enum providers_answer taken = PROVIDERS_STRAY;
	char why[PROVIDERS_WHY_SIZE];
	struct answered answered;

	if (answered_read(&answered, line, len, why)) {
		taken = providers_answer(shared->providers, session, &answered, why);
	}
	if (taken == PROVIDERS_TAKEN ||
		(taken == PROVIDERS_STRAY &&
			!admit(dispatch, session, answered.head, answered.head_len, now_ms))) {
		return;
	}
	call_answer_error(
		shared, session, answered.head, answered.head_len, ERROR_INVALID_REQUEST, why, 0);
}

bool dispatch_line(
	struct dispatch *dispatch, struct session *session, char *line, size_t len, int64_t now_ms)
{
	struct request *request = &dispatch->request;
	char why[MESSAGE_WHY_MAX] __attribute__((uninitialized));
	bool fatal = false, parsed;
	struct call call = {
		.shared = &dispatch->shared,
		.session = session,
		.request = request,
		.now_ms = now_ms,
	};

	parsed = request_parse(request, line, len, why, &fatal);
	if (parsed && !request->name) {
		take_answer(dispatch, session, line, len, now_ms);
		return true;
	}
	if (!parsed) {
		dispatch->shared.requests++;
		quota_request(dispatch->shared.quota, session->user, now_ms);
		call_answer_error(&dispatch->shared, session, request->head, request->head_len,
			ERROR_INVALID_REQUEST, why, 0);
	} else if (admit(dispatch, session, request->head, request->head_len, now_ms)) {
		call_endpoint(&call);
	}
	return !fatal;
}

void dispatch_too_long(struct dispatch *dispatch, struct session *session)
{
	char text[DISPATCH_TEXT_SIZE];

	dispatch->shared.requests++;
	snprintf(text, sizeof(text),
		"A request is one line of at most %d bytes; the connection is closed",
		FRAME_LINE_MAX);
	call_answer_error(&dispatch->shared, session, MESSAGE_HEAD_NONE, strlen(MESSAGE_HEAD_NONE),
		ERROR_INVALID_REQUEST, text, 0);
}
