/*
 * How long what somebody brings to be exchanged for a token may be, and of which characters. It
 * does not know who brings it, nor what it is exchanged for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	CODE_LIMITS_CODE = 4096, /* characters of a code */
	CODE_LIMITS_ID_TOKEN = 16 * 1024,
	CODE_LIMITS_NONCE = 1024,
	CODE_LIMITS_URI = 4096, /* of a redirect or an issuer */
	/* Of an assertion: as much as a line holds, beside what stands around it. */
	CODE_LIMITS_ASSERTION = 60000,
	CODE_LIMITS_MAX_AGE = 1000000000, /* seconds */
	CODE_LIMITS_VERIFIER_MIN = 43,    /* RFC 7636 section 4.1 */
	CODE_LIMITS_VERIFIER = 128,
};

/* Whether it is of min to max characters, all of them printable ASCII: VSCHAR of RFC 6749 appendix
 * A. */
bool code_limits_takes_text(const char *text, size_t min, size_t max);

/* Whether it is a verifier as RFC 7636 section 4.1 has them. */
bool code_limits_takes_verifier(const char *text);

/* Whether a number is a max_age: whole seconds. */
bool code_limits_takes_max_age(double seconds);
