/*
 * One word out of a few: finds it, or tells which there are, which are for later, and which was
 * probably meant. It does not know what the words stand for.
 */
#pragma once

#include <stddef.h>

#include "config_keys.h"

struct config_values;

/* Lists end with NULL. */
struct config_choice {
	const char *const *names;
	const char *const *later; /* known, but not yet supported; NULL: none */
};

/* Which of the names stands under key, by its place in the list; -1 after it was told that none
 * does. */
int config_choice_read(const struct config_values *values, enum config_key_number key,
	const struct config_choice *choice);

/* "a, b or c", cut to size. */
void config_choice_list(char *text, size_t size, const char *const *names);
