#include "schema.h"

#include "json.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool name_allowed(const char *names, const char *name)
{
	char *padded = mem_printf(" %s ", name);
	bool allowed = strchr(name, ' ') == NULL && strstr(names, padded) != NULL;
	free(padded);
	return allowed;
}

static bool all_strings(const cJSON *list)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item)) {
			return false;
		}
	}
	return cJSON_IsArray(list);
}

static bool value_ok(
	const struct schema_member *member, const cJSON *value, char *error, size_t error_size)
{
	const char *name = member->name;
	switch (member->kind) {
	case SCHEMA_ANY:
		return true;
	case SCHEMA_INT:
		snprintf(error, error_size, "%s must be a whole number from %lld to %lld", name,
			(long long)member->min, (long long)member->max);
		return json_is_int(value, member->min, member->max);
	case SCHEMA_TRUE:
		snprintf(error, error_size, "%s must be true or false", name);
		return cJSON_IsBool(value);
	case SCHEMA_STRING:
		snprintf(error, error_size, "%s must be a string", name);
		return cJSON_IsString(value);
	case SCHEMA_NAME:
		snprintf(error, error_size, "%s must be one of%s", name, member->names);
		return cJSON_IsString(value) && name_allowed(member->names, value->valuestring);
	case SCHEMA_OBJECT:
		snprintf(error, error_size, "%s must be an object", name);
		return cJSON_IsObject(value);
	case SCHEMA_STRINGS:
		snprintf(error, error_size, "%s must be an array of strings", name);
		return all_strings(value);
	}
	return false;
}

bool schema_check(
	const struct schema_member *members, const cJSON *object, char *error, size_t error_size)
{
	const cJSON *value;
	cJSON_ArrayForEach (value, object) {
		const struct schema_member *member = members;
		while (member->name && strcmp(member->name, value->string) != 0) {
			member++;
		}
		if (!member->name) {
			snprintf(error, error_size, "unknown member %.64s", value->string);
			return false;
		}
		if (!value_ok(member, value, error, error_size)) {
			return false;
		}
	}
	return true;
}
