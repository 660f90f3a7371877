#include "profile.h"

#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "device.h"
#include "schedule.h"
#include "secret.h"
#include "settings.h"
#include "token.h"

struct profile *profile_new(struct settings *settings)
{
	struct profile *profile = calloc(1, sizeof(*profile));

	if (!profile) {
		settings_unref(settings);
		return NULL;
	}
	profile->settings = settings;
	TAILQ_INIT(&profile->authorizations);
	TAILQ_INIT(&profile->waiters.queue);
	TAILQ_INIT(&profile->sign_ins.queue);
	TAILQ_INIT(&profile->logouts.queue);
	profile->due_ms = PROFILE_NEVER;
	profile->started_ms = INT64_MIN;
	profile->rejected_ms = INT64_MIN;
	profile->asked_ms = INT64_MIN;
	profile->provider.sign_in_ms = INT64_MIN;
	profile->looked_ms = INT64_MIN;
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
	authorize_end_all(&profile->authorizations);
	login_done(&profile->login);
	code_free(profile->code);
	device_free(profile->device);
	token_free(profile->held);
	token_free(profile->token);
	settings_unref(profile->settings);
	free(profile);
}

/* An attempt that only asks whether somebody has signed in yet is nothing to wait for. */
static bool is_polling(const struct profile *profile)
{
	return profile->device && profile->device->step == DEVICE_POLLING;
}

/* Something is under way that may bring a token. */
static bool is_busy(const struct profile *profile)
{
	return (profile->attempt && !is_polling(profile)) ||
	       (profile->code && profile->code->origin != CODE_DEVICE) ||
	       provider_is_busy(&profile->provider);
}

enum profile_state profile_state(const struct profile *profile)
{
	if (is_busy(profile)) {
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

/* A seed is there that was never used; one that has changed since is found by flight_start(). */
static bool has_first_seed(const struct profile *profile)
{
	return (profile->settings->grant->parts & GRANT_SEED) && profile->login.seed[0] == '\0' &&
	       profile->settings->secrets[SETTINGS_REFRESH_TOKEN].value;
}

bool profile_has_provider(const struct profile *profile)
{
	const struct settings *settings = profile->settings;

	return grant_is_provided(settings) &&
	       (profile->provider.registered || settings->auth_provider_command);
}

bool profile_has_credentials(const struct profile *profile)
{
	const struct settings *settings = profile->settings;
	const struct settings_secret *assertion = &settings->secrets[SETTINGS_ASSERTION];

	if (settings->grant->parts & (GRANT_SESSION | GRANT_PLANTED)) {
		return false;
	}
	if (!(settings->grant->parts & GRANT_ASSERTION)) {
		return true;
	}
	return !profile_has_provider(profile) &&
	       (assertion->value || assertion->file || assertion->problem);
}

bool profile_can_ask(const struct profile *profile)
{
	return !profile->login.logged_out &&
	       (profile_has_provider(profile) || profile_has_credentials(profile) ||
		       profile->login.refresh_token || has_first_seed(profile) ||
		       (grant_is_stored(profile->settings) && !profile->loaded));
}

bool profile_may_fetch(const struct profile *profile)
{
	return profile_can_ask(profile) &&
	       (profile->settings->refresh_access_token || profile->generation == 0);
}

bool profile_device_is_held(const struct profile *profile)
{
	return waiters_has(&profile->sign_ins, WAITER_USER_CODE) ||
	       waiters_has(&profile->sign_ins, WAITER_DEVICE);
}

int64_t profile_device_next(const struct profile *profile)
{
	return profile->device ? device_next(profile->device, profile_device_is_held(profile))
			       : PROFILE_NEVER;
}

bool profile_will_start(const struct profile *profile)
{
	return profile->wanted || profile_may_fetch(profile) || !profile_can_ask(profile);
}

bool profile_backs_off(const struct profile *profile, int64_t now_ms)
{
	if (is_busy(profile)) {
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

int64_t profile_next_start(const struct profile *profile)
{
	if (profile->code) {
		return earliest_start(profile);
	}
	if (provider_is_busy(&profile->provider)) {
		return PROFILE_NEVER; /* what comes of it says when */
	}
	return profile_will_start(profile) ? profile->due_ms : PROFILE_NEVER;
}

bool profile_flies(const struct profile *profile, int64_t now_ms)
{
	return is_busy(profile) ||
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

/* Where there is nothing to ask with, an attempt is due when the token has passed: it tells what
 * has to be done. */
static void renew_at_refresh_point(struct profile *profile)
{
	if (!profile_can_ask(profile)) {
		profile->due_ms = token_usable_until(profile->token) + 1;
	} else if (profile->settings->refresh_access_token) {
		profile->due_ms = not_before(profile, profile->token->refresh_ms);
	} else {
		profile->due_ms = PROFILE_NEVER;
	}
}

/* Takes token over. */
static void take_token(
	struct profile *profile, struct token *token, int64_t now_ms, uint32_t random)
{
	token_free(profile->token);
	profile->token = token;
	token->refresh_ms = token->sent_ms +
			    schedule_refresh(token->lifetime_ms, token->refresh_in_ms, random);
	profile->generation++;
	profile->verdict = GRANT_GRANTED;
	profile->wanted = false;
	profile->repeated = false;
	profile->failures = 0;
	error_clear(&profile->last_error);
	renew_at_refresh_point(profile);
}

void profile_plant(struct profile *profile, struct token *token, int64_t now_ms, uint32_t random)
{
	take_token(profile, token, now_ms, random);
	profile->login.account[0] = '\0'; /* nobody says whose it is */
}

/* After a temporary failure. */
static void try_again(
	struct profile *profile, int64_t retry_after_ms, int64_t now_ms, uint32_t random)
{
	int64_t wait_ms = schedule_retry(profile->failures, retry_after_ms, random);
	bool is_own = wait_ms == schedule_retry(profile->failures, 0, random);

	profile->retry = is_own ? PROFILE_RETRY_BACKOFF : PROFILE_RETRY_AFTER;
	profile->due_ms = not_before(profile, now_ms + wait_ms);
}

void profile_answered(struct profile *profile, const struct grant_result *result,
	int64_t duration_ms, int64_t now_ms)
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
}

void profile_settle(struct profile *profile, struct grant_result *result, int64_t duration_ms,
	int64_t now_ms, uint32_t random)
{
	profile_answered(profile, result, duration_ms, now_ms);
	if (result->verdict == GRANT_GRANTED && !token_usable(result->token, now_ms)) {
		grant_fail(result, GRANT_TEMPORARY,
			"The login server %s answered so late that the token had already passed",
			profile->settings->token_host);
	}
	if (result->verdict == GRANT_GRANTED) {
		take_token(profile, result->token, now_ms, random);
		result->token = NULL;
		return;
	}
	profile->verdict = result->verdict;
	profile->failures++;
	remember_error(profile, result, now_ms);
	if (result->lost && !profile->repeated) {
		profile->repeated = true;
		profile->retry = PROFILE_RETRY_LOST;
		profile->due_ms = not_before(profile, now_ms);
	} else if (result->verdict == GRANT_TEMPORARY) {
		try_again(profile, result->retry_after_ms, now_ms, random);
	} else if (result->verdict == GRANT_PERMANENT) {
		profile->due_ms = now_ms + SCHEDULE_REJECTED_RETRY_MS;
	} else {
		profile->due_ms = PROFILE_NEVER;
	}
}

void profile_drop_token(struct profile *profile)
{
	token_free(profile->token);
	profile->token = NULL;
}

void profile_expire(struct profile *profile, int64_t now_ms)
{
	if (profile->token && !token_usable(profile->token, now_ms)) {
		profile_drop_token(profile);
	}
}

bool profile_wall_stepped(struct profile *profile, int64_t step_ms, int64_t now_ms)
{
	if (!profile->token) {
		return false;
	}
	token_unrender(profile->token); /* it says when the token expires, by the wall clock */
	if (step_ms <= PROFILE_WALL_STEP_MS || token_expires(profile->token) - now_ms > step_ms) {
		return false;
	}
	profile_drop_token(profile);
	if (profile_may_fetch(profile) && !profile_backs_off(profile, now_ms)) {
		profile_want(profile, now_ms);
	}
	return true;
}

void profile_resume(struct profile *profile, int64_t now_ms)
{
	if (profile->verdict == GRANT_GRANTED && profile->token) {
		renew_at_refresh_point(profile);
		if (profile->wanted) {
			profile_want(profile, now_ms);
		}
	} else if (profile->verdict == GRANT_NONE || profile->verdict == GRANT_GRANTED) {
		profile->due_ms = not_before(profile, now_ms);
	}
}

void profile_found_provider(struct profile *profile, int64_t now_ms, uint32_t random)
{
	int64_t due_ms = now_ms;
	bool has_sent = profile->started_ms != INT64_MIN && profile->failures > 0;

	if (profile->attempt || profile->code || provider_is_busy(&profile->provider) ||
		!profile_may_fetch(profile)) {
		return;
	}
	if (profile->verdict == GRANT_GRANTED && profile->token) {
		renew_at_refresh_point(profile);
	} else if (profile->verdict == GRANT_LOGIN_REQUIRED) {
		if (has_sent) {
			due_ms = profile->started_ms + schedule_retry(profile->failures, 0, random);
		}
		if (due_ms <= now_ms) {
			due_ms = now_ms;
			profile->verdict = profile->token ? GRANT_GRANTED : GRANT_NONE;
		}
		profile->due_ms = not_before(profile, due_ms);
	}
}

void profile_lost_provider(struct profile *profile, int64_t now_ms)
{
	if (!profile->attempt && profile->verdict == GRANT_GRANTED && profile->token) {
		renew_at_refresh_point(profile);
	}
}

void profile_mend(struct profile *profile, int64_t now_ms)
{
	profile->verdict = profile->token ? GRANT_GRANTED : GRANT_NONE;
	profile->failures = 0;
	profile->due_ms = not_before(profile, now_ms);
}

/* What there is of tokens, and on the way to one. */
static void forget(struct profile *profile)
{
	profile_drop_token(profile);
	token_free(profile->held);
	profile->held = NULL;
	code_free(profile->code);
	profile->code = NULL;
	authorize_end_all(&profile->authorizations);
	profile->provider.step = PROVIDER_IDLE;
	profile->repeated = false;
	profile->failures = 0;
}

void profile_log_out(struct profile *profile, const char *why, int64_t now_ms)
{
	struct grant_result result = {0};

	forget(profile);
	login_set(&profile->login, NULL);
	profile->login.account[0] = '\0';
	profile->login.logged_out = true;
	profile->loaded = true;
	profile->unsaved = false;
	profile->wanted = false;
	profile->asked_ms = INT64_MIN; /* a refresh is a way back */
	profile->due_ms = PROFILE_NEVER;
	profile->verdict = GRANT_LOGIN_REQUIRED;
	grant_fail(&result, GRANT_LOGIN_REQUIRED, "%s", why);
	remember_error(profile, &result, now_ms);
}

void profile_reset(struct profile *profile, int64_t now_ms)
{
	forget(profile);
	profile->verdict = GRANT_NONE;
	error_clear(&profile->last_error);
	answer_clear(&profile->last_answer);
	profile->due_ms = not_before(profile, now_ms);
}

void profile_change(struct profile *profile, struct settings *settings, int64_t now_ms)
{
	bool reseeded = !secret_equal(profile->settings->secrets[SETTINGS_REFRESH_TOKEN].value,
		settings->secrets[SETTINGS_REFRESH_TOKEN].value);
	bool mended = (profile->verdict == GRANT_PERMANENT ||
			      profile->verdict == GRANT_LOGIN_REQUIRED) &&
		      !settings_same_credentials(profile->settings, settings);

	settings_unref(profile->settings);
	profile->settings = settings;
	if (mended) {
		profile_mend(profile, now_ms);
	} else if (profile->verdict == GRANT_GRANTED && profile->token && !reseeded) {
		renew_at_refresh_point(profile);
	} else if ((profile->verdict == GRANT_GRANTED || reseeded) && profile_may_fetch(profile)) {
		profile->due_ms = not_before(profile, now_ms);
	}
}
