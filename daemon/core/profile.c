#include "profile.h"

#include <stdlib.h>
#include <string.h>

#include "schedule.h"
#include "settings.h"
#include "token.h"

struct profile *profile_new(struct settings *settings)
{
	struct profile *profile = calloc(1, sizeof(*profile));

	if (!profile) {
		settings_free(settings);
		return NULL;
	}
	profile->settings = settings;
	TAILQ_INIT(&profile->waiters.queue);
	profile->due_ms = PROFILE_NEVER;
	profile->started_ms = INT64_MIN;
	profile->rejected_ms = INT64_MIN;
	profile->asked_ms = INT64_MIN;
	return profile;
}

static void error_clear(struct profile_error *error)
{
	free(error->message);
	free(error->upstream_error);
	free(error->correlation_id);
	*error = (struct profile_error){0};
}

static void answer_clear(struct profile_answer *answer)
{
	free(answer->correlation_id);
	*answer = (struct profile_answer){0};
}

void profile_free(struct profile *profile)
{
	if (!profile) {
		return;
	}
	error_clear(&profile->last_error);
	answer_clear(&profile->last_answer);
	token_free(profile->token);
	settings_free(profile->settings);
	free(profile);
}

enum profile_state profile_state(const struct profile *profile)
{
	if (profile->attempt) {
		return profile->token ? PROFILE_REFRESHING : PROFILE_FETCHING;
	}
	switch (profile->verdict) {
	case GRANT_NONE:
		return PROFILE_EMPTY;
	case GRANT_TEMPORARY:
		return PROFILE_FAILING;
	case GRANT_PERMANENT:
		return PROFILE_REJECTED;
	case GRANT_LOGIN_REQUIRED:
		return PROFILE_LOGIN_REQUIRED;
	case GRANT_GRANTED:
		break;
	}
	if (profile->token) {
		return PROFILE_FRESH;
	}
	return profile->settings->refresh_access_token ? PROFILE_EMPTY : PROFILE_DISABLED;
}

const char *profile_state_name(enum profile_state state)
{
	static const char *const names[] = {
#define X(symbol, name) [PROFILE_##symbol] = (name),
		PROFILE_STATES(X)
#undef X
	};

	return names[state];
}

bool profile_may_fetch(const struct profile *profile)
{
	return profile->settings->refresh_access_token || profile->generation == 0;
}

bool profile_will_start(const struct profile *profile)
{
	return profile->wanted || profile_may_fetch(profile);
}

bool profile_backs_off(const struct profile *profile, int64_t now_ms)
{
	if (profile->attempt) {
		return false;
	}
	switch (profile->verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
		return false;
	case GRANT_TEMPORARY:
	case GRANT_PERMANENT:
		return profile->due_ms > now_ms;
	case GRANT_LOGIN_REQUIRED:
		return true;
	}
	return false;
}

/* No attempt starts sooner than this. */
static int64_t earliest_start(const struct profile *profile)
{
	return profile->started_ms == INT64_MIN ? INT64_MIN
						: profile->started_ms + SCHEDULE_ATTEMPT_GAP_MS;
}

static int64_t not_before(const struct profile *profile, int64_t due_ms)
{
	int64_t earliest = earliest_start(profile);

	return due_ms > earliest ? due_ms : earliest;
}

bool profile_flies(const struct profile *profile, int64_t now_ms)
{
	return profile->attempt ||
	       (profile_will_start(profile) && profile->due_ms <= not_before(profile, now_ms));
}

void profile_want(struct profile *profile, int64_t now_ms)
{
	int64_t due_ms = not_before(profile, now_ms);

	profile->wanted = true;
	if (due_ms < profile->due_ms) {
		profile->due_ms = due_ms;
	}
}

static char *copy_or_null(const char *text)
{
	return text[0] != '\0' ? strdup(text) : NULL;
}

static void remember_error(
	struct profile *profile, const struct grant_result *result, int64_t now_ms)
{
	error_clear(&profile->last_error);
	profile->last_error = (struct profile_error){
		.verdict = result->verdict,
		.message = copy_or_null(result->message),
		.upstream_error = copy_or_null(result->upstream_error),
		.correlation_id = copy_or_null(result->correlation_id),
		.upstream_status = result->status,
		.at_ms = now_ms,
	};
}

static void renew_at_refresh_point(struct profile *profile)
{
	profile->due_ms = profile->settings->refresh_access_token
				  ? not_before(profile, profile->token->refresh_ms)
				  : PROFILE_NEVER;
}

void profile_settle(struct profile *profile, struct grant_result *result, int64_t duration_ms,
	int64_t now_ms, uint32_t random)
{
	if (result->status > 0) {
		answer_clear(&profile->last_answer);
		profile->last_answer = (struct profile_answer){
			.status = result->status,
			.correlation_id = copy_or_null(result->correlation_id),
			.at_ms = now_ms,
			.duration_ms = duration_ms,
		};
	}
	if (result->verdict == GRANT_GRANTED && !token_usable(result->token, now_ms)) {
		grant_fail(result, GRANT_TEMPORARY,
			"The login server %s answered so late that the token had already passed",
			profile->settings->token_host);
	}
	profile->verdict = result->verdict;
	if (result->verdict == GRANT_GRANTED) {
		token_free(profile->token);
		profile->token = result->token;
		result->token = NULL;
		profile->token->refresh_ms = profile->token->sent_ms +
					     schedule_refresh(profile->token->lifetime_ms,
						     profile->token->refresh_in_ms, random);
		profile->generation++;
		profile->wanted = false;
		profile->failures = 0;
		error_clear(&profile->last_error);
		renew_at_refresh_point(profile);
		return;
	}
	profile->failures++;
	remember_error(profile, result, now_ms);
	if (result->verdict == GRANT_TEMPORARY) {
		profile->due_ms = not_before(profile,
			now_ms + schedule_retry(profile->failures, result->retry_after_ms, random));
	} else if (result->verdict == GRANT_PERMANENT) {
		profile->due_ms = now_ms + SCHEDULE_REJECTED_RETRY_MS;
	} else {
		profile->due_ms = PROFILE_NEVER;
	}
}

void profile_expire(struct profile *profile, int64_t now_ms)
{
	if (profile->token && !token_usable(profile->token, now_ms)) {
		token_free(profile->token);
		profile->token = NULL;
	}
}

void profile_reset(struct profile *profile, int64_t now_ms)
{
	token_free(profile->token);
	profile->token = NULL;
	profile->verdict = GRANT_NONE;
	profile->failures = 0;
	error_clear(&profile->last_error);
	answer_clear(&profile->last_answer);
	profile->due_ms = not_before(profile, now_ms);
}

void profile_change(struct profile *profile, struct settings *settings, int64_t now_ms)
{
	bool mended = profile->verdict == GRANT_PERMANENT &&
		      !settings_same_credentials(profile->settings, settings);

	settings_free(profile->settings);
	profile->settings = settings;
	if (mended) {
		profile->verdict = profile->token ? GRANT_GRANTED : GRANT_NONE;
		profile->failures = 0;
		profile->due_ms = not_before(profile, now_ms);
	} else if (profile->verdict == GRANT_GRANTED && profile->token) {
		renew_at_refresh_point(profile);
	} else if (profile->verdict == GRANT_GRANTED && profile_may_fetch(profile)) {
		profile->due_ms = not_before(profile, now_ms);
	}
}
