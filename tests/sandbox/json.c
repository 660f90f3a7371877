#include "json.h"

#include "mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_FILE_MAX ((size_t)4 * 1024 * 1024)

/* The noncharacter U+FDD0 in UTF-8. The escape has as many bytes as \u0000 has. */
#define NUL_MARK        "\xef\xb7\x90"
#define NUL_MARK_LEN    3
#define NUL_MARK_ESCAPE "\\ufdd0"
#define NUL_ESCAPE      "\\u0000"
#define NUL_ESCAPE_LEN  6

cJSON *json_parse(const char *text, size_t len)
{
	char *copy = mem_copy(text, len);
	for (size_t i = 0; i + 1 < len; i++) {
		if (copy[i] != '\\') {
			continue;
		}
		if (len - i >= NUL_ESCAPE_LEN &&
			memcmp(copy + i, NUL_ESCAPE, NUL_ESCAPE_LEN) == 0) {
			memcpy(copy + i, NUL_MARK_ESCAPE, NUL_ESCAPE_LEN);
		}
		i++; /* what is escaped does not begin an escape itself */
	}
	cJSON *value = cJSON_ParseWithLengthOpts(copy, len + 1, NULL, 1);
	free(copy);
	return value;
}

char *json_print(const cJSON *value)
{
	char *printed = cJSON_PrintUnformatted(value);
	size_t marks = 0;
	for (const char *at = strstr(printed, NUL_MARK); at; at = strstr(at + 1, NUL_MARK)) {
		marks++;
	}
	if (!marks) {
		return printed;
	}
	char *text = mem_alloc(strlen(printed) + marks * (NUL_ESCAPE_LEN - NUL_MARK_LEN) + 1);
	char *out = text;
	for (const char *in = printed; *in;) {
		if (strncmp(in, NUL_MARK, NUL_MARK_LEN) == 0) {
			memcpy(out, NUL_ESCAPE, NUL_ESCAPE_LEN);
			out += NUL_ESCAPE_LEN;
			in += NUL_MARK_LEN;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	free(printed);
	return text;
}

size_t json_bytes(char *text)
{
	char *out = text;
	for (const char *in = text; *in;) {
		if (strncmp(in, NUL_MARK, NUL_MARK_LEN) == 0) {
			*out++ = '\0';
			in += NUL_MARK_LEN;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	return (size_t)(out - text);
}

const cJSON *json_get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(json_get(object, name));
}

int64_t json_int(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *value = json_get(object, name);
	return cJSON_IsNumber(value) ? (int64_t)value->valuedouble : otherwise;
}

bool json_true(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(json_get(object, name));
}

bool json_is_int(const cJSON *value, int64_t min, int64_t max)
{
	return cJSON_IsNumber(value) && value->valuedouble >= (double)min &&
	       value->valuedouble <= (double)max &&
	       (double)(int64_t)value->valuedouble == value->valuedouble;
}

void json_set(cJSON *object, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	cJSON_AddItemToObject(object, name, value);
}

cJSON *json_read_file(const char *path, char *error, size_t error_size)
{
	FILE *file = fopen(path, "re");
	if (!file) {
		snprintf(error, error_size, "%s: %s", path, strerror(errno));
		return NULL;
	}
	char *text = mem_alloc(JSON_FILE_MAX + 1);
	size_t len = fread(text, 1, JSON_FILE_MAX + 1, file);
	fclose(file);
	cJSON *value = len <= JSON_FILE_MAX ? json_parse(text, len) : NULL;
	free(text);
	if (!value) {
		snprintf(error, error_size, "%s: not a JSON file of at most 4 MiB", path);
	}
	return value;
}
