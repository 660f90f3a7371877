#include "broker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "host.h"
#include "roster.h"
#include "schedule.h"
#include "secret.h"
#include "settings.h"
#include "token.h"

struct broker {
	struct flights flights;
	struct roster roster;
	int64_t next_ms;
	bool shutting_down;
	struct broker_counters counters;
};

/* ---- waiters */

static bool is_content_with_current(void *context, const struct waiter *waiter)
{
	return waiter->kind == WAITER_TOKEN;
}

/* What may_still() needs to be asked with. */
struct judge {
	bool (*may_still)(void *context, const struct waiter *waiter);
	void *context;
};

static bool is_denied(void *context, const struct waiter *waiter)
{
	const struct judge *judge = context;

	return !judge->may_still(judge->context, waiter);
}

static void answer_all(struct waiter_list *waiters, const struct answer *answer)
{
	struct waiter_list list = WAITER_LIST_INITIALIZER(list);

	waiters_take(waiters, &list);
	waiters_answer(&list, answer);
}

void broker_forget(struct broker *broker, struct waiter *waiter)
{
	waiter_leave(waiter);
}

/* ---- answers */

static enum outcome outcome_of(enum grant_verdict verdict)
{
	switch (verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
	case GRANT_TEMPORARY:
		break;
	case GRANT_PERMANENT:
		return OUTCOME_REJECTED;
	case GRANT_LOGIN_REQUIRED:
		return OUTCOME_LOGIN_REQUIRED;
	}
	return OUTCOME_UNAVAILABLE;
}

static struct answer answer_error(const struct profile *profile, int64_t now_ms)
{
	struct answer answer = {
		.outcome = outcome_of(profile->verdict),
		.text = profile->last_error.message,
	};

	if (answer.outcome == OUTCOME_UNAVAILABLE) {
		answer.retry_after_ms = profile->due_ms - now_ms;
	}
	return answer;
}

static struct answer answer_token(struct profile *profile)
{
	return (struct answer){.outcome = OUTCOME_TOKEN, .token = profile->token};
}

static struct answer answer_rate_limited(int64_t retry_after_ms, const char *text)
{
	return (struct answer){
		.outcome = OUTCOME_RATE_LIMITED, .retry_after_ms = retry_after_ms, .text = text};
}

static uint32_t chance(const struct broker *broker)
{
	return broker->flights.ops->random(broker->flights.context);
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
		broker->next_ms = INT64_MAX;
	}
	return broker;
}

/* Frees profiles that nobody waits for any more. */
static void drop(struct broker *broker, struct roster *roster)
{
	for (size_t i = 0; i < roster->n; i++) {
		if (roster->profiles[i]) {
			flight_detach(&broker->flights, roster->profiles[i]);
		}
	}
	roster_done(roster, &broker->flights.hosts);
}

void broker_free(struct broker *broker)
{
	if (broker) {
		flight_drop_all(&broker->flights);
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

/* Whether the refresh token there is may be sent under the new settings, or there can be none. */
static bool keeps_login(const struct settings *old, const struct settings *settings)
{
	unsigned parts = old->grant->parts | settings->grant->parts;

	return !(parts & GRANT_SESSION) || settings_same_session(old, settings);
}

/* Puts the settings of a profile that was made for them into the one that was there before. */
static void succeed(
	struct broker *broker, struct profile *old, struct profile *made, int64_t now_ms)
{
	struct settings *settings = made->settings;
	struct host *host = old->host;

	made->settings = NULL;
	old->host = made->host;
	host_leave(&broker->flights.hosts, host);
	profile_free(made);
	if (!keeps_login(old->settings, settings)) {
		flight_detach(&broker->flights, old);
		login_done(&old->login);
		old->loaded = false;
	} else if (settings_same_identity(old->settings, settings)) {
		profile_change(old, settings, now_ms);
		return;
	} else {
		flight_disown(&broker->flights, old);
	}
	settings_unref(old->settings);
	old->settings = settings;
	profile_reset(old, now_ms);
	flight_attach(&broker->flights, old);
}

/* Moves profiles that stay from the old roster to the new one, and says when the new ones are to
 * start. */
static void merge(struct broker *broker, struct roster *old, struct roster *roster, int64_t now_ms)
{
	size_t n_new = 0, index = 0;

	for (size_t i = 0; i < roster->n; i++) {
		struct profile *made = roster->profiles[i];
		struct profile *known = roster_find(old, made->settings->name);

		if (known) {
			succeed(broker, known, made, now_ms);
			roster->profiles[i] = known;
		} else {
			n_new++;
			flight_attach(&broker->flights, made);
		}
	}
	for (size_t i = 0; i < roster->n; i++) {
		if (!roster_find(old, roster->profiles[i]->settings->name)) {
			roster->profiles[i]->due_ms = now_ms + schedule_spread(index++, n_new);
		}
	}
}

int broker_configure(struct broker *broker, struct settings **settings, size_t n,
	bool (*may_still)(void *context, const struct waiter *waiter), int64_t now_ms)
{
	struct waiter_list denied = WAITER_LIST_INITIALIZER(denied);
	struct judge judge = {may_still, broker->flights.context};
	struct answer answer = {.outcome = OUTCOME_DENIED};
	struct roster gone = broker->roster, roster;

	if (roster_init(&roster, &broker->flights.hosts, settings, n) < 0) {
		return -ENOMEM;
	}
	merge(broker, &gone, &roster, now_ms);
	broker->roster = roster;
	for (size_t i = 0; i < roster.n; i++) {
		waiters_pick(&roster.profiles[i]->waiters, &denied, is_denied, &judge);
		waiters_pick(&roster.profiles[i]->sign_ins, &denied, is_denied, &judge);
	}
	for (size_t i = 0; i < gone.n; i++) {
		if (roster_find(&roster, gone.profiles[i]->settings->name)) {
			gone.profiles[i] = NULL; /* it stays */
		} else {
			waiters_take(&gone.profiles[i]->waiters, &denied);
			waiters_take(&gone.profiles[i]->sign_ins, &denied);
		}
	}
	broker->next_ms = now_ms;
	waiters_answer(&denied, &answer);
	drop(broker, &gone);
	return 0;
}

/* ---- asking */

static void sooner(struct broker *broker, int64_t at_ms)
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
		sooner(broker, profile->due_ms);
	}
	if (profile->settings->wait_max_ms <= 0) {
		if (kind == WAITER_TOKEN && token_usable(profile->token, now_ms)) {
			return answer_token(profile);
		}
		broker->counters.timeouts++;
		return (struct answer){.outcome = OUTCOME_TIMEOUT, .retry_after_ms = 1};
	}
	return (struct answer){.outcome = OUTCOME_WAITS, .kind = kind};
}

void broker_wait(struct broker *broker, struct profile *profile, enum waiter_kind kind,
	struct waiter *waiter, int64_t now_ms)
{
	waiter->kind = kind;
	waiter->profile = profile;
	waiter->wait_ms = profile->settings->wait_max_ms;
	waiter->deadline_ms = now_ms + waiter->wait_ms;
	waiter_join(kind == WAITER_SIGN_IN ? &profile->sign_ins : &profile->waiters, waiter);
	sooner(broker, waiter->deadline_ms);
}

/* There is no way to another token than what somebody does. */
static struct answer refuse_to_fetch(const struct profile *profile)
{
	struct answer answer = {.outcome = OUTCOME_LOGIN_REQUIRED};

	if (!profile_can_ask(profile)) {
		answer.text =
			profile->last_error.message
				? profile->last_error.message
				: "The token cannot be renewed without a sign-in or a new token";
	} else {
		answer.text = "The token has passed, and refresh_access_token = false forbids to "
			      "fetch another; ask auth.refresh, or set it to true";
	}
	return answer;
}

/* Somebody may have put new credentials where those that a server refused were. */
static void look_for_new_credentials(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	const struct flights *flights = &broker->flights;

	if (profile->verdict != GRANT_LOGIN_REQUIRED || profile->attempt ||
		(profile->looked_ms != INT64_MIN &&
			now_ms - profile->looked_ms < BROKER_LOOK_GAP_MS)) {
		return;
	}
	profile->looked_ms = now_ms;
	if (flights->ops->renewed(flights->context, profile->settings)) {
		profile_mend(profile, now_ms);
	}
}

/* The current token was refused by an API. */
static struct answer get_other(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	bool joins = profile->token->rejected && profile_flies(profile, now_ms);

	if (!joins && profile->rejected_ms != INT64_MIN &&
		now_ms - profile->rejected_ms < BROKER_REJECTION_GAP_MS) {
		return answer_rate_limited(profile->rejected_ms + BROKER_REJECTION_GAP_MS - now_ms,
			"A token of this profile was rejected less than 10 seconds ago; if the API "
			"refuses every token, look for the cause there");
	}
	if (!profile_may_fetch(profile)) {
		return refuse_to_fetch(profile);
	}
	if (profile_backs_off(profile, now_ms)) {
		return answer_error(profile, now_ms);
	}
	if (!joins) {
		profile->token->rejected = true;
		profile->rejected_ms = now_ms;
	}
	return wait_for(broker, profile, WAITER_REJECTED, now_ms);
}

struct answer broker_get(struct broker *broker, struct profile *profile,
	const struct broker_want *want, int64_t now_ms)
{
	if (broker->shutting_down) {
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	if (token_usable(profile->token, now_ms)) {
		if (want->rejected && secret_equals_bytes(profile->token->value, want->rejected,
					      want->rejected_len)) {
			return get_other(broker, profile, now_ms);
		}
		if (want->rejected ||
			token_satisfies(profile->token, want->min_validity_ms, now_ms) ||
			!profile_may_fetch(profile) || profile_backs_off(profile, now_ms)) {
			return answer_token(profile);
		}
		return wait_for(broker, profile, WAITER_TOKEN, now_ms);
	}
	look_for_new_credentials(broker, profile, now_ms);
	if (!profile_may_fetch(profile) && !profile_flies(profile, now_ms)) {
		return refuse_to_fetch(profile);
	}
	if (profile_backs_off(profile, now_ms)) {
		return answer_error(profile, now_ms);
	}
	return wait_for(broker, profile, WAITER_TOKEN, now_ms);
}

struct answer broker_refresh(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	if (broker->shutting_down) {
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	if (profile_flies(profile, now_ms)) {
		return wait_for(broker, profile, WAITER_REFRESH, now_ms);
	}
	if (profile->verdict != GRANT_LOGIN_REQUIRED && profile_backs_off(profile, now_ms)) {
		return answer_error(profile, now_ms);
	}
	if (profile->asked_ms != INT64_MIN && now_ms - profile->asked_ms < BROKER_REFRESH_GAP_MS) {
		return answer_rate_limited(profile->asked_ms + BROKER_REFRESH_GAP_MS - now_ms,
			"This profile was refreshed on demand less than 10 seconds ago");
	}
	profile->asked_ms = now_ms;
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
		return answer_rate_limited(
			1000, "A sign-in of this profile is under way; try again when it is over");
	}
	profile->code = code;
	sooner(broker, now_ms);
	return (struct answer){.outcome = OUTCOME_WAITS, .kind = WAITER_SIGN_IN};
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
	flight_recall(&broker->flights, profile, why); /* or its next attempt tells why not */
	flight_disown(&broker->flights, profile);
	profile_plant(profile, token, now_ms, chance(broker));
	flight_store(&broker->flights, profile);
	sooner(broker, now_ms);
	answer = answer_token(profile);
	waiters_pick(&profile->waiters, &done, takes_planted, NULL);
	waiters_answer(&done, &answer);
	return answer_token(profile);
}

/* ---- attempts */

void broker_finish(
	struct broker *broker, struct attempt *attempt, struct grant_result *result, int64_t now_ms)
{
	flight_finish(&broker->flights, attempt, result, now_ms);
}

void broker_stored(struct broker *broker, struct attempt *attempt, const char *why, int64_t now_ms)
{
	flight_stored(&broker->flights, attempt, why, now_ms);
}

/* The attempt has failed: those who can do without get the token there is, the others the error, or
 * stay where an answer can still come in their time. */
static void answer_with_error(struct profile *profile, int64_t now_ms)
{
	struct waiter_list done = WAITER_LIST_INITIALIZER(done);
	struct waiter_list failed = WAITER_LIST_INITIALIZER(failed);
	struct answer answer = answer_token(profile), error = answer_error(profile, now_ms);

	if (profile->token) {
		waiters_pick(&profile->waiters, &done, is_content_with_current, NULL);
	}
	if (profile->verdict == GRANT_TEMPORARY) {
		waiters_take_due(&profile->waiters, &failed, profile->due_ms);
	} else {
		waiters_take(&profile->waiters, &failed);
	}
	profile->wanted = profile->waiters.n > 0;
	waiters_answer(&done, &answer);
	waiters_answer(&failed, &error);
}

/* A code that was refused ends the wait of who brought it; whatever was before goes on. */
static void answer_sign_in_failed(
	struct profile *profile, const struct grant_result *result, int64_t now_ms)
{
	struct answer answer = {.outcome = outcome_of(result->verdict), .text = result->message};

	profile_resume(profile, now_ms);
	if (profile_backs_off(profile, now_ms)) {
		answer_with_error(profile, now_ms);
	}
	answer_all(&profile->sign_ins, &answer);
}

/* The refresh token of a profile that is gone is kept for the day that it comes back. */
static void keep_of_gone(
	struct broker *broker, struct attempt *attempt, struct grant_result *result)
{
	if (result->refresh_token && !broker_find(broker, attempt->settings->name)) {
		login_set(&attempt->login, result->refresh_token);
		result->refresh_token = NULL;
		broker->flights.ops->store(
			broker->flights.context, NULL, attempt->settings, &attempt->login, NULL);
	}
}

static void settle(
	struct broker *broker, struct attempt *attempt, struct grant_result *result, int64_t now_ms)
{
	struct profile *profile = attempt->profile;
	struct answer answer;

	if (attempt->stale) {
		profile_resume(profile, now_ms);
		broker->flights.ops->ended(broker->flights.context, attempt, result);
		return;
	}
	if (attempt->code && result->verdict != GRANT_GRANTED) {
		broker->counters.failures++;
		broker->flights.ops->ended(broker->flights.context, attempt, result);
		answer_sign_in_failed(profile, result, now_ms);
		return;
	}
	profile_settle(profile, result, now_ms - attempt->sent_ms, now_ms, chance(broker));
	profile_expire(profile, now_ms);
	if (attempt->step == ATTEMPT_SENT && profile->verdict != GRANT_TEMPORARY) {
		flight_store(&broker->flights, profile);
	}
	broker->flights.ops->ended(broker->flights.context, attempt, result);
	if (profile->verdict == GRANT_GRANTED) {
		broker->counters.tokens++;
		answer = answer_token(profile);
		answer_all(&profile->waiters, &answer);
		if (attempt->code) {
			answer_all(&profile->sign_ins, &answer);
		}
	} else {
		broker->counters.failures++;
		answer_with_error(profile, now_ms);
	}
}

static void concluded(
	void *owner, struct attempt *attempt, struct grant_result *result, int64_t now_ms)
{
	struct broker *broker = owner;

	if (!attempt->profile) {
		keep_of_gone(broker, attempt, result);
		broker->flights.ops->ended(broker->flights.context, attempt, result);
	} else if (!broker->shutting_down) {
		/* A place at the host is free, and the next deadline has to be found. */
		sooner(broker, now_ms);
		settle(broker, attempt, result, now_ms);
	}
}

static bool may_start(const struct profile *profile, int64_t now_ms)
{
	return !profile->attempt && profile_next_start(profile) <= now_ms &&
	       profile->host->in_flight < BROKER_HOST_ATTEMPTS_MAX;
}

static bool is_waited_for(const struct profile *profile)
{
	return profile->waiters.n + profile->sign_ins.n > 0;
}

/* Those with waiters go first, then those due longest. */
static bool goes_before(const struct profile *a, const struct profile *b)
{
	bool a_waits = is_waited_for(a), b_waits = is_waited_for(b);

	return a_waits != b_waits ? a_waits : profile_next_start(a) < profile_next_start(b);
}

static struct profile *next_to_start(struct broker *broker, int64_t now_ms)
{
	struct profile *best = NULL;

	for (size_t i = 0; i < broker->roster.n; i++) {
		struct profile *profile = broker->roster.profiles[i];

		if (may_start(profile, now_ms) && (!best || goes_before(profile, best))) {
			best = profile;
		}
	}
	return best;
}

static void start(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	int64_t due_ms = profile->due_ms;

	if (!profile->code) {
		profile->due_ms = PROFILE_NEVER; /* its end says when the next one is */
	}
	if (!flight_start(&broker->flights, profile, now_ms)) {
		profile->due_ms = due_ms;
		profile->started_ms = now_ms; /* there was no memory: try again after the gap */
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t first_deadline(const struct waiter_list *waiters)
{
	const struct waiter *first = TAILQ_FIRST(&waiters->queue);

	return first ? first->deadline_ms : INT64_MAX;
}

/* When something has to happen for this profile. */
static int64_t profile_next(const struct profile *profile)
{
	int64_t next_ms = earlier(
		first_deadline(&profile->waiters), first_deadline(&profile->sign_ins));

	if (profile->token) {
		next_ms = earlier(next_ms, token_usable_until(profile->token) + 1);
	}
	/* With no place at the host, the attempt that ends there wakes us. */
	if (!profile->attempt && profile->host->in_flight < BROKER_HOST_ATTEMPTS_MAX) {
		next_ms = earlier(next_ms, profile_next_start(profile));
	}
	return next_ms;
}

static void expire_waiters(struct broker *broker, int64_t now_ms)
{
	struct waiter_list expired = WAITER_LIST_INITIALIZER(expired);
	struct answer answer = {.outcome = OUTCOME_TIMEOUT, .retry_after_ms = 1};

	for (size_t i = 0; i < broker->roster.n; i++) {
		waiters_take_due(&broker->roster.profiles[i]->waiters, &expired, now_ms);
		waiters_take_due(&broker->roster.profiles[i]->sign_ins, &expired, now_ms);
	}
	broker->counters.timeouts += expired.n;
	waiters_answer(&expired, &answer);
}

int64_t broker_tick(struct broker *broker, int64_t now_ms)
{
	struct profile *profile;

	if (broker->shutting_down) {
		broker->next_ms = INT64_MAX;
		return broker->next_ms;
	}
	for (size_t i = 0; i < broker->roster.n; i++) {
		profile_expire(broker->roster.profiles[i], now_ms);
	}
	while ((profile = next_to_start(broker, now_ms))) {
		start(broker, profile, now_ms);
	}
	expire_waiters(broker, now_ms);
	broker->next_ms = INT64_MAX;
	for (size_t i = 0; i < broker->roster.n; i++) {
		broker->next_ms = earlier(
			broker->next_ms, profile_next(broker->roster.profiles[i]));
	}
	return broker->next_ms;
}

int64_t broker_next(const struct broker *broker)
{
	return broker->next_ms;
}

void broker_wall_stepped(struct broker *broker, int64_t step_ms, int64_t now_ms)
{
	for (size_t i = 0; i < broker->roster.n; i++) {
		struct profile *profile = broker->roster.profiles[i];

		if (!profile->token) {
			continue;
		}
		token_unrender(
			profile->token); /* it says when the token expires, by the wall clock */
		if (step_ms > BROKER_WALL_STEP_MS &&
			token_expires(profile->token) - now_ms <= step_ms) {
			token_free(profile->token);
			profile->token = NULL;
			if (profile_may_fetch(profile) && !profile_backs_off(profile, now_ms)) {
				profile_want(profile, now_ms);
			}
		}
	}
	sooner(broker, now_ms);
}

void broker_shutdown(struct broker *broker)
{
	struct answer answer = {.outcome = OUTCOME_SHUTTING_DOWN};

	broker->shutting_down = true;
	flight_shutdown(&broker->flights);
	for (size_t i = 0; i < broker->roster.n; i++) {
		if (broker->roster.profiles[i]->unsaved) {
			flight_store(&broker->flights, broker->roster.profiles[i]);
		}
		answer_all(&broker->roster.profiles[i]->waiters, &answer);
		answer_all(&broker->roster.profiles[i]->sign_ins, &answer);
	}
}

bool broker_is_busy(const struct broker *broker)
{
	return !LIST_EMPTY(&broker->flights.list);
}

struct broker_counters broker_counters(const struct broker *broker)
{
	struct broker_counters counters = broker->counters;

	counters.attempts = broker->flights.n_sent;
	return counters;
}
