/*
 * Checks the members of a JSON object against a table of names, types and ranges.
 * Knows nothing of what they mean.
 */
#ifndef SANDBOX_SCHEMA_H
#define SANDBOX_SCHEMA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_kind {
	SCHEMA_ANY,
	SCHEMA_INT,
	SCHEMA_TRUE,
	SCHEMA_STRING,
	SCHEMA_NAME,
	SCHEMA_OBJECT,
	SCHEMA_STRINGS,
};

/* A table of them ends with a name of NULL. */
struct schema_member {
	const char *name;
	enum schema_kind kind;
	int64_t min; /* SCHEMA_INT */
	int64_t max;
	const char *names; /* SCHEMA_NAME: those allowed, each between spaces */
};

/* Whether each member of OBJECT (NULL has none) is one of the table; else says in ERROR what is
 * wrong. */
bool schema_check(
	const struct schema_member *members, const cJSON *object, char *error, size_t error_size);

#endif
