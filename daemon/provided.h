/*
 * What a provider brings, as it stands on the wire: reads a code or an assertion out of the data of
 * an answer or event, as the profile's grant takes it. It does not know who the provider is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct code;
struct settings;

enum { PROVIDED_WHY_SIZE = 160 };

/* Whether data are left out, or an empty object. As below. */
bool provided_is_nothing(const char *json, size_t len);

/* Reads JSON of len bytes (json[len] is NUL), NULL: none. The code is the caller's; NULL with a
 * clause that says what is wrong. */
struct code *provided_read(
	const struct settings *settings, const char *json, size_t len, char why[PROVIDED_WHY_SIZE]);
