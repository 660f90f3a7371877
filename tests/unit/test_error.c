#include "proto/error.h"

#include "unit.h"

/* As PROTOCOL.md has them. Clients are built on these: a change here breaks them. */
static const struct {
	enum error_code code;
	const char *name;
	bool retryable;
	int exit_status;
	int http_status;
} rows[] = {
	{ERROR_INVALID_REQUEST, "invalid_request", false, 1, 400},
	{ERROR_UNKNOWN_REQUEST, "unknown_request", false, 1, 404},
	{ERROR_ACCESS_DENIED, "access_denied", false, 4, 403},
	{ERROR_RATE_LIMITED, "rate_limited", true, 6, 429},
	{ERROR_REFRESH_TIMEOUT, "refresh_timeout", true, 6, 504},
	{ERROR_UPSTREAM_UNAVAILABLE, "upstream_unavailable", true, 6, 503},
	{ERROR_UPSTREAM_REJECTED, "upstream_rejected", false, 7, 502},
	{ERROR_LOGIN_REQUIRED, "login_required", false, 5, 401},
	{ERROR_SHUTTING_DOWN, "shutting_down", true, 6, 503},
	{ERROR_INTERNAL, "internal", false, 1, 500},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

START_TEST(each_code_has_its_row)
{
	ck_assert_int_eq(ROWS, ERROR_CODES);
	for (int i = 0; i < ROWS; i++) {
		ck_assert_str_eq(error_name(rows[i].code), rows[i].name);
		ck_assert_int_eq(error_retryable(rows[i].code), rows[i].retryable);
		ck_assert_int_eq((int)error_exit_status(rows[i].code), rows[i].exit_status);
		ck_assert_int_eq(error_http_status(rows[i].code), rows[i].http_status);
	}
}
END_TEST

START_TEST(each_code_is_found_by_its_name)
{
	for (int i = 0; i < ROWS; i++) {
		enum error_code code;

		ck_assert(error_find(rows[i].name, &code));
		ck_assert_int_eq(code, rows[i].code);
	}
}
END_TEST

START_TEST(other_names_are_not_found)
{
	enum error_code code = ERROR_INTERNAL;

	ck_assert(!error_find("", &code));
	ck_assert(!error_find("Internal", &code));
	ck_assert(!error_find("rate_limited ", &code));
	ck_assert(!error_find("quota_exceeded", &code));
	ck_assert_int_eq(code, ERROR_INTERNAL);
}
END_TEST

UNIT_MAIN("error", each_code_has_its_row, each_code_is_found_by_its_name, other_names_are_not_found)
