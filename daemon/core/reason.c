#include "reason.h"

#include <stdio.h>

#include "due.h"
#include "host.h"
#include "profile.h"
#include "schedule.h"
#include "settings.h"
#include "token.h"

static void say(char why[REASON_SIZE], const char *text)
{
	snprintf(why, REASON_SIZE, "%s", text);
}

/* Why there is no time to tell. */
static const char *why_never(const struct profile *profile)
{
	if (profile->settings->grant->parts & GRANT_IMPLICIT) {
		return "never by itself: a sign-in brings the token";
	}
	if (profile->settings->grant->parts & GRANT_PLANTED) {
		return "never by itself: auth.setAccessToken brings the token";
	}
	if (!profile_can_ask(profile) || profile->verdict == GRANT_LOGIN_REQUIRED) {
		return "never by itself: login required";
	}
	return "never by itself: refresh_access_token is off";
}

/* It is time, but it has not begun. */
static void why_now(const struct profile *profile, char why[REASON_SIZE])
{
	if (profile->host->in_flight >= DUE_HOST_ATTEMPTS_MAX) {
		snprintf(why, REASON_SIZE,
			"its turn comes when one of the %d attempts at %s has ended",
			DUE_HOST_ATTEMPTS_MAX, profile->host->name);
	} else {
		say(why, "it is due now");
	}
}

static void why_again(const struct profile *profile, char why[REASON_SIZE])
{
	switch (profile->retry) {
	case PROFILE_RETRY_BACKOFF:
		snprintf(why, REASON_SIZE, "back-off after %u failure%s in a row",
			profile->failures, profile->failures == 1 ? "" : "s");
		break;
	case PROFILE_RETRY_AFTER:
		say(why, "the server said Retry-After");
		break;
	case PROFILE_RETRY_LOST:
		say(why, "the answer was lost, and is asked for once more");
		break;
	}
}

static void why_renewed(const struct profile *profile, char why[REASON_SIZE])
{
	if (profile->wanted || !profile->token) {
		say(why, "it was asked for");
	} else if (profile->token->refresh_in_ms > 0) {
		say(why, "the answer's refresh_in");
	} else {
		snprintf(why, REASON_SIZE, "%d %% of the token's lifetime will have passed",
			SCHEDULE_REFRESH_PERCENT);
	}
}

static void why_then(const struct profile *profile, char why[REASON_SIZE])
{
	switch (profile->verdict) {
	case GRANT_NONE:
		say(why, "the first token is fetched");
		break;
	case GRANT_GRANTED:
		why_renewed(profile, why);
		break;
	case GRANT_TEMPORARY:
		why_again(profile, why);
		break;
	case GRANT_PERMANENT:
		snprintf(why, REASON_SIZE, "a permanent refusal is tried again after %d seconds",
			SCHEDULE_REJECTED_RETRY_MS / 1000);
		break;
	case GRANT_LOGIN_REQUIRED:
		say(why, "it was asked for");
		break;
	}
}

int64_t reason_next(const struct profile *profile, int64_t now_ms, char why[REASON_SIZE])
{
	int64_t next_ms = profile_next_start(profile);

	if (profile->attempt) {
		say(why, "an attempt is in flight");
		return PROFILE_NEVER;
	}
	if (provider_is_busy(&profile->provider)) {
		snprintf(why, REASON_SIZE, "its provider was asked to %s, and has not answered yet",
			errand_name(profile->provider.errand.kind));
		return PROFILE_NEVER;
	}
	if (next_ms == PROFILE_NEVER || (!profile->code && !profile_can_ask(profile))) {
		say(why, why_never(profile));
		return PROFILE_NEVER;
	}
	if (next_ms <= now_ms) {
		why_now(profile, why);
	} else if (profile->code) {
		say(why, "the code of a sign-in is exchanged");
	} else {
		why_then(profile, why);
	}
	return next_ms;
}
