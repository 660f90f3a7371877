#include "grant.h"

/* RFC 6749 section 4.2: the browser itself brings the token back, and no request is ever made. */
const struct grant grant_implicit = {
	.name = "implicit",
	.parts = GRANT_IMPLICIT | GRANT_PLANTED,
};
