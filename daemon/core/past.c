#include "past.h"

#include <string.h>

#include "device.h"
#include "profile.h"
#include "schedule.h"
#include "settings.h"
#include "token.h"

void past_done(struct past *past)
{
	profile_free(past->profile);
	*past = (struct past){0};
}

/* Times that have been: none is ahead of now. */
static int64_t been(int64_t at_ms, int64_t now_ms)
{
	return at_ms < now_ms ? at_ms : now_ms;
}

static void restore_token(struct profile *profile, struct profile *old, int64_t now_ms)
{
	if (token_usable(old->token, now_ms) && old->token->sent_ms <= now_ms) {
		profile->token = old->token;
		old->token = NULL;
	}
}

static void restore_reports(struct profile *profile, struct profile *old)
{
	profile->last_answer = old->last_answer;
	old->last_answer = (struct profile_answer){0};
	profile->last_error = old->last_error;
	old->last_error = (struct profile_error){0};
}

static void restore_device(struct profile *profile, struct profile *old, int64_t now_ms)
{
	if (old->device) {
		profile->device = old->device;
		profile->device->profile = profile;
		old->device = NULL;
		device_resume(profile->device, now_ms);
	}
}

/* The answer may have come just when the daemon died of it. */
static void count_lost(struct profile *profile, uint32_t random)
{
	struct grant_result result = {0};

	profile->verdict = GRANT_TEMPORARY;
	profile->failures++;
	profile->due_ms = profile->started_ms + schedule_retry(profile->failures, 0, random);
	if (profile->last_error.verdict == GRANT_NONE) {
		grant_fail(&result, GRANT_TEMPORARY,
			"The daemon ended while it waited for an answer of the login server %s",
			profile->settings->token_host);
		profile->last_error.verdict = GRANT_TEMPORARY;
		profile->last_error.message = strdup(result.message);
		profile->last_error.at_ms = profile->started_ms;
	}
}

/* Makes the next attempt due as soon as the gap after the last one allows. */
static void make_due(struct profile *profile, int64_t now_ms)
{
	int64_t earliest_ms = profile->started_ms == INT64_MIN
				      ? INT64_MIN
				      : profile->started_ms + SCHEDULE_ATTEMPT_GAP_MS;

	profile->due_ms = now_ms > earliest_ms ? now_ms : earliest_ms;
}

/* Says when the next attempt is due. */
static void go_on(struct profile *profile, bool new_credentials, int64_t now_ms)
{
	bool is_verdict_on_credentials = profile->verdict == GRANT_PERMANENT ||
					 profile->verdict == GRANT_LOGIN_REQUIRED;
	bool is_reseeded = new_credentials && (profile->settings->grant->parts & GRANT_SEED);
	bool is_rejected = profile->verdict == GRANT_GRANTED && profile->token &&
			   profile->token->rejected;
	bool was_cancelled = profile->due_ms == PROFILE_NEVER &&
			     profile->verdict != GRANT_LOGIN_REQUIRED;

	if (new_credentials && is_verdict_on_credentials) {
		profile_mend(profile, now_ms);
	} else if (is_reseeded || is_rejected ||
		   (profile->verdict != GRANT_GRANTED && was_cancelled)) {
		make_due(profile, now_ms);
	} else {
		profile_resume(profile, now_ms);
	}
}

void past_restore(struct profile *profile, struct past *past, int64_t now_ms, uint32_t random)
{
	struct profile *old = past->profile;

	profile->generation = old->generation;
	profile->login.logged_out |= old->login.logged_out;
	profile->started_ms = been(old->started_ms, now_ms);
	profile->rejected_ms = been(old->rejected_ms, now_ms);
	profile->asked_ms = been(old->asked_ms, now_ms);
	TAILQ_CONCAT(&profile->authorizations, &old->authorizations, link);
	restore_device(profile, old, now_ms);
	if (old->verdict == GRANT_NONE && !past->in_flight) {
		return; /* its first attempt had not begun: it is due as it is */
	}
	profile->verdict = old->verdict;
	profile->failures = old->failures;
	profile->repeated = old->repeated;
	profile->due_ms = old->due_ms;
	restore_token(profile, old, now_ms);
	restore_reports(profile, old);
	if (past->in_flight) {
		count_lost(profile, random);
	} else {
		go_on(profile, past->new_credentials, now_ms);
	}
}
