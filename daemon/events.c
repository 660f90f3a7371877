#include "events.h"

#include <argz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "call.h"
#include "core/broker.h"
#include "core/recap.h"
#include "news.h"
#include "proto/message.h"
#include "subscription.h"

enum {
	ALL_KINDS = (1 << EVENT_KINDS) - 1,
	KNOWN_SIZE = 32 * EVENT_KINDS, /* of the names of all kinds */
};

struct events {
	LIST_HEAD(, subscription) list;
	bool ended; /* there will be none */
};

struct events *events_new(void)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events) {
		LIST_INIT(&events->list);
	}
	return events;
}

void events_free(struct events *events)
{
	free(events);
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

	events->ended = true;
	while ((subscription = LIST_FIRST(&events->list))) {
		end(subscription, ERROR_SHUTTING_DOWN,
			"The daemon is shutting down; subscribe again when it is back");
	}
}

/* ---- telling */

static bool wants(const struct subscription *subscription, enum event_kind kind)
{
	return subscription->kinds >> kind & 1;
}

/* False: its subscription has ended. */
static bool tell(struct subscription *subscription, struct news *news)
{
	struct call_shared *shared = subscription->shared;
	struct session *session = subscription->session;
	bool with_token = news->kind == EVENT_TOKEN_REFRESHED &&
			  subscription_gets_token(subscription, news->profile);
	struct payload *payload;

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

void events_tell(struct events *events, const struct profile *profile, enum event_kind kind,
	const struct event_error *error)
{
	struct news news;
	struct subscription *subscription, *next;

	news_init(&news, profile, kind, error);
	for (subscription = LIST_FIRST(&events->list); subscription; subscription = next) {
		next = LIST_NEXT(subscription, link);
		if (wants(subscription, kind) && subscription_hears(subscription, profile)) {
			tell(subscription, &news);
		}
	}
	news_done(&news);
}

/* ---- the state */

static bool tell_profile(struct subscription *subscription, const struct profile *profile)
{
	enum event_kind kinds[RECAP_MAX];
	struct event_error error;
	unsigned n = recap(profile, kinds, &error);
	bool goes_on = true;

	for (unsigned i = 0; i < n && goes_on; i++) {
		struct news news;

		if (wants(subscription, kinds[i])) {
			news_init(&news, profile, kinds[i],
				kinds[i] == EVENT_LOGGED_OUT ? NULL : &error);
			goes_on = tell(subscription, &news);
			news_done(&news);
		}
	}
	return goes_on;
}

/* Whether it hears of the profile, or gets its token, and did not before. */
static bool is_new(const struct subscription *subscription, const struct profile *profile,
	const struct subscription_scope *before)
{
	return (subscription_hears(subscription, profile) &&
		       !profile_set_has(&before->heard, profile->number)) ||
	       (subscription_gets_token(subscription, profile) &&
		       !profile_set_has(&before->tokens, profile->number));
}

/* Tells the state of profiles that are new to it, however long that is. */
static void tell_state(struct subscription *subscription, const struct subscription_scope *before)
{
	const struct session *session = subscription->session;
	size_t unread_max = subscription->unread_max, unread = session->ops->unread(session);
	struct profile *const *profiles;
	size_t n = broker_profiles(subscription->shared->broker, &profiles);

	subscription->unread_max = SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		if (is_new(subscription, profiles[i], before) &&
			!tell_profile(subscription, profiles[i])) {
			return;
		}
	}
	subscription->unread_max = unread_max + session->ops->unread(session) - unread;
}

/* ---- a new configuration */

/* What a new configuration means to the subscription that was told last, which most share. */
struct reloaded {
	const struct subscription *like; /* NULL: there is none */
	struct payload *payload;
};

static struct payload *render_reloaded(
	struct reloaded *reloaded, const struct subscription *subscription)
{
	if (!reloaded->like ||
		!subscription_scope_within(&reloaded->like->scope, &subscription->scope) ||
		!subscription_scope_within(&subscription->scope, &reloaded->like->scope)) {
		payload_unref(reloaded->payload);
		reloaded->payload = message_data(subscription_view(subscription));
	}
	reloaded->like = subscription;
	return reloaded->payload ? payload_ref(reloaded->payload) : NULL;
}

/* Who loses something hears of it, whatever it asked for. False: its subscription has ended. */
static bool tell_reloaded(struct reloaded *reloaded, struct subscription *subscription,
	const struct subscription_scope *before)
{
	struct news news;
	bool goes_on;

	if (!wants(subscription, EVENT_CONFIG_RELOADED) &&
		subscription_scope_within(before, &subscription->scope)) {
		return true;
	}
	news_init_reloaded(&news, render_reloaded(reloaded, subscription));
	goes_on = tell(subscription, &news);
	news_done(&news);
	return goes_on;
}

static void deny(struct subscription *subscription)
{
	call_denies(
		subscription->shared, subscription->session, access_name(ACCESS_SUBSCRIBE), NULL);
	end(subscription, ERROR_ACCESS_DENIED,
		"The configuration was reloaded, and you may no longer subscribe to the events "
		"that you asked for");
}

/* False: its subscription has ended. */
static bool judge_again(struct reloaded *reloaded, struct subscription *subscription)
{
	struct session *session = subscription->session;
	struct subscription_scope before = subscription->scope;

	subscription->scope = (struct subscription_scope){0};
	if (!subscription_judge(subscription)) {
		deny(subscription);
	} else if (tell_reloaded(reloaded, subscription, &before)) {
		tell_state(subscription, &before);
	}
	subscription_scope_done(&before);
	return session->subscription;
}

void events_reloaded(struct events *events)
{
	struct subscription *subscription, *next;
	struct reloaded reloaded = {0};

	for (subscription = LIST_FIRST(&events->list); subscription; subscription = next) {
		next = LIST_NEXT(subscription, link);
		if (!judge_again(&reloaded, subscription)) {
			reloaded.like = NULL;
		}
	}
	payload_unref(reloaded.payload);
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

/* Whether the caller may have it; else it was told which profile it is that it may not. */
static bool may_subscribe(const struct call *call, struct subscription *subscription)
{
	const char *name = NULL;

	while ((name = argz_next(subscription->names, subscription->names_len, name))) {
		if (!call_allowed_profile(call, name, 1U << ACCESS_SUBSCRIBE)) {
			return false;
		}
	}
	return subscription_judge(subscription) ||
	       call_fail(call, ERROR_ACCESS_DENIED,
		       "You may not call events.subscribe for any profile; a profile's allow has "
		       "to name it for your user, group or unit");
}

static cJSON *view(const struct subscription *subscription)
{
	cJSON *data = subscription_view(subscription);
	cJSON *kinds = cJSON_AddArrayToObject(data, "events");

	for (int i = 0; i < EVENT_KINDS; i++) {
		if (wants(subscription, (enum event_kind)i)) {
			cJSON_AddItemToArray(
				kinds, cJSON_CreateString(event_kind_name((enum event_kind)i)));
		}
	}
	return data;
}

/* Takes the subscription over, which the caller may have. */
static void begin(const struct call *call, struct subscription *subscription)
{
	static const struct subscription_scope none;
	struct session *session = call->session;

	events_forget(session);
	session->subscription = subscription;
	LIST_INSERT_HEAD(&call->shared->events->list, subscription, link);
	subscription->unread_max = EVENTS_UNREAD_MAX + session->ops->unread(session);
	call_answer_data(call, view(subscription));
	tell_state(subscription, &none);
}

void events_subscribe(struct call *call)
{
	struct subscription *subscription = NULL;
	unsigned kinds;

	if (call->shared->events->ended) {
		call_answer_error(call->shared, call->session, call->request->head,
			call->request->head_len, ERROR_SHUTTING_DOWN,
			"The daemon is shutting down; subscribe when it is back", 1);
	} else if (read_kinds(call, &kinds)) {
		subscription = subscription_new(call, kinds);
		if (!subscription) {
			call_fail(call, ERROR_INTERNAL, "The daemon is out of memory");
		} else if (may_subscribe(call, subscription)) {
			begin(call, subscription);
		} else {
			subscription_free(subscription);
		}
	}
}

void events_unsubscribe(struct call *call)
{
	events_forget(call->session);
	call_answer_data(call, cJSON_CreateObject());
}
