/*
 * Strict JSON (RFC 8259): takes a text that another process sent and gives a cJSON tree, or says
 * what is wrong with it. It does not know what the members mean.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	JSON_DEPTH_MAX = 16,   /* the outermost value is 1 */
	JSON_MEMBERS_MAX = 64, /* in one object */
};

enum json_status {
	JSON_OK,
	JSON_NOT_UTF8,
	JSON_BAD_SYNTAX,
	JSON_TOO_DEEP,
	JSON_TOO_MANY_MEMBERS,
	JSON_DUPLICATE_MEMBER,
	JSON_HAS_NUL, /* a NUL byte, or \u0000 in a string, which C strings cannot hold */
	JSON_NO_MEMORY,
};

/*
 * Checks one JSON text of exactly len bytes; text[len] must be NUL. White space around it is taken.
 * No byte order mark, no raw control characters, no leading zeros, no lone surrogates, no number of
 * more than 63 bytes or beyond a double, no two members of one name, nothing behind the text.
 */
enum json_status json_check(const char *text, size_t len);

/* The same, and a tree of it, the caller's (cJSON_Delete). Names in it are compared with cJSON's
 * …CaseSensitive functions. */
enum json_status json_parse(const char *text, size_t len, cJSON **ret_tree);

/* One sentence part for people, for example "the text is not valid UTF-8". */
const char *json_status_text(enum json_status status);

/*
 * Writes text as a JSON string, with its quotes, to dst (no NUL at the end). Bytes that are not
 * UTF-8 become U+FFFD. Returns the length; at most JSON_QUOTED_MAX(len) bytes, which dst must hold.
 */
#define JSON_QUOTED_MAX(len) (6 * (len) + 2)
size_t json_quote(char *dst, const char *text, size_t len);

/* Whether the bytes are UTF-8 as RFC 3629 has it (no overlong forms, no surrogates, nothing above
 * U+10FFFF). */
bool json_is_utf8(const char *bytes, size_t len);
