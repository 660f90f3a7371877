/*
 * A profile's grant, and the keys that it is made of: an assertion, a redirect, a first refresh
 * token. It does not know how the client authenticates.
 */
#pragma once

#include "core/settings.h"

struct config_values;

/* Fills in grant, and what belongs to it; after config_endpoints_read() and with its rules. What is
 * wrong is told, and the grant is NULL where it is not known. */
void config_grant_read(const struct config_values *values, struct settings *settings);

/* Tells where two profiles begin with one refresh token: whoever came second would be signed out.
 * values are those of b. */
void config_grant_check_seeds(
	const struct config_values *values, const struct settings *a, const struct settings *b);
