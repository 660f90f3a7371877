#include "tell.h"

#include <stdbool.h>

#include "code.h"
#include "event.h"
#include "flight.h"
#include "profile.h"

static void tell(const struct flights *flights, const struct profile *profile, enum event_kind kind,
	const struct event_error *error)
{
	flights->ops->news(flights->context, profile, kind, error);
}

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void tell_failed(const struct flights *flights, const struct profile *profile,
	enum event_kind kind, const struct grant_result *result)
{
	tell(flights, profile, kind,
		&(struct event_error){
			.verdict = result->verdict,
			.message = text_or_null(result->message),
			.upstream_error = text_or_null(result->upstream_error),
			.correlation_id = text_or_null(result->correlation_id),
		});
}

/* Whether it is to end a sign-in; a code that the provider was asked for does not. */
static bool signs_in(const struct attempt *attempt)
{
	return attempt->code && attempt->code->origin != CODE_ORDERED;
}

void tell_sign_in_overtaken(const struct flights *flights, const struct profile *profile)
{
	tell(flights, profile, EVENT_SIGN_IN_FAILED,
		&(struct event_error){
			.verdict = GRANT_TEMPORARY,
			.message = "The profile was changed while its sign-in was under way",
		});
}

static void tell_why(const struct flights *flights, const struct profile *profile,
	enum event_kind kind, const char *why)
{
	tell(flights, profile, kind,
		&(struct event_error){.verdict = GRANT_LOGIN_REQUIRED, .message = why});
}

void tell_signed_out(const struct flights *flights, const struct profile *profile, const char *why)
{
	tell_why(flights, profile, EVENT_LOGIN_REQUIRED, why);
}

void tell_given_up(const struct flights *flights, const struct profile *profile, const char *why)
{
	tell_why(flights, profile, EVENT_LOGIN_REQUIRED, why);
	tell_why(flights, profile, EVENT_AUTH_ERROR, why);
}

void tell_sign_in_failed(
	const struct flights *flights, const struct profile *profile, const char *why)
{
	tell_why(flights, profile, EVENT_SIGN_IN_FAILED, why);
}

void tell_sign_in_refused(const struct flights *flights, const struct profile *profile,
	const char *why, const char *upstream_error)
{
	tell(flights, profile, EVENT_SIGN_IN_FAILED,
		&(struct event_error){
			.verdict = GRANT_LOGIN_REQUIRED,
			.message = why,
			.upstream_error = upstream_error,
		});
}

void tell_logged_out(const struct flights *flights, const struct profile *profile)
{
	tell(flights, profile, EVENT_LOGGED_OUT, NULL);
}

/* A code that was refused says nothing about the profile; one whose login could not be kept does.
 */
static void tell_all_failed(const struct flights *flights, const struct attempt *attempt,
	const struct grant_result *result)
{
	bool needs_login = result->verdict == GRANT_LOGIN_REQUIRED;

	if (attempt->profile->login.logged_out && !attempt->code) {
		tell_logged_out(flights, attempt->profile); /* which an earlier daemon has stored */
		return;
	}
	if (signs_in(attempt)) {
		tell_failed(flights, attempt->profile, EVENT_SIGN_IN_FAILED, result);
	}
	if (!signs_in(attempt) || attempt->step != ATTEMPT_SENT) {
		tell_failed(flights, attempt->profile,
			needs_login ? EVENT_LOGIN_REQUIRED : EVENT_REFRESH_FAILED, result);
	}
	if (attempt->code && !signs_in(attempt) && needs_login) {
		tell_failed(flights, attempt->profile, EVENT_AUTH_ERROR, result);
	}
}

void tell_token(const struct flights *flights, const struct profile *profile)
{
	tell(flights, profile, EVENT_TOKEN_REFRESHED, NULL);
}

void tell_signed_in(const struct flights *flights, const struct profile *profile)
{
	tell(flights, profile, EVENT_SIGNED_IN, NULL);
	tell_token(flights, profile);
}

void tell_refused(const struct flights *flights, const struct attempt *attempt,
	const struct grant_result *result)
{
	flights->ops->ended(flights->context, attempt, result);
	tell_failed(flights, attempt->profile, EVENT_REFRESH_FAILED, result);
}

void tell_ended(const struct flights *flights, const struct attempt *attempt,
	const struct grant_result *result)
{
	const struct profile *profile = attempt->profile;

	flights->ops->ended(flights->context, attempt, result);
	if (!profile) {
		return;
	}
	if (attempt->stale) {
		/* It brings nothing any more, whatever the server said. */
		if (signs_in(attempt)) {
			tell_sign_in_overtaken(flights, profile);
		}
	} else if (result->verdict == GRANT_GRANTED) {
		if (signs_in(attempt)) {
			tell_signed_in(flights, profile);
		} else {
			tell_token(flights, profile);
		}
	} else {
		tell_all_failed(flights, attempt, result);
	}
}
