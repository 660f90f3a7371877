#include "broker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "roster.h"
#include "schedule.h"
#include "secret.h"
#include "settings.h"
#include "token.h"

struct broker {
	const struct broker_ops *ops;
	void *context;
	struct roster roster;
	struct host_list hosts;
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

static void answer_all(struct profile *profile, const struct answer *answer)
{
	struct waiter_list list = WAITER_LIST_INITIALIZER(list);

	waiters_take(&profile->waiters, &list);
	waiters_answer(&list, answer);
}

void broker_forget(struct broker *broker, struct waiter *waiter)
{
	waiter_leave(waiter);
}

/* ---- answers */

static struct answer answer_error(const struct profile *profile, int64_t now_ms)
{
	struct answer answer = {.text = profile->last_error.message};

	switch (profile->verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
	case GRANT_TEMPORARY:
		answer.outcome = OUTCOME_UNAVAILABLE;
		answer.retry_after_ms = profile->due_ms - now_ms;
		break;
	case GRANT_PERMANENT:
		answer.outcome = OUTCOME_REJECTED;
		break;
	case GRANT_LOGIN_REQUIRED:
		answer.outcome = OUTCOME_LOGIN_REQUIRED;
		break;
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

/* ---- configuration */

struct broker *broker_new(const struct broker_ops *ops, void *context)
{
	struct broker *broker = calloc(1, sizeof(*broker));

	if (broker) {
		broker->ops = ops;
		broker->context = context;
		broker->next_ms = INT64_MAX;
		TAILQ_INIT(&broker->hosts);
	}
	return broker;
}

static void attempt_end(struct broker *broker, struct attempt *attempt)
{
	attempt->host->in_flight--;
	host_leave(&broker->hosts, attempt->host);
	attempt->profile->attempt = NULL;
	free(attempt);
}

static void attempt_cancel(struct broker *broker, struct profile *profile)
{
	if (profile->attempt) {
		broker->ops->cancel(broker->context, profile->attempt);
		attempt_end(broker, profile->attempt);
	}
}

/* Frees profiles that nobody waits for any more. */
static void drop(struct broker *broker, struct roster *roster)
{
	for (size_t i = 0; i < roster->n; i++) {
		if (roster->profiles[i]) {
			attempt_cancel(broker, roster->profiles[i]);
		}
	}
	roster_done(roster, &broker->hosts);
}

void broker_free(struct broker *broker)
{
	if (broker) {
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

/* Puts the settings of a profile that was made for them into the one that was there before. */
static void succeed(
	struct broker *broker, struct profile *old, struct profile *made, int64_t now_ms)
{
	struct settings *settings = made->settings;
	struct host *host = old->host;

	made->settings = NULL;
	old->host = made->host;
	host_leave(&broker->hosts, host);
	profile_free(made);
	if (settings_same_identity(old->settings, settings)) {
		profile_change(old, settings, now_ms);
		return;
	}
	attempt_cancel(broker, old);
	settings_free(old->settings);
	old->settings = settings;
	profile_reset(old, now_ms);
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
	struct judge judge = {may_still, broker->context};
	struct answer answer = {.outcome = OUTCOME_DENIED};
	struct roster gone = broker->roster, roster;

	if (roster_init(&roster, &broker->hosts, settings, n) < 0) {
		return -ENOMEM;
	}
	merge(broker, &gone, &roster, now_ms);
	broker->roster = roster;
	for (size_t i = 0; i < roster.n; i++) {
		waiters_pick(&roster.profiles[i]->waiters, &denied, is_denied, &judge);
	}
	for (size_t i = 0; i < gone.n; i++) {
		if (roster_find(&roster, gone.profiles[i]->settings->name)) {
			gone.profiles[i] = NULL; /* it stays */
		} else {
			waiters_take(&gone.profiles[i]->waiters, &denied);
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
	waiter_join(&profile->waiters, waiter);
	sooner(broker, waiter->deadline_ms);
}

static struct answer refuse_to_fetch(void)
{
	return (struct answer){.outcome = OUTCOME_LOGIN_REQUIRED,
		.text = "The token has passed, and refresh_access_token = false forbids to fetch "
			"another; ask auth.refresh, or set it to true"};
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
		return refuse_to_fetch();
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
	} else if (!profile_may_fetch(profile) && !profile_flies(profile, now_ms)) {
		return refuse_to_fetch();
	} else if (profile_backs_off(profile, now_ms)) {
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

/* ---- attempts */

void broker_finish(
	struct broker *broker, struct attempt *attempt, struct grant_result *result, int64_t now_ms)
{
	struct profile *profile = attempt->profile;
	struct waiter_list done = WAITER_LIST_INITIALIZER(done);
	struct waiter_list failed = WAITER_LIST_INITIALIZER(failed);
	struct answer answer, error;

	assert(profile->attempt == attempt);
	profile_settle(profile, result, now_ms - attempt->sent_ms, now_ms,
		broker->ops->random(broker->context));
	attempt_end(broker, attempt);
	profile_expire(profile, now_ms);
	sooner(broker,
		now_ms); /* a place at the host is free, and the next deadline has to be found */
	answer = answer_token(profile);
	if (profile->verdict == GRANT_GRANTED) {
		broker->counters.tokens++;
		answer_all(profile, &answer);
		return;
	}
	broker->counters.failures++;
	error = answer_error(profile, now_ms);
	if (profile->token) {
		waiters_pick(&profile->waiters, &done, is_content_with_current, NULL);
	}
	if (profile->verdict == GRANT_TEMPORARY) {
		/* The others stay: an answer can still come in their time. */
		waiters_take_due(&profile->waiters, &failed, profile->due_ms);
	} else {
		waiters_take(&profile->waiters, &failed);
	}
	profile->wanted = profile->waiters.n > 0;
	waiters_answer(&done, &answer);
	waiters_answer(&failed, &error);
}

static bool may_start(const struct profile *profile, int64_t now_ms)
{
	return !profile->attempt && profile_will_start(profile) && profile->due_ms <= now_ms &&
	       profile->host->in_flight < BROKER_HOST_ATTEMPTS_MAX;
}

/* Those with waiters go first, then those due longest. */
static bool goes_before(const struct profile *a, const struct profile *b)
{
	bool a_waits = a->waiters.n > 0, b_waits = b->waiters.n > 0;

	return a_waits != b_waits ? a_waits : a->due_ms < b->due_ms;
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

/* False when there is no memory for it; it stays due. */
static bool attempt_start(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt) {
		profile->due_ms = now_ms + SCHEDULE_ATTEMPT_GAP_MS;
		return false;
	}
	attempt->profile = profile;
	attempt->host = profile->host;
	attempt->host->users++;
	attempt->host->in_flight++;
	attempt->sent_ms = now_ms;
	attempt->context = broker->context;
	profile->attempt = attempt;
	profile->started_ms = now_ms;
	profile->due_ms = PROFILE_NEVER;
	broker->counters.attempts++;
	broker->ops->start(broker->context, attempt);
	return true;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When something has to happen for this profile. */
static int64_t profile_next(const struct profile *profile)
{
	const struct waiter *first = TAILQ_FIRST(&profile->waiters.queue);
	int64_t next_ms = first ? first->deadline_ms : INT64_MAX;

	if (profile->token) {
		next_ms = earlier(next_ms, token_usable_until(profile->token) + 1);
	}
	/* With no place at the host, the attempt that ends there wakes us. */
	if (!profile->attempt && profile_will_start(profile) &&
		profile->host->in_flight < BROKER_HOST_ATTEMPTS_MAX) {
		next_ms = earlier(next_ms, profile->due_ms);
	}
	return next_ms;
}

static void expire_waiters(struct broker *broker, int64_t now_ms)
{
	struct waiter_list expired = WAITER_LIST_INITIALIZER(expired);
	struct answer answer = {.outcome = OUTCOME_TIMEOUT, .retry_after_ms = 1};

	for (size_t i = 0; i < broker->roster.n; i++) {
		waiters_take_due(&broker->roster.profiles[i]->waiters, &expired, now_ms);
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
		attempt_start(broker, profile, now_ms);
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
	for (size_t i = 0; i < broker->roster.n; i++) {
		attempt_cancel(broker, broker->roster.profiles[i]);
		answer_all(broker->roster.profiles[i], &answer);
	}
}

const struct broker_counters *broker_counters(const struct broker *broker)
{
	return &broker->counters;
}
