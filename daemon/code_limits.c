#include "code_limits.h"

#include <stdint.h>
#include <string.h>

bool code_limits_takes_text(const char *text, size_t min, size_t max)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		if (text[len] < ' ' || text[len] > '~') {
			return false;
		}
	}
	return len >= min && len <= max;
}

bool code_limits_takes_verifier(const char *text)
{
	static const char unreserved[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t len = strlen(text);

	return len >= CODE_LIMITS_VERIFIER_MIN && len <= CODE_LIMITS_VERIFIER &&
	       strspn(text, unreserved) == len;
}

bool code_limits_takes_max_age(double seconds)
{
	return seconds >= 0 && seconds <= CODE_LIMITS_MAX_AGE &&
	       seconds == (double)(int64_t)seconds;
}
