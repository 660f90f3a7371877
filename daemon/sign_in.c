#include "sign_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "code_limits.h"
#include "core/authorize.h"
#include "core/broker.h"
#include "core/code.h"
#include "core/grant.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/text.h"
#include "plant.h"
#include "proto/message.h"
#include "providers.h"
#include "view.h"

#define WITHDRAWN "withdrawn" /* auth.authorize's error from who gives a sign-in up */

enum { NAMES_SIZE = 256 /* of a list of grants */ };

static bool has(const struct call *call, enum call_parameter parameter)
{
	return call->given[parameter];
}

static bool wrong(const struct call *call, const char *what)
{
	return call_fail(call, ERROR_INVALID_REQUEST, "%s", what);
}

/* Whether a parameter is of 1 to max printable ASCII characters; else that is told. */
static bool check_text(
	const struct call *call, enum call_parameter parameter, const char *name, size_t max)
{
	if (!code_limits_takes_text(call_text(call, parameter), 1, max)) {
		return call_fail(call, ERROR_INVALID_REQUEST,
			"%s has to be 1 to %zu printable ASCII characters", name, max);
	}
	return true;
}

/* ---- what every sign-in needs */

static bool takes_sign_in(const struct grant *grant, unsigned refused)
{
	return (grant->parts & GRANT_BROWSER) && !(grant->parts & refused);
}

/* Whether somebody signs in for the profile, and its grant has none of the refused parts; else that
 * is told. */
static bool takes_sign_ins(const struct call *call, unsigned refused)
{
	const struct settings *settings = call->profile->settings;
	char names[NAMES_SIZE] = "";
	size_t len = 0;

	if (takes_sign_in(settings->grant, refused)) {
		return true;
	}
	for (size_t i = 0; grant_name(i); i++) {
		if (takes_sign_in(grant_find(grant_name(i)), refused) && len < sizeof(names)) {
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
				len > 0 ? " or " : "", grant_name(i));
		}
	}
	return call_fail(call, ERROR_INVALID_REQUEST,
		"%s is for profiles with grant = %s; profile %s has grant = %s%s",
		call->endpoint->name, names, settings->name, settings->grant->name,
		settings->grant->parts & GRANT_DEVICE ? ": gctoken login --device" : "");
}

static bool takes_redirect(const struct call *call)
{
	const struct settings *settings = call->profile->settings;
	const char *redirect_uri = call_text(call, PARAMETER_REDIRECT_URI);

	return !redirect_uri || authorize_takes_redirect(settings, redirect_uri) ||
	       call_fail(call, ERROR_INVALID_REQUEST,
		       "redirectUri has to be the profile's redirect_uri, %s, or the same with "
		       "another port where that is http to loopback",
		       settings->redirect_uri);
}

/* ---- auth.getAuthorizeUrl */

bool sign_in_check_url(struct call *call)
{
	const char *state = call_text(call, PARAMETER_STATE);

	if (state && !code_limits_takes_text(state, AUTHORIZE_STATE_MIN, AUTHORIZE_STATE_MAX)) {
		return call_fail(call, ERROR_INVALID_REQUEST,
			"state has to be %d to %d printable ASCII characters; leave it out for a "
			"random one",
			AUTHORIZE_STATE_MIN, AUTHORIZE_STATE_MAX);
	}
	return true;
}

void sign_in_url(struct call *call)
{
	struct profile *profile = call->profile;
	const struct authorize_wish wish = {
		.uid = call->session->who.uid,
		.redirect_uri = call_text(call, PARAMETER_REDIRECT_URI),
		.state = call_text(call, PARAMETER_STATE),
	};
	const struct authorize *pending;
	cJSON *data;
	char *url;

	if (!takes_sign_ins(call, GRANT_DEPLOYMENT) || !takes_redirect(call)) {
		return;
	}
	if (wish.state &&
		authorize_find(&profile->authorizations, wish.uid, wish.state, call->now_ms)) {
		wrong(call, "You have a sign-in with this state under way; choose another state, "
			    "or leave it out for a random one");
		return;
	}
	if (authorize_begin(&profile->authorizations, profile->settings, call->shared->ops->random,
		    &wish, call->now_ms, &pending, &url) < 0) {
		call_fail(call, ERROR_INTERNAL, "The daemon is out of memory or of randomness");
		return;
	}
	broker_changed(call->shared->broker, profile);
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "url", url);
	cJSON_AddStringToObject(data, "state", pending->state);
	cJSON_AddStringToObject(data, "redirectUri", pending->redirect_uri);
	cJSON_AddStringToObject(data, "responseType", authorize_response_type(profile->settings));
	cJSON_AddItemToObject(
		data, "expiresAt", view_time(pending->expires_ms, call_wall_offset(call->shared)));
	free(url);
	call_answer_data(call, data);
}

/* ---- auth.authorize */

/* Or what goes with one. */
static bool has_token(const struct call *call)
{
	return has(call, PARAMETER_TOKEN) || has(call, PARAMETER_EXPIRATION) ||
	       has(call, PARAMETER_EXPIRES_IN);
}

/* What OpenID Connect adds to a code. */
static bool has_openid(const struct call *call)
{
	return has(call, PARAMETER_ID_TOKEN) || has(call, PARAMETER_NONCE) ||
	       has(call, PARAMETER_MAX_AGE) || has(call, PARAMETER_ISS);
}

static bool check_refusal(const struct call *call)
{
	if (!has(call, PARAMETER_STATE) || has(call, PARAMETER_CODE) ||
		has(call, PARAMETER_REDIRECT_URI) || has(call, PARAMETER_CODE_VERIFIER) ||
		has_token(call) || has_openid(call)) {
		return wrong(call, "Beside error write state and, where there is one, "
				   "errorDescription, and nothing else");
	}
	return true;
}

static bool check_token(const struct call *call)
{
	if (!has(call, PARAMETER_TOKEN) || !has(call, PARAMETER_STATE) ||
		has(call, PARAMETER_CODE) || has(call, PARAMETER_REDIRECT_URI) ||
		has(call, PARAMETER_CODE_VERIFIER)) {
		return wrong(call, "Beside token write state and, where it is known, expiresIn or "
				   "expiration, and nothing else");
	}
	return plant_check(call, false);
}

static bool check_verifier(const struct call *call)
{
	return code_limits_takes_verifier(call_text(call, PARAMETER_CODE_VERIFIER)) ||
	       call_fail(call, ERROR_INVALID_REQUEST,
		       "codeVerifier has to be %d to %d characters out of A-Z a-z 0-9 - . _ ~",
		       CODE_LIMITS_VERIFIER_MIN, CODE_LIMITS_VERIFIER);
}

/* Of the implicit flow (OpenID Connect Core section 3.2.2.5). */
static bool check_id_token(const struct call *call)
{
	if (has(call, PARAMETER_CODE) || has(call, PARAMETER_STATE) ||
		has(call, PARAMETER_REDIRECT_URI) || has(call, PARAMETER_CODE_VERIFIER) ||
		!has(call, PARAMETER_NONCE)) {
		return wrong(call, "Beside idToken write its nonce, and neither a code nor what "
				   "goes with one");
	}
	return check_text(call, PARAMETER_ID_TOKEN, "idToken", CODE_LIMITS_ID_TOKEN);
}

static bool check_openid(const struct call *call)
{
	const struct parameter *max_age = call->given[PARAMETER_MAX_AGE];

	if (max_age && !code_limits_takes_max_age(max_age->number)) {
		return call_fail(call, ERROR_INVALID_REQUEST,
			"maxAge has to be a whole number of seconds, 0 to %d", CODE_LIMITS_MAX_AGE);
	}
	return (!has(call, PARAMETER_NONCE) ||
		       check_text(call, PARAMETER_NONCE, "nonce", CODE_LIMITS_NONCE)) &&
	       (!has(call, PARAMETER_ISS) ||
		       check_text(call, PARAMETER_ISS, "iss", CODE_LIMITS_URI));
}

bool sign_in_check_code(struct call *call)
{
	if (has(call, PARAMETER_ERROR)) {
		return check_refusal(call);
	}
	if (has(call, PARAMETER_ERROR_DESCRIPTION)) {
		return wrong(call, "errorDescription goes with error alone");
	}
	if (has_token(call)) {
		return check_token(call);
	}
	if (!check_openid(call)) {
		return false;
	}
	if (has(call, PARAMETER_ID_TOKEN)) {
		return check_id_token(call);
	}
	if (!has(call, PARAMETER_CODE)) {
		return wrong(call, "code is missing: bring what the browser came back with, code "
				   "and state, or error and state");
	}
	if (!code_limits_takes_text(call_text(call, PARAMETER_CODE), 1, CODE_LIMITS_CODE)) {
		return call_fail(call, ERROR_INVALID_REQUEST,
			"code has to be 1 to %d printable ASCII characters, as it stood in the "
			"redirect, but percent-decoded",
			CODE_LIMITS_CODE);
	}
	if (has(call, PARAMETER_STATE) && has(call, PARAMETER_CODE_VERIFIER)) {
		return wrong(call, "Beside state leave codeVerifier out: the daemon has kept it");
	}
	return !has(call, PARAMETER_CODE_VERIFIER) || check_verifier(call);
}

/* The authorization request that the caller's state is of; NULL after it was told that there is
 * none. */
static struct authorize *find_pending(const struct call *call)
{
	struct authorize *pending = authorize_find(&call->profile->authorizations,
		call->session->who.uid, call_text(call, PARAMETER_STATE), call->now_ms);

	if (!pending) {
		wrong(call, "There is no sign-in of yours under way with this state (it is used "
			    "up, older than 10 minutes, or forgotten by a restart); ask "
			    "auth.getAuthorizeUrl for a new one");
	}
	return pending;
}

/* Nobody said no: who has begun it gives it up, and there is nothing to tell anybody else. */
static void take_back(const struct call *call, struct authorize *pending)
{
	authorize_end(&call->profile->authorizations, pending);
	broker_changed(call->shared->broker, call->profile);
	call_fail(call, ERROR_LOGIN_REQUIRED, "The sign-in was given up");
}

/* RFC 6749 section 4.1.2.1. */
static void take_refusal(const struct call *call)
{
	const struct parameter *error = call->given[PARAMETER_ERROR];
	const struct parameter *description = call->given[PARAMETER_ERROR_DESCRIPTION];
	char shown[TEXT_UPSTREAM_SIZE], more[TEXT_UPSTREAM_SIZE] = "", why[GRANT_MESSAGE_SIZE];
	struct authorize *pending = find_pending(call);

	if (!pending) {
		return;
	}
	if (strcmp(call_text(call, PARAMETER_ERROR), WITHDRAWN) == 0) {
		take_back(call, pending);
		return;
	}
	authorize_end(&call->profile->authorizations, pending);
	text_clean(shown, error->value.text, error->value.len, NULL, 0);
	if (description) {
		text_clean(more, description->value.text, description->value.len, NULL, 0);
	}
	snprintf(why, sizeof(why),
		"The login server %s refused the sign-in for profile %s (%s%s%s); sign in again",
		call->profile->settings->token_host, call->profile->settings->name, shown,
		more[0] != '\0' ? ": " : "", more);
	broker_refuse_sign_in(call->shared->broker, call->profile, why, shown);
	call_fail(call, ERROR_LOGIN_REQUIRED, "%s", why);
}

/* Takes code over; whether it goes to the server. */
static bool exchange(const struct call *call, struct code *code)
{
	struct answer outcome;

	if (!code) {
		return call_fail(call, ERROR_INTERNAL, "The daemon is out of memory");
	}
	outcome = broker_sign_in(call->shared->broker, call->profile, code, call->now_ms);
	call_answer_outcome(call, &outcome);
	return outcome.outcome == OUTCOME_WAITS;
}

static void exchange_pending(const struct call *call)
{
	const char *redirect_uri = call_text(call, PARAMETER_REDIRECT_URI);
	struct authorize *pending = find_pending(call);

	/* RFC 6749 section 4.1.3: they have to be identical. */
	if (pending && redirect_uri && strcmp(redirect_uri, pending->redirect_uri) != 0) {
		call_fail(call, ERROR_INVALID_REQUEST,
			"redirectUri is not the one that belongs to this state, %s; it may be left "
			"out",
			pending->redirect_uri);
		return;
	}
	if (pending && exchange(call, authorize_code(pending, call_text(call, PARAMETER_CODE)))) {
		authorize_end(&call->profile->authorizations, pending);
		broker_changed(call->shared->broker, call->profile);
	}
}

/* A code that somebody got without our help. */
static void exchange_foreign(const struct call *call)
{
	const struct settings *settings = call->profile->settings;
	const char *redirect_uri = call_text(call, PARAMETER_REDIRECT_URI);

	if (settings->grant != &grant_authorization_code) {
		call_fail(call, ERROR_INVALID_REQUEST,
			"state is missing: with grant = %s the daemon keeps the code verifier; ask "
			"auth.getAuthorizeUrl for a URL, and bring the state that comes back",
			settings->grant->name);
	} else if (takes_redirect(call)) {
		exchange(call, code_new(&(struct code_texts){
				       .code = call_text(call, PARAMETER_CODE),
				       .verifier = call_text(call, PARAMETER_CODE_VERIFIER),
				       .redirect_uri = redirect_uri ? redirect_uri
								    : settings->redirect_uri,
			       }));
	}
}

/* Where a messenger's code came back to; NULL after it was told that this is missing. */
static const char *find_redirect(const struct call *call)
{
	const char *own = call->profile->settings->redirect_uri;

	if (!has(call, PARAMETER_REDIRECT_URI)) {
		if (!own) {
			wrong(call, "redirectUri is missing: where the code came back to; the "
				    "profile has no redirect_uri");
		}
		return own;
	}
	if (own ? !takes_redirect(call)
		: !check_text(call, PARAMETER_REDIRECT_URI, "redirectUri", CODE_LIMITS_URI)) {
		return NULL;
	}
	return call_text(call, PARAMETER_REDIRECT_URI);
}

/* What came of a sign-in at the login of a messenger's brand. */
static void exchange_brands(const struct call *call)
{
	const struct parameter *max_age = call->given[PARAMETER_MAX_AGE];
	struct code_texts texts = {
		.code = call_text(call, PARAMETER_CODE),
		.verifier = call_text(call, PARAMETER_CODE_VERIFIER),
		.id_token = call_text(call, PARAMETER_ID_TOKEN),
		.nonce = call_text(call, PARAMETER_NONCE),
		.iss = call_text(call, PARAMETER_ISS),
		.has_max_age = max_age,
		.max_age_s = max_age ? (int64_t)max_age->number : 0,
	};

	if (has(call, PARAMETER_STATE)) {
		wrong(call, "Leave state out: with grant = messenger the daemon gives none");
		return;
	}
	if (texts.code) {
		texts.redirect_uri = find_redirect(call);
	}
	if (!texts.code || texts.redirect_uri) {
		exchange(call, code_new(&texts));
	}
}

/* RFC 6749 section 4.2.2. */
static void plant_pending(const struct call *call)
{
	struct authorize *pending = find_pending(call);
	int64_t lifetime_ms;

	if (pending && plant_lifetime(call, &lifetime_ms)) {
		authorize_end(&call->profile->authorizations, pending);
		broker_changed(call->shared->broker, call->profile);
		plant(call, lifetime_ms, true);
	}
}

void sign_in_code(struct call *call)
{
	const struct settings *settings = call->profile->settings;
	bool is_implicit = settings->grant->parts & GRANT_IMPLICIT;
	bool is_brands = settings->grant->parts & GRANT_DEPLOYMENT;

	if (!takes_sign_ins(call, 0)) {
		return;
	}
	if (!is_brands && has_openid(call)) {
		call_fail(call, ERROR_INVALID_REQUEST,
			"idToken, nonce, maxAge and iss are for profiles with grant = messenger; "
			"profile %s has grant = %s",
			settings->name, settings->grant->name);
		return;
	}
	if (has(call, PARAMETER_ERROR)) {
		take_refusal(call);
	} else if (is_implicit != has(call, PARAMETER_TOKEN)) {
		call_fail(call, ERROR_INVALID_REQUEST,
			"Profile %s has grant = %s: bring the %s that the browser came back with",
			settings->name, settings->grant->name, is_implicit ? "token" : "code");
	} else if (is_implicit) {
		plant_pending(call);
	} else if (!call_may_wait(call)) {
		return; /* the code would be spent, and nobody told what came of it */
	} else if (is_brands) {
		exchange_brands(call);
	} else if (has(call, PARAMETER_STATE)) {
		exchange_pending(call);
	} else {
		exchange_foreign(call);
	}
}

/* ---- auth.signIn */

void sign_in_ask(struct call *call)
{
	const struct settings *settings = call->profile->settings;
	struct answer outcome;

	if (!grant_is_provided(settings)) {
		call_fail(call, ERROR_INVALID_REQUEST,
			"auth.signIn is for profiles that a provider brings codes or assertions "
			"for; profile %s has grant = %s",
			settings->name, settings->grant->name);
	} else if (providers_lacks_sign_in(call->shared->providers, call->profile)) {
		call_fail(call, ERROR_INVALID_REQUEST,
			"The provider of profile %s cannot sign anybody in: it has registered "
			"without signIn",
			settings->name);
	} else if (call_may_wait(call)) {
		outcome = broker_ask_sign_in(call->shared->broker, call->profile, call->now_ms);
		call_answer_outcome(call, &outcome);
	}
}
