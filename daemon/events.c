#include "events.h"

#include <argz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "call.h"
#include "core/broker.h"
#include "core/profile_set.h"
#include "core/settings.h"
#include "news.h"
#include "proto/message.h"

enum {
	ALL_KINDS = (1 << EVENT_KINDS) - 1,
	KNOWN_SIZE = 32 * EVENT_KINDS, /* of the names of all kinds */
};

/* What a connection hears. Its session has it. */
struct subscription {
	LIST_ENTRY(subscription) link; /* in events->list */
	struct call_shared *shared;
	struct session *session;
	unsigned kinds; /* as bits */
	bool with_token;
	struct profile_set heard;  /* of which it hears, by the rules in force */
	struct profile_set tokens; /* whose tokens it gets */
	size_t unread_max;         /* bytes */
	size_t names_len;
	char names[]; /* the profiles that it asked for, an argz vector; empty: all */
};

struct events {
	LIST_HEAD(, subscription) list;
};

struct events *events_new(void)
{
	struct events *events = malloc(sizeof(*events));

	if (events) {
		LIST_INIT(&events->list);
	}
	return events;
}

void events_free(struct events *events)
{
	free(events);
}

static void subscription_free(struct subscription *subscription)
{
	profile_set_done(&subscription->heard);
	profile_set_done(&subscription->tokens);
	free(subscription);
}

void events_forget(struct session *session)
{
	struct subscription *subscription = session->subscription;

	if (subscription) {
		session->subscription = NULL;
		LIST_REMOVE(subscription, link);
		subscription_free(subscription);
	}
}

/* Ends it with a line that says why. */
static void end(struct subscription *subscription, enum error_code code, const char *text)
{
	struct call_shared *shared = subscription->shared;
	struct session *session = subscription->session;

	events_forget(session);
	call_answer_error(shared, session, MESSAGE_HEAD_NONE, strlen(MESSAGE_HEAD_NONE), code, text,
		error_retryable(code) ? 1 : 0);
}

/* Ends its connection too. */
static void drop(struct subscription *subscription, enum error_code code, const char *text)
{
	subscription->session->ops->dismiss(subscription->session);
	end(subscription, code, text);
}

bool events_drop(struct session *session)
{
	if (!session->subscription) {
		return false;
	}
	drop(session->subscription, ERROR_RATE_LIMITED,
		"The events that you subscribed to were not read in time; the connection is "
		"closed, "
		"so subscribe again on another one");
	return true;
}

void events_end(struct events *events)
{
	struct subscription *subscription;

	while ((subscription = LIST_FIRST(&events->list))) {
		end(subscription, ERROR_SHUTTING_DOWN,
			"The daemon is shutting down; subscribe again when it is back");
	}
}

/* ---- who hears of what */

static bool hears(const struct subscription *subscription, const struct profile *profile)
{
	return profile_set_has(&subscription->heard, profile->number);
}

static bool gets_token(const struct subscription *subscription, const struct profile *profile)
{
	return profile_set_has(&subscription->tokens, profile->number);
}

/* Notes what the rules of a profile grant. Returns whether it hears of it. */
static bool admit(struct subscription *subscription, const struct profile *profile)
{
	unsigned rights = access_rights(profile->settings->allow, &subscription->session->who);

	if (!(rights & 1U << ACCESS_SUBSCRIBE)) {
		return false;
	}
	profile_set_add(&subscription->heard, profile->number);
	if (subscription->with_token && (rights & 1U << ACCESS_GET_JWT_TOKEN)) {
		profile_set_add(&subscription->tokens, profile->number);
	}
	return true;
}

static bool judge_all(struct subscription *subscription)
{
	struct profile *const *profiles;
	size_t n = broker_profiles(subscription->shared->broker, &profiles);
	bool any = subscription->session->who.privileged;

	for (size_t i = 0; i < n; i++) {
		any |= admit(subscription, profiles[i]);
	}
	return any;
}

/* Notes what the rules in force grant. False: it may not be, since there is a profile that it named
 * and does not hear of, or it hears of none at all. */
static bool judge(struct subscription *subscription)
{
	const char *name = NULL;

	if (subscription->names_len == 0) {
		return judge_all(subscription);
	}
	while ((name = argz_next(subscription->names, subscription->names_len, name))) {
		const struct profile *profile = broker_find(subscription->shared->broker, name);

		if (!profile || !admit(subscription, profile)) {
			return false;
		}
	}
	return true;
}

/* ---- telling */

/* Tells one, if it wants to hear that. False: its subscription has ended. */
static bool tell(struct subscription *subscription, struct news *news)
{
	struct call_shared *shared = subscription->shared;
	struct session *session = subscription->session;
	bool with_token = news->kind == EVENT_TOKEN_REFRESHED &&
			  gets_token(subscription, news->profile);
	struct payload *payload;

	if (!(subscription->kinds >> news->kind & 1)) {
		return true;
	}
	if (session->ops->unread(session) > subscription->unread_max) {
		events_drop(session);
		return false;
	}
	payload = news_payload(news, with_token, call_wall_offset(shared));
	if (!payload) {
		drop(subscription, ERROR_INTERNAL, "The daemon is out of memory");
		return false;
	}
	if (with_token) {
		call_hands_out(shared, session, news->profile, access_name(ACCESS_SUBSCRIBE));
	}
	session->ops->answer(session, news->head, news->head_len, payload);
	return true;
}

static bool tell_once(struct subscription *subscription, const struct profile *profile,
	enum event_kind kind, const struct event_error *error)
{
	struct news news;
	bool goes_on;

	news_init(&news, profile, kind, error);
	goes_on = tell(subscription, &news);
	news_done(&news);
	return goes_on;
}

void events_tell(struct events *events, const struct profile *profile, enum event_kind kind,
	const struct event_error *error)
{
	struct news news;
	struct subscription *subscription, *next;

	news_init(&news, profile, kind, error);
	for (subscription = LIST_FIRST(&events->list); subscription; subscription = next) {
		next = LIST_NEXT(subscription, link);
		if (hears(subscription, profile)) {
			tell(subscription, &news);
		}
	}
	news_done(&news);
}

/* ---- the state, as the events that led to it */

/* Returns false where the last attempt did not fail. */
static bool find_failure(
	const struct profile *profile, enum event_kind *ret_kind, struct event_error *ret_error)
{
	switch (profile->verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
		return false;
	case GRANT_TEMPORARY:
	case GRANT_PERMANENT:
		*ret_kind = EVENT_REFRESH_FAILED;
		break;
	case GRANT_LOGIN_REQUIRED:
		*ret_kind = EVENT_LOGIN_REQUIRED;
		break;
	}
	*ret_error = (struct event_error){
		.verdict = profile->verdict,
		.message = profile->last_error.message,
		.upstream_error = profile->last_error.upstream_error,
		.correlation_id = profile->last_error.correlation_id,
	};
	return true;
}

static bool tell_profile(struct subscription *subscription, const struct profile *profile)
{
	enum event_kind kind;
	struct event_error error;

	if (profile->token && !tell_once(subscription, profile, EVENT_TOKEN_REFRESHED, NULL)) {
		return false;
	}
	return !find_failure(profile, &kind, &error) ||
	       tell_once(subscription, profile, kind, &error);
}

/* Whether it hears of the profile, or gets its token, and did not by the rules before. */
static bool is_new(const struct subscription *subscription, const struct profile *profile,
	const struct profile_set *heard, const struct profile_set *tokens)
{
	return (hears(subscription, profile) && !profile_set_has(heard, profile->number)) ||
	       (gets_token(subscription, profile) && !profile_set_has(tokens, profile->number));
}

/* Tells the state of profiles that are new to it, however long that is. */
static void tell_state(struct subscription *subscription, const struct profile_set *heard,
	const struct profile_set *tokens)
{
	const struct session *session = subscription->session;
	struct profile *const *profiles;
	size_t n = broker_profiles(subscription->shared->broker, &profiles);

	subscription->unread_max = SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		if (is_new(subscription, profiles[i], heard, tokens) &&
			!tell_profile(subscription, profiles[i])) {
			return;
		}
	}
	subscription->unread_max = session->ops->unread(session) + EVENTS_UNREAD_MAX;
}

/* ---- a new configuration */

static void judge_again(struct subscription *subscription)
{
	struct profile_set heard = subscription->heard, tokens = subscription->tokens;

	subscription->heard = (struct profile_set){0};
	subscription->tokens = (struct profile_set){0};
	if (!judge(subscription)) {
		call_denies(subscription->shared, subscription->session,
			access_name(ACCESS_SUBSCRIBE), NULL);
		end(subscription, ERROR_ACCESS_DENIED,
			"The configuration was reloaded, and you may no longer subscribe to the "
			"events that you asked for");
	} else if (tell_once(subscription, NULL, EVENT_CONFIG_RELOADED, NULL)) {
		tell_state(subscription, &heard, &tokens);
	}
	profile_set_done(&heard);
	profile_set_done(&tokens);
}

void events_reloaded(struct events *events)
{
	struct subscription *subscription, *next;

	for (subscription = LIST_FIRST(&events->list); subscription; subscription = next) {
		next = LIST_NEXT(subscription, link);
		judge_again(subscription);
	}
}

/* ---- endpoints */

static bool check_profiles(const struct call *call)
{
	const struct parameter *given = call->given[PARAMETER_PROFILES];
	size_t n = given ? argz_count(given->value.text, given->value.len) : 1;

	if (n == 0 || n > EVENTS_PROFILES_MAX) {
		return call_fail(call, ERROR_INVALID_REQUEST,
			"profiles has to hold 1 to %d names; leave it out to hear of all that you "
			"may",
			EVENTS_PROFILES_MAX);
	}
	return true;
}

static bool refuse_kind(const struct call *call, const char *name)
{
	char known[KNOWN_SIZE];
	size_t len = 0;

	for (int i = 0; i < EVENT_KINDS; i++) {
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i > 0 ? ", " : "",
			event_kind_name((enum event_kind)i));
	}
	return call_fail(call, ERROR_INVALID_REQUEST, "There is no event \"%.64s\"; there are: %s",
		name, known);
}

/* Which kinds are asked for; false after the caller was told what is wrong with them. */
static bool read_kinds(const struct call *call, unsigned *ret_kinds)
{
	const struct parameter *given = call->given[PARAMETER_EVENTS];
	const char *name = NULL;
	enum event_kind kind;

	*ret_kinds = given ? 0 : ALL_KINDS;
	while (given && (name = argz_next(given->value.text, given->value.len, name))) {
		if (!event_kind_find(name, &kind)) {
			return refuse_kind(call, name);
		}
		*ret_kinds |= 1U << kind;
	}
	return *ret_kinds != 0 ||
	       call_fail(call, ERROR_INVALID_REQUEST,
		       "events has to hold one name or more; leave it out to hear of all");
}

bool events_check(struct call *call)
{
	unsigned kinds;

	return check_profiles(call) && read_kinds(call, &kinds);
}

/* NULL when there is no memory. */
static struct subscription *subscription_new(const struct call *call)
{
	const struct parameter *names = call->given[PARAMETER_PROFILES];
	const struct parameter *with_token = call->given[PARAMETER_WITH_TOKEN];
	size_t len = names ? names->value.len : 0;
	struct subscription *subscription = calloc(1, sizeof(*subscription) + len);

	if (subscription) {
		subscription->shared = call->shared;
		subscription->session = call->session;
		subscription->with_token = with_token && with_token->value.text[0] == 't';
		subscription->names_len = len;
		if (len > 0) {
			memcpy(subscription->names, names->value.text, len);
		}
	}
	return subscription;
}

/* Whether the caller may have it; else it was told which profile it is that it may not. */
static bool may_subscribe(const struct call *call, struct subscription *subscription)
{
	const char *name = NULL;

	while ((name = argz_next(subscription->names, subscription->names_len, name))) {
		if (!call_allowed_profile(call, name, 1U << ACCESS_SUBSCRIBE)) {
			return false;
		}
	}
	return judge(subscription) ||
	       call_fail(call, ERROR_ACCESS_DENIED,
		       "You may not call events.subscribe for any profile; a profile's allow has "
		       "to name it for your user, group or unit");
}

static cJSON *view_subscription(const struct subscription *subscription)
{
	struct profile *const *profiles;
	size_t n = broker_profiles(subscription->shared->broker, &profiles);
	cJSON *data = cJSON_CreateObject();
	cJSON *heard = cJSON_AddArrayToObject(data, "profiles");
	cJSON *tokens = cJSON_AddArrayToObject(data, "tokens");
	cJSON *kinds = cJSON_AddArrayToObject(data, "events");

	for (size_t i = 0; i < n; i++) {
		const char *name = profiles[i]->settings->name;

		if (hears(subscription, profiles[i])) {
			cJSON_AddItemToArray(heard, cJSON_CreateString(name));
		}
		if (gets_token(subscription, profiles[i])) {
			cJSON_AddItemToArray(tokens, cJSON_CreateString(name));
		}
	}
	for (int i = 0; i < EVENT_KINDS; i++) {
		if (subscription->kinds >> i & 1) {
			cJSON_AddItemToArray(
				kinds, cJSON_CreateString(event_kind_name((enum event_kind)i)));
		}
	}
	return data;
}

void events_subscribe(struct call *call)
{
	static const struct profile_set none;
	struct subscription *subscription = subscription_new(call);

	if (!subscription) {
		call_fail(call, ERROR_INTERNAL, "The daemon is out of memory");
		return;
	}
	if (!read_kinds(call, &subscription->kinds) || !may_subscribe(call, subscription)) {
		subscription_free(subscription);
		return;
	}
	events_forget(call->session);
	call->session->subscription = subscription;
	LIST_INSERT_HEAD(&call->shared->events->list, subscription, link);
	call_answer_data(call, view_subscription(subscription));
	tell_state(subscription, &none, &none);
}

void events_unsubscribe(struct call *call)
{
	events_forget(call->session);
	call_answer_data(call, cJSON_CreateObject());
}
