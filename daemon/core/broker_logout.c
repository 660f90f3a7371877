#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "answers.h"
#include "broker.h"
#include "broker_inside.h"
#include "device.h"
#include "profile.h"
#include "provision.h"
#include "revocation.h"
#include "secret.h"
#include "settings.h"
#include "tell.h"
#include "token.h"

/* ---- revocations */

/* Sends what its step says; there may be nothing to send. */
static void ask(struct broker *broker, struct revocation *revocation)
{
	const struct flights *flights = &broker->flights;

	if (revocation->step != REVOCATION_ENDED) {
		flights->ops->revoke(flights->context, revocation);
	}
}

/* Begins with secrets of which what is not NULL is taken over. */
static void begin(struct broker *broker, struct revocation *revocation)
{
	const struct flights *flights = &broker->flights;
	char why[GRANT_MESSAGE_SIZE];

	revocation->context = flights->context;
	LIST_INSERT_HEAD(&broker->revocations, revocation, link);
	if (revocation->step != REVOCATION_ENDED &&
		!flights->ops->prepare(flights->context, revocation->settings, why)) {
		memcpy(revocation->why, why, sizeof(revocation->why));
		revocation->step = REVOCATION_ENDED;
	}
	ask(broker, revocation);
}

static bool has_ended(const struct revocation *revocation)
{
	return !revocation->noting && revocation->step == REVOCATION_ENDED;
}

static struct revocation *ended_one(const struct broker *broker)
{
	struct revocation *revocation;

	LIST_FOREACH (revocation, &broker->revocations, link) {
		if (has_ended(revocation)) {
			return revocation;
		}
	}
	return NULL;
}

bool broker_has_ended_logouts(const struct broker *broker)
{
	return ended_one(broker);
}

/* The profile whose logout it is of, NULL: there is none any more, or it never had one. */
static struct profile *profile_of(const struct broker *broker, const struct revocation *revocation)
{
	for (size_t i = 0; revocation->number > 0 && i < broker->roster.n; i++) {
		if (broker->roster.profiles[i]->number == revocation->number) {
			return broker->roster.profiles[i];
		}
	}
	return NULL;
}

static struct answer answer_of(const struct revocation *revocation)
{
	if (revocation->unsaved[0] != '\0') {
		return (struct answer){.outcome = OUTCOME_UNSAVED, .text = revocation->unsaved};
	}
	return (struct answer){
		.outcome = OUTCOME_LOGGED_OUT,
		.text = revocation->why[0] != '\0' ? revocation->why : NULL,
		.revoked = revocation->revoked,
	};
}

static void end(struct broker *broker, struct revocation *revocation)
{
	struct profile *profile = profile_of(broker, revocation);
	struct answer answer = answer_of(revocation);

	LIST_REMOVE(revocation, link);
	broker->flights.ops->left(broker->flights.context, revocation);
	if (profile) {
		answers_all(&profile->logouts, &answer);
	}
	revocation_free(revocation);
}

void broker_noted(
	struct broker *broker, struct revocation *revocation, const char *why, int64_t now_ms)
{
	struct profile *profile = profile_of(broker, revocation);

	revocation->noting = false;
	if (why) {
		if (profile && profile->login.logged_out) {
			profile->unsaved = true; /* so that it is tried once more at the end */
		}
		snprintf(revocation->unsaved, sizeof(revocation->unsaved),
			"Profile %s is logged out, but this will be forgotten with the daemon: %s",
			revocation->settings->name, why);
	}
	broker_sooner(broker, now_ms); /* it may have ended */
}

void broker_revoked(struct broker *broker, struct revocation *revocation,
	struct grant_result *result, int64_t now_ms)
{
	revocation_go_on(revocation, result);
	ask(broker, revocation);
	broker_sooner(broker, now_ms); /* likewise */
}

void broker_revoke_late(
	struct broker *broker, const struct attempt *attempt, struct grant_result *result)
{
	struct secret *token = result->token ? result->token->value : NULL;
	struct revocation *revocation = token || result->refresh_token
						? revocation_new(attempt->settings, token,
							  result->refresh_token)
						: NULL;

	if (revocation) {
		result->refresh_token = NULL;
		revocation->late = true;
		if (result->token) {
			result->token->value = NULL;
		}
		begin(broker, revocation);
	}
}

static void drop(struct broker *broker, struct revocation *revocation)
{
	const struct flights *flights = &broker->flights;
	const struct settings *settings = revocation->settings;

	LIST_REMOVE(revocation, link);
	flights->ops->leave(flights->context, revocation);
	if (revocation->step != REVOCATION_ENDED) {
		snprintf(revocation->why, sizeof(revocation->why),
			"The daemon ended before the login server %s had answered",
			settings->token_host);
	}
	if (revocation->noting) {
		snprintf(revocation->unsaved, sizeof(revocation->unsaved),
			"Profile %s was logged out, but the daemon ended before this was stored",
			settings->name);
	}
	flights->ops->left(flights->context, revocation);
	revocation_free(revocation);
}

void broker_drop_revocations(struct broker *broker)
{
	struct revocation *revocation;

	while ((revocation = LIST_FIRST(&broker->revocations))) {
		drop(broker, revocation);
	}
}

/* ---- logouts */

static struct revocation *revocation_of(const struct broker *broker, const struct profile *profile)
{
	struct revocation *revocation;

	LIST_FOREACH (revocation, &broker->revocations, link) {
		if (revocation->number == profile->number) {
			return revocation;
		}
	}
	return NULL;
}

/* Takes out of a profile, or of what was stored of it (NULL: nothing), what is to be revoked. NULL
 * when there is no memory. */
static struct revocation *take_tokens(struct profile *profile, struct token *stored)
{
	struct token *token = profile->held    ? profile->held
			      : profile->token ? profile->token
					       : stored;
	struct revocation *revocation = revocation_new(
		profile->settings, token ? token->value : NULL, profile->login.refresh_token);

	if (revocation) {
		revocation->number = profile->number;
		revocation->noting = true;
		profile->login.refresh_token = NULL;
		if (token) {
			token->value = NULL;
		}
	}
	return revocation;
}

/* Whether nothing has come since that another logout could end. */
static bool is_logged_out(const struct profile *profile)
{
	const struct device *device = profile->device;

	return profile->login.logged_out && !profile->attempt && !profile->code &&
	       (!device || device->step == DEVICE_ENDED) && TAILQ_EMPTY(&profile->authorizations) &&
	       !provider_is_busy(&profile->provider) && !profile->provider.sign_in.asked;
}

/* Whoever waits for a token or a sign-in does so in vain. */
static void tell_waiters(struct profile *profile, int64_t now_ms)
{
	struct answer answer = answers_error(profile, now_ms);

	answers_all(&profile->waiters, &answer);
	answers_all(&profile->sign_ins, &answer);
}

struct answer broker_logout(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	struct flights *flights = &broker->flights;
	char why[GRANT_MESSAGE_SIZE];
	struct revocation *earlier, *revocation;
	bool known = profile->login.logged_out;
	struct token *stored = NULL;

	if (broker->shutting_down) {
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	earlier = revocation_of(broker, profile);
	if (earlier && is_logged_out(profile)) {
		return (struct answer){.outcome = OUTCOME_WAITS, .kind = WAITER_LOGOUT};
	}
	flight_recall(flights, profile, &stored, why); /* what cannot be read cannot be revoked */
	revocation = take_tokens(profile, stored);
	token_free(stored);
	if (!revocation) {
		return (struct answer){
			.outcome = OUTCOME_UNAVAILABLE, .text = "The daemon is out of memory"};
	}
	if (earlier) {
		earlier->number = 0; /* whoever waits for it waits for the last one */
	}
	flight_abandon(flights, profile);
	flight_drop_device(flights, profile);
	provision_end(flights, profile);
	grant_say_logged_out(profile->settings, why);
	profile_log_out(profile, why, now_ms);
	broker_changed(broker, profile);
	begin(broker, revocation);
	flights->ops->note(flights->context, revocation, &profile->login);
	broker_sooner(broker, now_ms);
	if (!known) {
		tell_logged_out(flights, profile);
	}
	tell_waiters(profile, now_ms);
	return (struct answer){.outcome = OUTCOME_WAITS, .kind = WAITER_LOGOUT};
}

/* Who has waited long enough is told how far it has come. */
static void expire(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	struct waiter_list expired = WAITER_LIST_INITIALIZER(expired);
	struct answer answer = {.outcome = OUTCOME_TIMEOUT, .retry_after_ms = 1};
	const struct revocation *revocation;
	char why[GRANT_MESSAGE_SIZE];
	int64_t wait_s;

	waiters_take_due(&profile->logouts, &expired, now_ms);
	if (expired.n == 0) {
		return;
	}
	revocation = revocation_of(broker, profile);
	if (revocation && !revocation->noting) {
		wait_s = TAILQ_FIRST(&expired.queue)->wait_ms / 1000;
		snprintf(why, sizeof(why),
			"The login server %s has not answered within %" PRId64
			" second%s; it is still asked to revoke",
			profile->settings->token_host, wait_s, wait_s == 1 ? "" : "s");
		answer = (struct answer){.outcome = OUTCOME_LOGGED_OUT, .text = why};
	}
	waiters_answer(&expired, &answer);
}

void broker_end_logouts(struct broker *broker, int64_t now_ms)
{
	struct revocation *revocation;

	while ((revocation = ended_one(broker))) {
		end(broker, revocation);
	}
	for (size_t i = 0; i < broker->roster.n; i++) {
		expire(broker, broker->roster.profiles[i], now_ms);
	}
}

void broker_leave_logouts(struct broker *broker, struct profile *profile)
{
	const struct revocation *revocation = revocation_of(broker, profile);
	struct answer answer = {.outcome = OUTCOME_SHUTTING_DOWN};

	if (revocation && !revocation->noting) {
		answer = (struct answer){
			.outcome = OUTCOME_LOGGED_OUT,
			.text = "The daemon ends while the login server is asked to revoke",
		};
	}
	answers_all(&profile->logouts, &answer);
}
