/*
 * The JSON syntax: a text becomes a list of entries as INI does, or every mistake in it is told
 * with its line. Of the keys it knows which are lists and which are switches.
 */
#pragma once

#include <stddef.h>

struct config_entries;
struct config_problems;

/*
 * Adds what stands in len bytes of text, an object of sections, to entries; as strict as RFC 8259.
 * Members of the wrong type are told and left out; behind a mistake of syntax nothing is read. text
 * has to be UTF-8 without NUL.
 */
void config_json_read(
	char *text, size_t len, struct config_problems *problems, struct config_entries *entries);
