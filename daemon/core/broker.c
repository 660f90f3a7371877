#include "broker.h"

#include <errno.h>
#include <stdlib.h>

#include "answers.h"
#include "broker_inside.h"
#include "code.h"
#include "due.h"
#include "host.h"
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

static void concluded(
	void *owner, struct attempt *attempt, struct grant_result *result, int64_t now_ms);

struct broker *broker_new(const struct broker_ops *ops, void *context)
{
	struct broker *broker = calloc(1, sizeof(*broker));

	if (broker) {
		broker->flights.ops = ops;
		broker->flights.context = context;
		broker->flights.concluded = concluded;
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
	struct succession_judge judge = {may_still, broker->flights.context};
	struct answer answer = {.outcome = OUTCOME_DENIED};
	struct roster gone = broker->roster, roster;

	if (roster_init(&roster, &broker->flights.hosts, settings, n) < 0) {
		return -ENOMEM;
	}
	succession(&broker->flights, &gone, &roster, now_ms);
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
	waiters_answer(&denied, &answer);
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

static struct answer wait_for(
	struct broker *broker, struct profile *profile, enum waiter_kind kind, int64_t now_ms)
{
	profile_want(profile, now_ms);
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

/* A logout is over, by who asks for a token in spite of it or brings one. */
static void return_from_logout(struct broker *broker, struct profile *profile)
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
	if (profile_flies(profile, now_ms)) {
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
	return_from_logout(broker, profile);
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

struct answer broker_plant(
	struct broker *broker, struct profile *profile, struct token *token, int64_t now_ms)
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
	return_from_logout(broker, profile);
	profile_plant(profile, token, now_ms, broker_chance(broker));
	broker_changed(broker, profile);
	flight_store(&broker->flights, profile);
	tell_token(&broker->flights, profile);
	broker_sooner(broker, now_ms);
	answer = answers_token(profile);
	waiters_pick(&profile->waiters, &done, takes_planted, NULL);
	waiters_answer(&done, &answer);
	return answers_token(profile);
}

/* ---- attempts */

/* It takes its next step, or ends. */
static void attempt_changed(struct broker *broker, const struct attempt *attempt)
{
	if (attempt->profile) {
		broker_changed(broker, attempt->profile);
	}
}

void broker_finish(
	struct broker *broker, struct attempt *attempt, struct grant_result *result, int64_t now_ms)
{
	attempt_changed(broker, attempt);
	flight_finish(&broker->flights, attempt, result, now_ms);
}

void broker_stored(struct broker *broker, struct attempt *attempt, const char *why, int64_t now_ms)
{
	attempt_changed(broker, attempt);
	flight_stored(&broker->flights, attempt, why, now_ms);
}

/* The end of what brought the attempt's code. */
static void answer_sign_in(const struct attempt *attempt, const struct grant_result *result,
	const struct answer *answer, int64_t now_ms)
{
	if (attempt->code) {
		broker_device_ended(attempt, result, now_ms);
		answers_exchanged(attempt->profile, attempt->code->origin, answer);
	}
}

static void settle(
	struct broker *broker, struct attempt *attempt, struct grant_result *result, int64_t now_ms)
{
	struct profile *profile = attempt->profile;
	bool signs_in = attempt->code && attempt->code->origin != CODE_ORDERED;
	struct answer answer;

	if (broker_device_goes_on(broker, attempt, result, now_ms)) {
		return;
	}
	if (attempt->stale) {
		profile_resume(profile, now_ms);
		tell_ended(&broker->flights, attempt, result);
		answer = answers_overtaken(profile);
		answer_sign_in(attempt, result, &answer, now_ms);
		return;
	}
	if (signs_in && result->verdict != GRANT_GRANTED && attempt->step == ATTEMPT_SENT) {
		broker->n_failures++;
		tell_ended(&broker->flights, attempt, result);
		answers_sign_in_failed(profile, attempt->code->origin, result, now_ms);
		return;
	}
	if (attempt->refresh_token && result->verdict == GRANT_LOGIN_REQUIRED &&
		(profile->settings->grant->parts & GRANT_DEPLOYMENT)) {
		profile_drop_token(profile);
	}
	if (broker_goes_on(broker, attempt, result, now_ms)) {
		profile_answered(profile, result, now_ms - attempt->sent_ms, now_ms);
		broker->n_failures++;
		if (attempt->step == ATTEMPT_SENT) {
			flight_store(&broker->flights, profile);
			tell_refused(&broker->flights, attempt, result);
		}
		return;
	}
	if (attempt->code && result->verdict == GRANT_GRANTED) {
		return_from_logout(broker, profile);
	}
	profile_settle(profile, result, now_ms - attempt->sent_ms, now_ms, broker_chance(broker));
	profile_expire(profile, now_ms);
	if (attempt->step == ATTEMPT_SENT && profile->verdict != GRANT_TEMPORARY) {
		flight_store(&broker->flights, profile);
	}
	tell_ended(&broker->flights, attempt, result);
	if (profile->verdict == GRANT_GRANTED) {
		broker->n_tokens++;
		answer = answers_token(profile);
		answers_all(&profile->waiters, &answer);
	} else {
		broker->n_failures++;
		answer = answers_error(profile, now_ms);
		answers_failed(profile, now_ms);
	}
	answer_sign_in(attempt, result, &answer, now_ms);
}

static void concluded(
	void *owner, struct attempt *attempt, struct grant_result *result, int64_t now_ms)
{
	struct broker *broker = owner;

	if (!attempt->profile) {
		if (attempt->abandoned) {
			broker_revoke_late(broker, attempt, result);
		} else if (!broker_find(broker, attempt->settings->name)) {
			flight_keep_of_gone(&broker->flights, attempt, result);
		}
		tell_ended(&broker->flights, attempt, result);
	} else if (!broker->shutting_down) {
		/* A place at the host is free, and the next deadline has to be found. */
		broker_sooner(broker, now_ms);
		settle(broker, attempt, result, now_ms);
	} else if (result->verdict == GRANT_GRANTED && !attempt->stale) {
		/* Nobody waits for it any more, but the next daemon goes on with it. */
		broker_device_ended(attempt, result, now_ms);
		profile_settle(attempt->profile, result, now_ms - attempt->sent_ms, now_ms,
			broker_chance(broker));
	}
}

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
