/*
 * The one list of error codes: what goes over the wire, whether asking again can help, and how
 * gctoken exits. It does not know what went wrong; whoever answers an error brings the sentence
 * that tells people.
 */
#pragma once

#include <stdbool.h>

/* symbol, code on the wire, retryable, exit status of gctoken, HTTP status (for a listener that
 * speaks it) */
#define ERROR_LIST(X)                                                                     \
	X(INVALID_REQUEST, "invalid_request", false, EXIT_STATUS_FAILURE, 400)            \
	X(UNKNOWN_REQUEST, "unknown_request", false, EXIT_STATUS_FAILURE, 404)            \
	X(ACCESS_DENIED, "access_denied", false, EXIT_STATUS_DENIED, 403)                 \
	X(RATE_LIMITED, "rate_limited", true, EXIT_STATUS_TEMPORARY, 429)                 \
	X(REFRESH_TIMEOUT, "refresh_timeout", true, EXIT_STATUS_TEMPORARY, 504)           \
	X(UPSTREAM_UNAVAILABLE, "upstream_unavailable", true, EXIT_STATUS_TEMPORARY, 503) \
	X(UPSTREAM_REJECTED, "upstream_rejected", false, EXIT_STATUS_REJECTED, 502)       \
	X(LOGIN_REQUIRED, "login_required", false, EXIT_STATUS_LOGIN, 401)                \
	X(SHUTTING_DOWN, "shutting_down", true, EXIT_STATUS_TEMPORARY, 503)               \
	X(INTERNAL, "internal", false, EXIT_STATUS_FAILURE, 500)

/* How the programs exit; gctokend uses the first three and BAD_CONFIG (sysexits' EX_CONFIG). */
enum exit_status {
	EXIT_STATUS_DONE = 0,
	EXIT_STATUS_FAILURE = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_NO_DAEMON = 3,
	EXIT_STATUS_DENIED = 4,
	EXIT_STATUS_LOGIN = 5,
	EXIT_STATUS_TEMPORARY = 6,
	EXIT_STATUS_REJECTED = 7,
	EXIT_STATUS_BAD_CONFIG = 78,
	EXIT_STATUS_CANNOT_EXECUTE = 126,
	EXIT_STATUS_NOT_FOUND = 127,
};

enum error_code {
#define X(symbol, code, retryable, status, http) ERROR_##symbol,
	ERROR_LIST(X)
#undef X
		ERROR_CODES, /* how many there are */
};

/* The code as it stands on the wire, for example "access_denied". */
const char *error_name(enum error_code code);

/* Finds a code by its name on the wire; false when there is none such. */
bool error_find(const char *name, enum error_code *ret_code);

bool error_retryable(enum error_code code);
enum exit_status error_exit_status(enum error_code code);
int error_http_status(enum error_code code);
