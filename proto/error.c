#include "error.h"

#include <assert.h>
#include <string.h>

static const struct {
	const char *name;
	bool retryable;
	enum exit_status exit_status;
	int http_status;
} errors[ERROR_CODES] = {
#define X(symbol, code, retryable, status, http) [ERROR_##symbol] = {code, retryable, status, http},
	ERROR_LIST(X)
#undef X
};

const char *error_name(enum error_code code)
{
	assert(code < ERROR_CODES);
	return errors[code].name;
}

bool error_find(const char *name, enum error_code *ret_code)
{
	for (enum error_code code = 0; code < ERROR_CODES; code++) {
		if (strcmp(errors[code].name, name) == 0) {
			*ret_code = code;
			return true;
		}
	}
	return false;
}

bool error_retryable(enum error_code code)
{
	assert(code < ERROR_CODES);
	return errors[code].retryable;
}

enum exit_status error_exit_status(enum error_code code)
{
	assert(code < ERROR_CODES);
	return errors[code].exit_status;
}

int error_http_status(enum error_code code)
{
	assert(code < ERROR_CODES);
	return errors[code].http_status;
}
