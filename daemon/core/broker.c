#include "broker.h"

#include <errno.h>
#include <stdlib.h>

#include "answers.h"
#include "broker_inside.h"
#include "code.h"
#include "due.h"
#include "past.h"
#include "provision.h"
#include "schedule.h"
#include "secret.h"
#include "settings.h"
#include "succession.h"
#include "tell.h"
#include "token.h"

/* ---- waiters */

void broker_forget(struct broker *broker, struct waiter *waiter)
{
	bool held = waiter->list &&
		    (waiter->kind == WAITER_USER_CODE || waiter->kind == WAITER_DEVICE);

	waiter_leave(waiter);
	if (held) {
		broker_device_left(broker, waiter->profile);
	}
}

uint32_t broker_chance(const struct broker *broker)
{
	return broker->flights.ops->random(broker->flights.context);
}

void broker_changed(struct broker *broker, struct profile *profile)
{
	profile->revision = ++broker->revision;
}

uint64_t broker_revision(const struct broker *broker)
{
	return broker->revision;
}

/* ---- configuration */

struct broker *broker_new(const struct broker_ops *ops, void *context)
{
	struct broker *broker = calloc(1, sizeof(*broker));

	if (broker) {
		broker->flights.ops = ops;
		broker->flights.context = context;
		broker->flights.concluded = broker_settle;
		broker->flights.owner = broker;
		TAILQ_INIT(&broker->flights.hosts);
		LIST_INIT(&broker->flights.list);
		LIST_INIT(&broker->revocations);
		broker->next_ms = INT64_MAX;
	}
	return broker;
}

/* Frees profiles that nobody waits for any more. */
static void drop(struct broker *broker, struct roster *roster)
{
	for (size_t i = 0; i < roster->n; i++) {
		if (roster->profiles[i]) {
			provision_end(&broker->flights, roster->profiles[i]);
			flight_drop_device(&broker->flights, roster->profiles[i]);
			flight_detach(&broker->flights, roster->profiles[i]);
		}
	}
	roster_done(roster, &broker->flights.hosts);
}

void broker_free(struct broker *broker)
{
	if (broker) {
		flight_drop_all(&broker->flights);
		broker_drop_revocations(broker);
		drop(broker, &broker->roster);
		free(broker);
	}
}

struct profile *broker_find(const struct broker *broker, const char *name)
{
	return roster_find(&broker->roster, name);
}

size_t broker_profiles(const struct broker *broker, struct profile *const **ret_profiles)
{
	*ret_profiles = broker->roster.profiles;
	return broker->roster.n;
}

int broker_configure(struct broker *broker, struct settings **settings, size_t n,
	bool (*may_still)(void *context, const struct waiter *waiter), int64_t now_ms)
{
	struct waiter_list denied = WAITER_LIST_INITIALIZER(denied);
	struct waiter_list overtaken = WAITER_LIST_INITIALIZER(overtaken);
	struct succession_judge judge = {may_still, broker->flights.context};
	struct answer no = {.outcome = OUTCOME_DENIED}, changed = answers_changed();
	struct roster gone = broker->roster, roster;

	if (roster_init(&roster, &broker->flights.hosts, settings, n) < 0) {
		return -ENOMEM;
	}
	succession(&broker->flights, &gone, &roster, &overtaken, now_ms);
	succession_deny(&gone, &roster, &judge, &denied);
	broker->roster = roster;
	broker->revision++;
	for (size_t i = 0; i < roster.n; i++) {
		if (roster.profiles[i]->number == 0) {
			roster.profiles[i]->number = ++broker->numbers;
		}
		broker_changed(broker, roster.profiles[i]);
	}
	broker->next_ms = now_ms;
	waiters_answer(&denied, &no);
	waiters_answer(&overtaken, &changed);
	drop(broker, &gone);
	return 0;
}

void broker_restore(
	struct broker *broker, struct profile *profile, struct past *past, int64_t now_ms)
{
	char why[GRANT_MESSAGE_SIZE];

	flight_recall(&broker->flights, profile, NULL, why); /* or its next attempt tells why not */
	past_restore(profile, past, now_ms, broker_chance(broker));
	broker_changed(broker, profile);
	broker->next_ms = now_ms;
}

/* ---- asking */

void broker_sooner(struct broker *broker, int64_t at_ms)
{
	if (at_ms < broker->next_ms) {
		broker->next_ms = at_ms;
	}
}

/* Whether what somebody brought is on its way, or waits for that. */
static bool has_code(const struct profile *profile)
{
	const struct code *code = profile->code      ? profile->code
				  : profile->attempt ? profile->attempt->code
						     : NULL;

	return code && code->origin != CODE_DEVICE;
}

static struct answer wait_for(
	struct broker *broker, struct profile *profile, enum waiter_kind kind, int64_t now_ms)
{
	if (has_code(profile)) {
		profile->wanted = true; /* if no token comes of it, the back-off is what it was */
	} else {
		profile_want(profile, now_ms);
	}
	if (!profile->attempt) {
		broker_sooner(broker, profile->due_ms);
	}
	if (profile->settings->wait_max_ms <= 0) {
		if (kind == WAITER_TOKEN && token_usable(profile->token, now_ms)) {
			return answers_token(profile);
		}
		broker->n_timeouts++;
		return (struct answer){.outcome = OUTCOME_TIMEOUT, .retry_after_ms = 1};
	}
	return (struct answer){.outcome = OUTCOME_WAITS, .kind = kind};
}

static struct waiter_list *waiters_of(struct profile *profile, enum waiter_kind kind)
{
	switch (kind) {
	case WAITER_TOKEN:
	case WAITER_REJECTED:
	case WAITER_REFRESH:
		break;
	case WAITER_EXCHANGE:
	case WAITER_SIGN_IN:
	case WAITER_USER_CODE:
	case WAITER_DEVICE:
		return &profile->sign_ins;
	case WAITER_LOGOUT:
		return &profile->logouts;
	}
	return &profile->waiters;
}

void broker_wait(struct broker *broker, struct profile *profile, enum waiter_kind kind,
	struct waiter *waiter, int64_t now_ms)
{
	waiter->kind = kind;
	waiter->profile = profile;
	waiter->wait_ms = profile->settings->wait_max_ms;
	if (kind == WAITER_LOGOUT && waiter->wait_ms < BROKER_LOGOUT_WAIT_MIN_MS) {
		waiter->wait_ms = BROKER_LOGOUT_WAIT_MIN_MS;
	}
	waiter->deadline_ms = now_ms + waiter->wait_ms;
	waiter_join(waiters_of(profile, kind), waiter);
	broker_sooner(broker, waiter->deadline_ms);
}

/* Somebody may have put new credentials where those that a server refused were. */
static void look_for_new_credentials(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	const struct flights *flights = &broker->flights;

	if (profile->verdict != GRANT_LOGIN_REQUIRED || profile->attempt ||
		profile->login.logged_out ||
		(profile->looked_ms != INT64_MIN &&
			now_ms - profile->looked_ms < BROKER_LOOK_GAP_MS)) {
		return;
	}
	profile->looked_ms = now_ms;
	if (flights->ops->renewed(flights->context, profile->settings)) {
		profile_mend(profile, now_ms);
		broker_changed(broker, profile);
	}
}

/* The current token was refused by an API. */
static struct answer get_other(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	bool joins = profile->token->rejected && profile_flies(profile, now_ms);

	if (!joins && profile->rejected_ms != INT64_MIN &&
		now_ms - profile->rejected_ms < BROKER_REJECTION_GAP_MS) {
		return answers_rate_limited(profile->rejected_ms + BROKER_REJECTION_GAP_MS - now_ms,
			"A token of this profile was rejected less than 10 seconds ago; if the API "
			"refuses every token, look for the cause there");
	}
	if (!profile_may_fetch(profile)) {
		return answers_stuck(profile);
	}
	if (profile_backs_off(profile, now_ms)) {
		return answers_error(profile, now_ms);
	}
	if (!joins) {
		profile->token->rejected = true;
		profile->rejected_ms = now_ms;
		broker_changed(broker, profile);
	}
	return wait_for(broker, profile, WAITER_REJECTED, now_ms);
}

struct answer broker_get(struct broker *broker, struct profile *profile,
	const struct broker_want *want, int64_t now_ms)
{
	if (broker->shutting_down) {
		/* Who needs no flight does not notice that another daemon takes over. */
		return token_usable(profile->token, now_ms) && !want->rejected &&
				       token_satisfies(
					       profile->token, want->min_validity_ms, now_ms)
			       ? answers_token(profile)
			       : (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	if (token_usable(profile->token, now_ms)) {
		if (want->rejected && secret_equals_bytes(profile->token->value, want->rejected,
					      want->rejected_len)) {
			return get_other(broker, profile, now_ms);
		}
		if (want->rejected ||
			token_satisfies(profile->token, want->min_validity_ms, now_ms) ||
			!profile_may_fetch(profile) || profile_backs_off(profile, now_ms)) {
			return answers_token(profile);
		}
		return wait_for(broker, profile, WAITER_TOKEN, now_ms);
	}
	look_for_new_credentials(broker, profile, now_ms);
	if (!profile_may_fetch(profile) && !profile_flies(profile, now_ms)) {
		return answers_stuck(profile);
	}
	if (profile_backs_off(profile, now_ms)) {
		return answers_error(profile, now_ms);
	}
	return wait_for(broker, profile, WAITER_TOKEN, now_ms);
}

void broker_end_logged_out(struct broker *broker, struct profile *profile)
{
	if (profile->login.logged_out) {
		profile->login.logged_out = false;
		flight_note(&broker->flights, profile);
	}
}

struct answer broker_refresh(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	char why[GRANT_MESSAGE_SIZE];

	if (broker->shutting_down) {
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	flight_recall(&broker->flights, profile, NULL, why); /* or its next attempt tells why not */
	if (profile_flies(profile, now_ms) &&
		(!profile->login.logged_out || profile->attempt || profile->code)) {
		return wait_for(broker, profile, WAITER_REFRESH, now_ms);
	}
	if (profile->verdict != GRANT_LOGIN_REQUIRED && profile_backs_off(profile, now_ms)) {
		return answers_error(profile, now_ms);
	}
	if (profile->asked_ms != INT64_MIN && now_ms - profile->asked_ms < BROKER_REFRESH_GAP_MS) {
		return answers_rate_limited(profile->asked_ms + BROKER_REFRESH_GAP_MS - now_ms,
			"This profile was refreshed on demand less than 10 seconds ago");
	}
	profile->asked_ms = now_ms;
	broker_end_logged_out(broker, profile);
	broker_changed(broker, profile);
	return wait_for(broker, profile, WAITER_REFRESH, now_ms);
}

struct answer broker_sign_in(
	struct broker *broker, struct profile *profile, struct code *code, int64_t now_ms)
{
	if (broker->shutting_down) {
		code_free(code);
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	if (profile->code || (profile->attempt && profile->attempt->code)) {
		code_free(code);
		return answers_rate_limited(
			1000, "A sign-in of this profile is under way; try again when it is over");
	}
	provision_end_order(&broker->flights, profile);
	broker_exchange(broker, profile, code, now_ms);
	return (struct answer){.outcome = OUTCOME_WAITS, .kind = WAITER_EXCHANGE};
}

void broker_exchange(
	struct broker *broker, struct profile *profile, struct code *code, int64_t now_ms)
{
	struct answer answer = answers_rate_limited(
		1000, "Another sign-in of this profile came in between; try again");

	if (profile->code && profile->code->origin == CODE_BROUGHT) {
		answers_exchanged(profile, CODE_BROUGHT, &answer);
	}
	code_free(profile->code);
	profile->code = code;
	broker_changed(broker, profile);
	broker_sooner(broker, now_ms);
}

/* A token that did not come by the flight is one that is waited for, too. */
static bool takes_planted(void *context, const struct waiter *waiter)
{
	return waiter->kind == WAITER_TOKEN || waiter->kind == WAITER_REJECTED;
}

struct answer broker_plant(struct broker *broker, struct profile *profile, struct token *token,
	bool signs_in, int64_t now_ms)
{
	struct waiter_list done = WAITER_LIST_INITIALIZER(done);
	char why[GRANT_MESSAGE_SIZE];
	struct answer answer;

	if (broker->shutting_down) {
		token_free(token);
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	flight_recall(&broker->flights, profile, NULL, why); /* or its next attempt tells why not */
	flight_disown(&broker->flights, profile);
	provision_end_order(&broker->flights, profile);
	broker_end_logged_out(broker, profile);
	profile_plant(profile, token, now_ms, broker_chance(broker));
	broker_changed(broker, profile);
	flight_store(&broker->flights, profile);
	if (signs_in) {
		tell_signed_in(&broker->flights, profile);
	} else {
		tell_token(&broker->flights, profile);
	}
	broker_sooner(broker, now_ms);
	answer = answers_token(profile);
	waiters_pick(&profile->waiters, &done, takes_planted, NULL);
	waiters_answer(&done, &answer);
	return answers_token(profile);
}

void broker_refuse_sign_in(
	struct broker *broker, struct profile *profile, const char *why, const char *upstream_error)
{
	broker_changed(broker, profile);
	tell_sign_in_refused(&broker->flights, profile, why, upstream_error);
}

/* ---- time */

static void start(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	broker_changed(broker, profile);
	if (!profile->code) {
		profile->due_ms = PROFILE_NEVER; /* its end says when the next one is */
	}
	broker_device_starts(profile);
	if (!flight_start(&broker->flights, profile, now_ms)) {
		profile->started_ms = now_ms; /* there was no memory: try again after the gap */
		profile->due_ms = now_ms + SCHEDULE_ATTEMPT_GAP_MS;
	}
	broker_device_started(profile, now_ms);
}

static void expire_waiters(struct broker *broker, int64_t now_ms)
{
	struct waiter_list expired = WAITER_LIST_INITIALIZER(expired);
	struct answer answer = {.outcome = OUTCOME_TIMEOUT, .retry_after_ms = 1};

	for (size_t i = 0; i < broker->roster.n; i++) {
		broker_device_tell(broker, broker->roster.profiles[i], now_ms);
		waiters_take_due(&broker->roster.profiles[i]->waiters, &expired, now_ms);
		waiters_take_due(&broker->roster.profiles[i]->sign_ins, &expired, now_ms);
	}
	broker->n_timeouts += expired.n;
	waiters_answer(&expired, &answer);
}

int64_t broker_tick(struct broker *broker, int64_t now_ms)
{
	struct profile *profile;

	if (broker->shutting_down) {
		broker_end_logouts(broker, now_ms);
		broker->next_ms = INT64_MAX;
		return broker->next_ms;
	}
	for (size_t i = 0; i < broker->roster.n; i++) {
		profile_expire(broker->roster.profiles[i], now_ms);
	}
	while ((profile = due_errand(&broker->roster, now_ms))) {
		broker_expire_errands(broker, profile, now_ms);
	}
	while ((profile = due_device(&broker->roster, now_ms))) {
		broker_device_due(broker, profile, now_ms);
	}
	while ((profile = due_profile(&broker->roster, now_ms))) {
		start(broker, profile, now_ms);
	}
	broker_end_logouts(broker, now_ms);
	expire_waiters(broker, now_ms);
	broker->next_ms = broker_has_ended_logouts(broker) ? now_ms : due_next(&broker->roster);
	return broker->next_ms;
}

int64_t broker_next(const struct broker *broker)
{
	return broker->next_ms;
}

void broker_wall_stepped(struct broker *broker, int64_t step_ms, int64_t now_ms)
{
	for (size_t i = 0; i < broker->roster.n; i++) {
		if (profile_wall_stepped(broker->roster.profiles[i], step_ms, now_ms)) {
			broker_changed(broker, broker->roster.profiles[i]);
		}
	}
	broker_sooner(broker, now_ms);
}

void broker_shutdown(struct broker *broker)
{
	struct answer answer = {.outcome = OUTCOME_SHUTTING_DOWN};

	broker->shutting_down = true;
	flight_shutdown(&broker->flights);
	for (size_t i = 0; i < broker->roster.n; i++) {
		provision_end(&broker->flights, broker->roster.profiles[i]);
		broker_device_leave(broker, broker->roster.profiles[i]);
		if (broker->roster.profiles[i]->unsaved) {
			flight_store(&broker->flights, broker->roster.profiles[i]);
		}
		broker_changed(broker, broker->roster.profiles[i]); /* it flies no more */
		answers_all(&broker->roster.profiles[i]->waiters, &answer);
		answers_all(&broker->roster.profiles[i]->sign_ins, &answer);
		broker_leave_logouts(broker, broker->roster.profiles[i]);
	}
}

bool broker_is_busy(const struct broker *broker)
{
	return !LIST_EMPTY(&broker->flights.list) || !LIST_EMPTY(&broker->revocations);
}

struct broker_counters broker_counters(const struct broker *broker)
{
	return (struct broker_counters){
		.attempts = broker->flights.n_sent,
		.tokens = broker->n_tokens,
		.failures = broker->n_failures,
		.timeouts = broker->n_timeouts,
	};
}
