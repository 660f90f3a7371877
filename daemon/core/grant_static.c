#include "grant.h"

/* A token that somebody else got: no request is ever made. */
const struct grant grant_static = {
	.name = "static",
	.parts = GRANT_PLANTED,
};
