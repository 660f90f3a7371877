#include "outcome.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "proto/message.h"

enum { TEXT_SIZE = 256 };

enum error_code outcome_of_verdict(enum grant_verdict verdict)
{
	switch (verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
	case GRANT_TEMPORARY:
		break;
	case GRANT_PERMANENT:
		return ERROR_UPSTREAM_REJECTED;
	case GRANT_LOGIN_REQUIRED:
		return ERROR_LOGIN_REQUIRED;
	}
	return ERROR_UPSTREAM_UNAVAILABLE;
}

enum error_code outcome_code(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_TOKEN:
	case OUTCOME_WAITS:
	case OUTCOME_LOGGED_OUT:
	case OUTCOME_USER_CODE:
		break;
	case OUTCOME_TIMEOUT:
		return ERROR_REFRESH_TIMEOUT;
	case OUTCOME_UNAVAILABLE:
		return ERROR_UPSTREAM_UNAVAILABLE;
	case OUTCOME_REJECTED:
		return ERROR_UPSTREAM_REJECTED;
	case OUTCOME_LOGIN_REQUIRED:
		return ERROR_LOGIN_REQUIRED;
	case OUTCOME_RATE_LIMITED:
		return ERROR_RATE_LIMITED;
	case OUTCOME_SHUTTING_DOWN:
		return ERROR_SHUTTING_DOWN;
	case OUTCOME_DENIED:
		return ERROR_ACCESS_DENIED;
	case OUTCOME_UNSAVED:
		return ERROR_INTERNAL;
	}
	assert(!"an outcome that is no error");
	return ERROR_INTERNAL;
}

/* The sentence where the broker brought none. */
static const char *text_of(const struct answer *answer, char text[TEXT_SIZE])
{
	if (answer->outcome == OUTCOME_TIMEOUT) {
		bool is_sign_in = answer->kind == WAITER_SIGN_IN || answer->kind == WAITER_EXCHANGE;
		int64_t seconds = answer->wait_ms / 1000;

		snprintf(text, TEXT_SIZE, "%s took longer than %" PRId64 " second%s%s",
			is_sign_in ? "The sign-in" : "Token refresh", seconds,
			seconds == 1 ? "" : "s", is_sign_in ? "; it goes on" : "");
		return text;
	}
	if (answer->outcome == OUTCOME_SHUTTING_DOWN) {
		return "The daemon is shutting down; ask again when it is back";
	}
	if (answer->outcome == OUTCOME_DENIED) {
		return "The configuration was reloaded, and you may no longer use this profile";
	}
	return "There is no token for this profile";
}

struct payload *outcome_payload(const struct answer *answer)
{
	char text[TEXT_SIZE];
	enum error_code code = outcome_code(answer->outcome);
	int64_t seconds = (answer->retry_after_ms + 999) / 1000;

	if (!error_retryable(code)) {
		seconds = 0;
	} else if (seconds < 1) {
		seconds = 1;
	}
	return message_error(code, answer->text ? answer->text : text_of(answer, text), seconds);
}
