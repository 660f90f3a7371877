#include "plant.h"

#include <string.h>

#include "call.h"
#include "core/answer.h"
#include "core/broker.h"
#include "core/grant.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/token.h"
#include "proto/date.h"
#include "proto/message.h"

enum { LIFETIME_MIN_MS = 1000 /* a token with less left is of no use */ };

static bool wrong(const struct call *call, const char *what)
{
	return call_fail(call, ERROR_INVALID_REQUEST, "%s", what);
}

/* What the call says of it, where it says something. */
static bool read_lifetime(const struct call *call, int64_t *ret_ms)
{
	static const int64_t max_ms = SETTINGS_LIFETIME_MAX_S * INT64_C(1000);
	const struct parameter *expires_in = call->given[PARAMETER_EXPIRES_IN];
	const char *expiration = call_text(call, PARAMETER_EXPIRATION);
	int64_t unix_ms = 0;

	if (expires_in) {
		*ret_ms = expires_in->number < SETTINGS_LIFETIME_MAX_S
				  ? (int64_t)(expires_in->number * 1000)
				  : max_ms;
		return *ret_ms >= LIFETIME_MIN_MS ||
		       wrong(call, "expiresIn has to be a number of seconds, 1 or more");
	}
	if (!date_parse(expiration, &unix_ms)) {
		return wrong(call, "expiration has to be a date and time with Z or an offset, such "
				   "as 2026-11-21T18:00:00Z or 2026-11-21T19:00:00+01:00");
	}
	*ret_ms = unix_ms - call->now_ms - call_wall_offset(call->shared);
	if (*ret_ms > max_ms) {
		*ret_ms = max_ms;
	}
	return *ret_ms >= LIFETIME_MIN_MS ||
	       wrong(call, "expiration has passed, or is less than a second ahead");
}

bool plant_check(const struct call *call, bool needs_expiry)
{
	const char *token = call_text(call, PARAMETER_TOKEN);
	int expiries = !!call->given[PARAMETER_EXPIRATION] + !!call->given[PARAMETER_EXPIRES_IN];
	int64_t lifetime_ms;

	if (!token) {
		return wrong(call, "token is missing");
	}
	if (token[0] == '\0' || call->given[PARAMETER_TOKEN]->value.len > ANSWER_TOKEN_MAX ||
		strpbrk(token, "\r\n")) {
		return call_fail(call, ERROR_INVALID_REQUEST,
			"token has to be 1 to %d bytes without line breaks", ANSWER_TOKEN_MAX);
	}
	if (expiries == 0 && !needs_expiry) {
		return true;
	}
	if (expiries != 1) {
		return wrong(call, "Say until when the token is valid: either expiration, a date "
				   "and time, or expiresIn, seconds from now");
	}
	return read_lifetime(call, &lifetime_ms);
}

bool plant_lifetime(const struct call *call, int64_t *ret_ms)
{
	const struct settings *settings = call->profile->settings;

	if (call->given[PARAMETER_EXPIRATION] || call->given[PARAMETER_EXPIRES_IN]) {
		return read_lifetime(call, ret_ms);
	}
	*ret_ms = settings->default_lifetime_ms;
	return *ret_ms > 0 || call_fail(call, ERROR_INVALID_REQUEST,
				      "expiresIn is missing; where the login server does not say "
				      "it, set default_lifetime for profile %s",
				      settings->name);
}

void plant(const struct call *call, int64_t lifetime_ms, bool signs_in)
{
	const struct json_value *value = &call->given[PARAMETER_TOKEN]->value;
	struct secret *secret = secret_new(value->text, value->len);
	struct token *token = secret ? token_new(secret, call->now_ms, lifetime_ms) : NULL;
	struct answer outcome;

	if (!token) {
		call_fail(call, ERROR_INTERNAL, "The daemon is out of memory");
		return;
	}
	outcome = broker_plant(call->shared->broker, call->profile, token, signs_in, call->now_ms);
	call_answer_outcome(call, &outcome);
}

bool plant_check_access_token(struct call *call)
{
	return plant_check(call, true);
}

void plant_access_token(struct call *call)
{
	int64_t lifetime_ms = 0;

	if (plant_lifetime(call, &lifetime_ms)) {
		plant(call, lifetime_ms, false);
	}
}
