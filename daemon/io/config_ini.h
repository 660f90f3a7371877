/*
 * The INI syntax: a text becomes a list of entries, or every mistake in it is told with its line.
 * It does not know which sections and keys there are.
 */
#pragma once

#include <stddef.h>

struct config_entries;
struct config_problems;

enum {
	CONFIG_INI_KEYS_MAX = 200,    /* in one section */
	CONFIG_INI_LINES_MAX = 10000, /* of one section, comments too */
};

/*
 * Adds what stands in len bytes of text to entries. Lines that are wrong are told and left out, so
 * that the others can be judged too. text has to be UTF-8 without NUL; it is changed on the way.
 */
void config_ini_read(
	char *text, size_t len, struct config_problems *problems, struct config_entries *entries);
