/*
 * What stands in a configuration, as a plain list in its order: whoever reads a syntax makes one,
 * whoever gives it a meaning reads it. It does not know which sections and keys there are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config_problems.h"

/* key and value are NULL in the entry of a section's heading. */
struct config_entry {
	char *section, *key, *value;
	unsigned line;
	const struct config_source *source; /* borrowed; NULL: in no file */
};

struct config_entries {
	struct config_entry *list;
	size_t n, capacity;
	const struct config_source *source; /* that of those which are added now */
};

/* Where it stands, for those who tell what is wrong with it. Borrowed. */
struct config_place config_entry_place(const struct config_entry *entry);

/* Copies what it is given, value_len bytes of value; false when there is no memory. */
bool config_entries_add(struct config_entries *entries, unsigned line, const char *section,
	const char *key, const char *value, size_t value_len);

/* Wipes the values and frees. */
void config_entries_done(struct config_entries *entries);
