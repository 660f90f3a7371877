#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "core/quota.h"
#include "core/settings.h"
#include "core/token.h"
#include "outcome.h"
#include "proto/message.h"
#include "view.h"

enum { CALL_TEXT_SIZE = 1024 };

static const char default_profile[] = "default";

/* A request that waits for a flight. */
struct pending {
	struct waiter waiter;
	LIST_ENTRY(pending) link; /* in session->waiting */
	struct call_shared *shared;
	struct session *session;
	enum access_right right;
	size_t head_len;
	char head[];
};

const char *call_text(const struct call *call, enum call_parameter parameter)
{
	return call->given[parameter] ? call->given[parameter]->value.text : NULL;
}

const char *call_profile_name(const struct call *call)
{
	const char *name = call_text(call, PARAMETER_PROFILE);

	if (!(call->endpoint->parameters >> PARAMETER_PROFILE & 1)) {
		return NULL;
	}
	if (name) {
		return name;
	}
	return call->session->own_profile ? call->session->own_profile : default_profile;
}

int64_t call_wall_offset(const struct call_shared *shared)
{
	return shared->ops->wall_offset(shared->context);
}

/* ---- audit */

void call_hands_out(struct call_shared *shared, struct session *session,
	const struct profile *profile, const char *endpoint)
{
	shared->tokens++;
	if (profile_set_add(&session->seen, profile->number)) {
		shared->ops->audit(shared->context, &(struct call_audit){
							    .kind = AUDIT_TOKEN,
							    .session = session,
							    .profile = profile->settings->name,
							    .endpoint = endpoint,
						    });
	}
}

void call_denies(const struct call_shared *shared, struct session *session, const char *endpoint,
	const char *profile)
{
	shared->ops->audit(shared->context,
		&(struct call_audit){
			.kind = AUDIT_DENIAL,
			.session = session,
			.profile = profile,
			.unknown = profile && !broker_find(shared->broker, profile),
			.endpoint = endpoint,
		});
}

/* ---- answers */

static void answer(struct call_shared *shared, struct session *session, const char *head,
	size_t head_len, struct payload *payload)
{
	session->ops->answer(session, head, head_len, payload ? payload : shared->out_of_memory);
}

static void answer_owned(struct call_shared *shared, struct session *session, const char *head,
	size_t head_len, struct payload *payload)
{
	answer(shared, session, head, head_len, payload);
	payload_unref(payload);
}

void call_answer_error(struct call_shared *shared, struct session *session, const char *head,
	size_t head_len, enum error_code code, const char *text, int64_t retry_after_s)
{
	shared->errors[code]++;
	answer_owned(shared, session, head, head_len, message_error(code, text, retry_after_s));
}

static void answer_denied(const struct call *call, const char *profile, const char *text)
{
	call_denies(call->shared, call->session, call->endpoint->name, profile);
	call_answer_error(call->shared, call->session, call->request->head, call->request->head_len,
		ERROR_ACCESS_DENIED, text, 0);
}

bool call_fail(const struct call *call, enum error_code code, const char *format, ...)
{
	char text[CALL_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (code == ERROR_ACCESS_DENIED) {
		answer_denied(call, call_profile_name(call), text);
	} else {
		call_answer_error(call->shared, call->session, call->request->head,
			call->request->head_len, code, text, 0);
	}
	return false;
}

/* A profile's own command may be its provider, whatever the rules say. */
static unsigned rights_on(const struct profile *profile, const struct session *session)
{
	bool is_own = session->own_profile &&
		      strcmp(session->own_profile, profile->settings->name) == 0;

	return access_rights(profile->settings->allow, &session->who) |
	       (is_own ? 1U << ACCESS_REGISTER : 0);
}

/* Not a part of what follows, which each request for a token goes through: text costs it time. */
__attribute__((noinline)) static void deny(const struct call *call, const char *name, bool exists)
{
	char text[CALL_TEXT_SIZE];

	if (!exists && call->session->who.privileged) {
		snprintf(text, sizeof(text),
			"There is no profile \"%.64s\"; system.getStatus lists those there are",
			name);
	} else {
		snprintf(text, sizeof(text),
			"You may not call %s for profile \"%.64s\"; the profile's allow has to "
			"name %s for your user, group or unit",
			call->endpoint->name, name,
			call->endpoint->right == ACCESS_RIGHTS ? "anything" : "it");
	}
	answer_denied(call, name, text);
}

struct profile *call_allowed_profile(const struct call *call, const char *name, unsigned rights)
{
	struct profile *profile = broker_find(call->shared->broker, name);

	if (profile && (rights_on(profile, call->session) & rights)) {
		return profile;
	}
	deny(call, name, profile);
	return NULL;
}

bool call_find_profile(struct call *call, unsigned rights)
{
	call->profile = call_allowed_profile(call, call_profile_name(call), rights);
	return call->profile;
}

void call_answer_data(const struct call *call, cJSON *data)
{
	answer_owned(call->shared, call->session, call->request->head, call->request->head_len,
		message_data(data));
}

/* Rendered once, when it is first handed out. */
static struct payload *token_payload(const struct call_shared *shared, struct token *token)
{
	struct payload *payload = token->rendered[TOKEN_IN_REPLY];

	return payload ? payload : view_token(token, call_wall_offset(shared));
}

/* The answer to a request for a token, or for the profile that has one now, at once or after a
 * wait. */
static void answer_outcome(struct call_shared *shared, struct session *session, const char *head,
	size_t head_len, enum access_right right, const struct profile *profile,
	const struct answer *outcome)
{
	if (outcome->outcome == OUTCOME_DENIED) {
		call_denies(shared, session, access_name(right), profile->settings->name);
	}
	if (outcome->outcome == OUTCOME_LOGGED_OUT) {
		answer_owned(shared, session, head, head_len,
			message_data(view_logout(profile, outcome, call_wall_offset(shared))));
	} else if (outcome->outcome == OUTCOME_USER_CODE) {
		answer_owned(shared, session, head, head_len,
			message_data(view_device(outcome->device, call_wall_offset(shared))));
	} else if (outcome->outcome != OUTCOME_TOKEN) {
		shared->errors[outcome_code(outcome->outcome)]++;
		answer_owned(shared, session, head, head_len, outcome_payload(outcome));
	} else if (right != ACCESS_GET_JWT_TOKEN) {
		answer_owned(shared, session, head, head_len,
			message_data(view_profile(profile, call_wall_offset(shared))));
	} else {
		call_hands_out(shared, session, profile, access_name(right));
		answer(shared, session, head, head_len, token_payload(shared, outcome->token));
	}
}

/* ---- waiting */

static void pending_free(struct pending *pending)
{
	LIST_REMOVE(pending, link);
	quota_wait_end(pending->shared->quota, pending->session->user);
	free(pending);
}

static void pending_done(struct waiter *waiter, const struct answer *outcome)
{
	struct pending *pending = (struct pending *)waiter;
	struct session *session = pending->session;
	struct answer answer = *outcome;

	answer.kind = waiter->kind;
	answer.wait_ms = waiter->wait_ms;
	answer_outcome(pending->shared, session, pending->head, pending->head_len, pending->right,
		waiter->profile, &answer);
	pending_free(pending);
	session->ops->pending(session, -1);
}

bool call_may_wait(const struct call *call)
{
	const struct request *request = call->request;

	if (quota_may_wait(call->shared->quota, call->session->user)) {
		return true;
	}
	call_answer_error(call->shared, call->session, request->head, request->head_len,
		ERROR_RATE_LIMITED,
		"Too many requests of yours are waiting for a token; try again shortly", 1);
	return false;
}

static void wait_for(const struct call *call, enum waiter_kind kind)
{
	const struct request *request = call->request;
	struct pending *pending;

	if (!call_may_wait(call)) {
		return;
	}
	pending = malloc(sizeof(*pending) + request->head_len);
	if (!pending) {
		call_fail(call, ERROR_INTERNAL, "The daemon is out of memory");
		return;
	}
	*pending = (struct pending){
		.waiter.done = pending_done,
		.shared = call->shared,
		.session = call->session,
		.right = call->endpoint->right,
		.head_len = request->head_len,
	};
	memcpy(pending->head, request->head, request->head_len);
	LIST_INSERT_HEAD(&call->session->waiting, pending, link);
	quota_wait(call->shared->quota, call->session->user);
	call->session->ops->pending(call->session, 1);
	broker_wait(call->shared->broker, call->profile, kind, &pending->waiter, call->now_ms);
}

void call_answer_outcome(const struct call *call, const struct answer *outcome)
{
	if (outcome->outcome == OUTCOME_WAITS) {
		wait_for(call, outcome->kind);
		return;
	}
	answer_outcome(call->shared, call->session, call->request->head, call->request->head_len,
		call->endpoint->right, call->profile, outcome);
}

void session_init(struct session *session, const struct session_ops *ops,
	const struct access_subject *who, struct quota_user *user)
{
	*session = (struct session){.ops = ops, .who = *who, .user = user};
	LIST_INIT(&session->waiting);
	LIST_INIT(&session->ties);
}

void session_tie(struct session *session, struct session_tie *tie)
{
	LIST_INSERT_HEAD(&session->ties, tie, link);
}

void session_untie(struct session_tie *tie)
{
	LIST_REMOVE(tie, link);
}

void session_send(struct session *session, const char *head, struct payload *payload)
{
	/* What is sent leaves with the end of a request. */
	session->ops->pending(session, 1);
	session->ops->answer(session, head, strlen(head), payload);
	session->ops->pending(session, -1);
}

bool session_waits(const struct session *session)
{
	return !LIST_EMPTY(&session->waiting);
}

void session_done(struct session *session)
{
	struct pending *pending;
	struct session_tie *tie;

	while ((pending = LIST_FIRST(&session->waiting))) {
		broker_forget(pending->shared->broker, &pending->waiter);
		pending_free(pending);
	}
	while ((tie = LIST_FIRST(&session->ties))) {
		session_untie(tie);
		tie->ended(tie);
	}
	free(session->own_profile);
	profile_set_done(&session->seen);
}

bool call_may_still(const struct waiter *waiter)
{
	const struct pending *pending = (const struct pending *)waiter;

	return access_allows(
		waiter->profile->settings->allow, &pending->session->who, pending->right);
}
