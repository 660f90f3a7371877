#include "flight.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "device.h"
#include "profile.h"
#include "secret.h"
#include "settings.h"
#include "token.h"

/* ---- life of an attempt */

static struct attempt *attempt_new(struct flights *flights, struct profile *profile)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt) {
		return NULL;
	}
	attempt->profile = profile;
	attempt->settings = settings_ref(profile->settings);
	attempt->host = profile->host;
	attempt->host->users++;
	attempt->host->in_flight++;
	attempt->context = flights->context;
	profile->attempt = attempt;
	LIST_INSERT_HEAD(&flights->list, attempt, link);
	return attempt;
}

/* It is in flight no more. */
static void attempt_land(struct flights *flights, struct attempt *attempt)
{
	LIST_REMOVE(attempt, link);
	attempt->host->in_flight--;
	host_leave(&flights->hosts, attempt->host);
	if (attempt->profile) {
		attempt->profile->attempt = NULL;
	}
}

static void attempt_free(struct attempt *attempt)
{
	settings_unref(attempt->settings);
	secret_free(attempt->refresh_token);
	secret_free(attempt->client_assertion);
	code_free(attempt->code);
	login_done(&attempt->login);
	grant_result_done(&attempt->result);
	free(attempt);
}

static void drop(struct flights *flights, struct attempt *attempt)
{
	flights->ops->cancel(flights->context, attempt);
	attempt_land(flights, attempt);
	attempt_free(attempt);
}

static void conclude(struct flights *flights, struct attempt *attempt, struct grant_result *result,
	int64_t now_ms)
{
	attempt_land(flights, attempt);
	flights->concluded(flights->owner, attempt, result, now_ms);
	attempt_free(attempt);
}

/* It ends before anything was sent. */
static void fail(struct flights *flights, struct attempt *attempt, enum grant_verdict verdict,
	const char *why, int64_t now_ms)
{
	struct grant_result result = {0};

	grant_fail(&result, verdict, "%s", why);
	conclude(flights, attempt, &result, now_ms);
}

static void store(struct flights *flights, struct attempt *attempt, enum attempt_step step,
	const struct token *token)
{
	attempt->step = step;
	flights->ops->store(
		flights->context, attempt, attempt->settings, &attempt->profile->login, token);
}

void flight_note(struct flights *flights, const struct profile *profile)
{
	flights->ops->store(
		flights->context, NULL, profile->settings, &profile->login, profile->token);
}

void flight_store(struct flights *flights, const struct profile *profile)
{
	if (profile->loaded && (grant_is_stored(profile->settings) || profile->login.logged_out)) {
		flight_note(flights, profile);
	}
}

/* ---- what to send */

static void send(struct flights *flights, struct attempt *attempt, int64_t now_ms)
{
	attempt->step = ATTEMPT_SENT;
	attempt->sent_ms = now_ms;
	attempt->profile->started_ms = now_ms;
	flights->n_sent++;
	flights->ops->start(flights->context, attempt);
}

/* A seed that was never used goes before the refresh token that came of another one. */
static bool use_new_seed(struct flights *flights, struct profile *profile)
{
	const struct secret *seed = profile->settings->secrets[SETTINGS_REFRESH_TOKEN].value;
	char hash[LOGIN_HASH_SIZE];

	if (!(profile->settings->grant->parts & GRANT_SEED) || !seed) {
		return true;
	}
	if (!flights->ops->hash(flights->context, seed, hash)) {
		return false;
	}
	return strcmp(hash, profile->login.seed) == 0 || login_plant(&profile->login, seed, hash);
}

static void fail_without_login(struct flights *flights, struct attempt *attempt, int64_t now_ms)
{
	const struct settings *settings = attempt->settings;
	const char *problem = settings->secrets[SETTINGS_REFRESH_TOKEN].problem;
	struct grant_result result = {0};

	if (problem) {
		grant_fail(&result, GRANT_PERMANENT, "%s", problem);
	} else if (settings->grant->parts & GRANT_DEPLOYMENT) {
		grant_fail(&result, GRANT_LOGIN_REQUIRED,
			"Profile %s needs a sign-in: start the provider that brings what comes of "
			"it, or bring it by auth.authorize",
			settings->name);
	} else if (settings->grant->parts & GRANT_DEVICE) {
		grant_fail(&result, GRANT_LOGIN_REQUIRED,
			"Profile %s needs a sign-in: gctoken login --device %s", settings->name,
			settings->name);
	} else if (settings->grant->parts & GRANT_BROWSER) {
		grant_fail(&result, GRANT_LOGIN_REQUIRED,
			"Profile %s needs a sign-in: gctoken login %s", settings->name,
			settings->name);
	} else if (settings->grant->parts & GRANT_PLANTED) {
		grant_fail(&result, GRANT_LOGIN_REQUIRED,
			"Profile %s has no token; give it one: gctoken set-token %s",
			settings->name, settings->name);
	} else if (settings->grant->parts & GRANT_ASSERTION) {
		grant_fail(&result, GRANT_LOGIN_REQUIRED,
			"Profile %s needs an assertion: start the provider that brings it",
			settings->name);
	} else {
		grant_fail(&result, GRANT_LOGIN_REQUIRED,
			"The refresh token of profile %s has been used up; put a new one in its "
			"place",
			settings->name);
	}
	conclude(flights, attempt, &result, now_ms);
}

static void send_refresh_token(struct flights *flights, struct attempt *attempt, int64_t now_ms)
{
	struct login *login = &attempt->profile->login;

	attempt->refresh_token = secret_copy(login->refresh_token);
	if (!attempt->refresh_token) {
		fail(flights, attempt, GRANT_TEMPORARY, "The daemon is out of memory", now_ms);
	} else if (login->sending) {
		attempt->resent = true; /* it was noted before */
		send(flights, attempt, now_ms);
	} else {
		login->sending = true;
		store(flights, attempt, ATTEMPT_NOTING, attempt->profile->token);
	}
}

/* The code that waits is this attempt's, whatever comes of it. */
static void take_code(struct attempt *attempt)
{
	attempt->code = attempt->profile->code;
	attempt->profile->code = NULL;
}

static void choose(struct flights *flights, struct attempt *attempt, int64_t now_ms)
{
	struct profile *profile = attempt->profile;

	if (profile->code) {
		take_code(attempt);
		send(flights, attempt, now_ms);
	} else if (profile_has_credentials(profile)) {
		send(flights, attempt, now_ms);
	} else if (!use_new_seed(flights, profile)) {
		fail(flights, attempt, GRANT_TEMPORARY, "The daemon is out of memory", now_ms);
	} else if (profile->login.refresh_token) {
		send_refresh_token(flights, attempt, now_ms);
	} else {
		fail_without_login(flights, attempt, now_ms);
	}
}

/* Gets back what was stored, once: the login, and a token. Most grants that have no session do
 * without. */
static bool load(struct flights *flights, struct profile *profile, struct token **ret_token,
	char why[GRANT_MESSAGE_SIZE])
{
	if (profile->loaded) {
		return true;
	}
	profile->loaded = flights->ops->load(
		flights->context, profile->settings, &profile->login, ret_token, why);
	return profile->loaded || !(profile->settings->grant->parts & GRANT_SESSION);
}

bool flight_recall(struct flights *flights, struct profile *profile, struct token **ret_token,
	char why[GRANT_MESSAGE_SIZE])
{
	struct token *token = NULL;
	bool done = load(flights, profile, ret_token ? ret_token : &token, why);

	token_free(token);
	return done;
}

bool flight_start(struct flights *flights, struct profile *profile, int64_t now_ms)
{
	char why[GRANT_MESSAGE_SIZE];
	struct attempt *attempt = attempt_new(flights, profile);

	if (!attempt) {
		return false;
	}
	if (!flights->ops->prepare(flights->context, attempt->settings, why) ||
		!load(flights, profile, &attempt->result.token, why)) {
		if (profile->code && profile->code->origin != CODE_DEVICE) {
			take_code(attempt); /* a device code is good for another poll */
		}
		fail(flights, attempt, GRANT_PERMANENT, why, now_ms);
	} else if (profile->login.logged_out && !profile->code) {
		grant_say_logged_out(attempt->settings, why);
		fail(flights, attempt, GRANT_LOGIN_REQUIRED, why, now_ms);
	} else if (token_usable(attempt->result.token, now_ms) && !profile->code) {
		attempt->result.verdict = GRANT_GRANTED;
		conclude(flights, attempt, &attempt->result, now_ms);
	} else if (profile->unsaved && !profile->code) {
		grant_result_done(&attempt->result);
		attempt->result.verdict = GRANT_GRANTED;
		attempt->result.token = profile->held;
		profile->held = NULL;
		store(flights, attempt, ATTEMPT_KEEPING, attempt->result.token);
	} else {
		choose(flights, attempt, now_ms);
	}
	return true;
}

/* ---- what came back */

static void forget_unsaved(struct profile *profile)
{
	token_free(profile->held);
	profile->held = NULL;
	profile->unsaved = false;
}

/* Whether a session may come of it, or goes on with it. */
static bool is_login(const struct attempt *attempt)
{
	return attempt->refresh_token ||
	       (attempt->code && (attempt->settings->grant->parts & GRANT_SESSION));
}

/* Puts into the login what the answer changes. True when that has to be durable before anybody gets
 * the token. */
static bool take_login(struct attempt *attempt, struct grant_result *result)
{
	struct login *login = &attempt->profile->login;
	bool granted = result->verdict == GRANT_GRANTED;
	bool renewed = result->refresh_token && (granted || attempt->refresh_token);

	if (attempt->code && !granted) {
		return false; /* whatever session there is goes on */
	}
	if (attempt->code) {
		forget_unsaved(attempt->profile); /* it has a successor */
		login->logged_out = false;
	}
	if (attempt->code || *result->account) {
		memcpy(login->account, result->account, sizeof(login->account));
	}
	if (renewed || attempt->code || result->verdict == GRANT_LOGIN_REQUIRED) {
		login_set(login, result->refresh_token);
		result->refresh_token = NULL;
	} else if (!result->lost) {
		login->sending = false;
	}
	return renewed;
}

void flight_finish(struct flights *flights, struct attempt *attempt, struct grant_result *result,
	int64_t now_ms)
{
	assert(attempt->step == ATTEMPT_SENT);
	result->lost = result->lost && attempt->refresh_token;
	if (!attempt->profile || !is_login(attempt) || !take_login(attempt, result)) {
		conclude(flights, attempt, result, now_ms);
		return;
	}
	attempt->result = *result;
	result->token = NULL;
	store(flights, attempt, ATTEMPT_KEEPING, attempt->stale ? NULL : attempt->result.token);
}

static void keep_failed(
	struct flights *flights, struct attempt *attempt, const char *why, int64_t now_ms)
{
	struct profile *profile = attempt->profile;

	token_free(profile->held);
	profile->held = attempt->stale ? NULL : attempt->result.token;
	if (profile->held) {
		attempt->result.token = NULL;
	}
	profile->unsaved = true;
	grant_fail(&attempt->result, GRANT_TEMPORARY, "%s", why);
	conclude(flights, attempt, &attempt->result, now_ms);
}

static void kept(struct flights *flights, struct attempt *attempt, int64_t now_ms)
{
	struct profile *profile = attempt->profile;
	bool again = profile->unsaved;

	profile->unsaved = false;
	if (again && !token_usable(attempt->result.token, now_ms)) {
		grant_result_done(&attempt->result);
		choose(flights, attempt, now_ms); /* it took so long that a new one is needed */
	} else {
		conclude(flights, attempt, &attempt->result, now_ms);
	}
}

void flight_stored(
	struct flights *flights, struct attempt *attempt, const char *why, int64_t now_ms)
{
	if (!attempt->profile) {
		if (why) {
			/* It is not durable yet: let whoever cares for it try once more. */
			attempt->result.refresh_token = attempt->login.refresh_token;
			attempt->login.refresh_token = NULL;
		}
		conclude(flights, attempt, &attempt->result, now_ms);
	} else if (attempt->step == ATTEMPT_KEEPING && why) {
		keep_failed(flights, attempt, why, now_ms);
	} else if (attempt->step == ATTEMPT_KEEPING) {
		kept(flights, attempt, now_ms);
	} else if (why) {
		attempt->profile->login.sending = false;
		fail(flights, attempt, GRANT_TEMPORARY, why, now_ms);
	} else {
		send(flights, attempt, now_ms);
	}
}

void flight_keep_of_gone(
	struct flights *flights, struct attempt *attempt, struct grant_result *result)
{
	if (result->refresh_token) {
		login_set(&attempt->login, result->refresh_token);
		result->refresh_token = NULL;
		flights->ops->store(
			flights->context, NULL, attempt->settings, &attempt->login, NULL);
	}
}

/* ---- those that are not wanted any more */

/* Whether a refresh token would be lost with it. */
static bool is_precious(const struct attempt *attempt)
{
	return is_login(attempt) && attempt->step != ATTEMPT_NOTING;
}

/* Drops one that nothing is lost with. True: it goes on. */
static bool drop_unless_precious(struct flights *flights, struct attempt *attempt)
{
	if (is_precious(attempt)) {
		return true;
	}
	if (attempt->step == ATTEMPT_NOTING && attempt->profile) {
		attempt->profile->login.sending = false;
	}
	drop(flights, attempt);
	return false;
}

void flight_disown(struct flights *flights, struct profile *profile)
{
	if (profile->attempt && drop_unless_precious(flights, profile->attempt)) {
		profile->attempt->stale = true;
	}
}

void flight_abandon(struct flights *flights, struct profile *profile)
{
	struct attempt *attempt = profile->attempt;

	if (attempt && (attempt->step == ATTEMPT_SENT || attempt->step == ATTEMPT_KEEPING)) {
		attempt->abandoned = true;
		attempt->stale = true;
		attempt->profile = NULL;
		profile->attempt = NULL;
	} else if (attempt) {
		drop(flights, attempt);
	}
}

void flight_stop_device(struct flights *flights, struct profile *profile)
{
	struct attempt *attempt = profile->attempt;

	switch (profile->device->step) {
	case DEVICE_ASKING:
		flights->ops->unask_device(flights->context, profile->device);
		break;
	case DEVICE_DUE:
		code_free(profile->code);
		profile->code = NULL;
		break;
	case DEVICE_POLLING:
		if (attempt && attempt->step == ATTEMPT_SENT) {
			drop(flights, attempt);
		}
		break;
	case DEVICE_PENDING:
	case DEVICE_ENDED:
		break;
	}
}

void flight_drop_device(struct flights *flights, struct profile *profile)
{
	if (profile->device) {
		flight_stop_device(flights, profile);
		device_free(profile->device);
		profile->device = NULL;
	}
}

void flight_detach(struct flights *flights, struct profile *profile)
{
	if (profile->unsaved) {
		flight_store(flights, profile); /* the disk may have got well */
		profile->unsaved = false;
	}
	if (profile->attempt && drop_unless_precious(flights, profile->attempt)) {
		profile->attempt->stale = true;
		profile->attempt->login = profile->login;
		profile->login = (struct login){0};
		profile->attempt->profile = NULL;
		profile->attempt = NULL;
	}
}

void flight_attach(struct flights *flights, struct profile *profile)
{
	struct attempt *attempt;

	LIST_FOREACH (attempt, &flights->list, link) {
		if (!attempt->profile && !attempt->abandoned &&
			strcmp(attempt->settings->name, profile->settings->name) == 0 &&
			settings_same_session(attempt->settings, profile->settings)) {
			attempt->profile = profile;
			profile->attempt = attempt;
			login_done(&profile->login);
			profile->login = attempt->login;
			attempt->login = (struct login){0};
			profile->loaded = true;
			return;
		}
	}
}

void flight_shutdown(struct flights *flights)
{
	struct attempt *attempt, *next;

	for (attempt = LIST_FIRST(&flights->list); attempt; attempt = next) {
		next = LIST_NEXT(attempt, link);
		drop_unless_precious(flights, attempt);
	}
}

void flight_drop_all(struct flights *flights)
{
	struct attempt *attempt;

	while ((attempt = LIST_FIRST(&flights->list))) {
		drop(flights, attempt);
	}
}
