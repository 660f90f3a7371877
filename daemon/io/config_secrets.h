/*
 * What is secret of a profile: the three ways to write each (itself, a file, a credential of the
 * service) become a secret, or the problem of the profile. It does not know which of them a profile
 * needs.
 */
#pragma once

#include <stdbool.h>

#include "core/settings.h"

struct config_values;

/* Whether it is written in any way. */
bool config_secrets_written(const struct config_values *values, enum settings_secret_number number);

/* Whether it is written in this profile, and not taken from a section for all. */
bool config_secrets_own(const struct config_values *values, enum settings_secret_number number);

/*
 * Reads it into settings where it is written. A file that cannot be read, or holds what cannot be
 * meant, is the profile's problem and a warning, and stops nobody else; any other mistake is told
 * as one.
 */
void config_secrets_read(const struct config_values *values, enum settings_secret_number number,
	struct settings *settings);

/* The same for one that has to be there. */
void config_secrets_require(const struct config_values *values, enum settings_secret_number number,
	struct settings *settings);

/* A locked copy; remembers that memory ran out. */
struct secret *config_secrets_copy(const struct config_values *values, const struct secret *secret);
