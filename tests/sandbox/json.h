/*
 * JSON with NUL characters in strings, which cJSON alone would cut off, and short getters.
 * Knows nothing of what the documents mean.
 */
#ifndef SANDBOX_JSON_H
#define SANDBOX_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Parses exactly one value. A \u0000 in a string is kept as the noncharacter U+FDD0, which
 * json_print and json_bytes turn back. NULL if it is not JSON. The caller deletes it.
 */
cJSON *json_parse(const char *text, size_t len);

/* Prints without spaces; U+FDD0 becomes \u0000. The caller frees it. */
char *json_print(const cJSON *value);

/* The bytes of a parsed string in place: U+FDD0 becomes a NUL byte. Returns their number. */
size_t json_bytes(char *text);

/* A member of OBJECT (NULL is an empty one), or what is given where it is missing or of another
 * type. */
const cJSON *json_get(const cJSON *object, const char *name);
const char *json_string(const cJSON *object, const char *name);
int64_t json_int(const cJSON *object, const char *name, int64_t otherwise);
bool json_true(const cJSON *object, const char *name);

/* Whether VALUE is a number without a fraction from MIN to MAX (both within ±2^53). */
bool json_is_int(const cJSON *value, int64_t min, int64_t max);

/* Puts VALUE (taken over) into OBJECT in place of a member of that name. */
void json_set(cJSON *object, const char *name, cJSON *value);

/* Reads a JSON file of at most 4 MiB. NULL with a message in ERROR if it cannot be read or parsed.
 */
cJSON *json_read_file(const char *path, char *error, size_t error_size);

#endif
