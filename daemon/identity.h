/*
 * What a token is for, in JSON: written beside the token, and compared when it is read back. It
 * does not know where it is kept.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

struct settings;

/* An array of texts; NULL when there is no memory. */
cJSON *identity_write(const struct settings *settings);

/* Whether it was written for settings of the same identity; takes NULL, which was not. */
bool identity_is(const cJSON *array, const struct settings *settings);
