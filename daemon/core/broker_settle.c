#include "answers.h"
#include "broker.h"
#include "broker_inside.h"
#include "code.h"
#include "settings.h"
#include "tell.h"

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
		broker_end_logged_out(broker, profile);
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

void broker_settle(
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
