/*
 * Sorts the entries of a configuration into the sections and keys that are known, and tells which
 * are not known, not supported, or stand twice. It does not know what the values mean.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config_values.h"

struct config_entries;

enum {
	CONFIG_PROFILES_MAX = 1024,
	CONFIG_VALUE_MAX = 16 * 1024, /* bytes of one value */
};

struct config_section {
	const struct config_entry *heading; /* the first */
	const struct config_entry *latest;  /* that of the last file which goes on with it */
	const char *profile;                /* its name, NULL: a section for all */
	struct config_values values;
};

struct config_sections {
	struct config_section *list;
	size_t n, capacity;
	size_t n_profiles;
	struct config_values common; /* what stands outside of the profiles */
};

/* What stands in a later file goes before what stands in an earlier one. Entries, environment
 * and problems are borrowed for as long as the sections live. */
void config_sections_read(struct config_sections *sections, const struct config_entries *entries,
	const struct config_environment *environment, struct config_problems *problems);
void config_sections_done(struct config_sections *sections);
