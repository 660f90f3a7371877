/*
 * Strict JSON (RFC 8259): takes a text that another process sent and gives a cJSON tree or, faster,
 * its pieces where they stand, or says what is wrong with it. It does not know what the members
 * mean.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

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
 * Parses one JSON text of exactly len bytes; text[len] must be NUL. White space around it is taken.
 * No byte order mark, no raw control characters, no leading zeros, no lone surrogates, no number of
 * more than 63 bytes or beyond a double, no two members of one name, nothing behind the text. On
 * JSON_OK *ret_tree is the caller's (cJSON_Delete). Names in it are compared with cJSON's
 * …CaseSensitive functions.
 */
enum json_status json_parse(const char *text, size_t len, cJSON **ret_tree);

enum json_type {
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_WORD, /* true, false, null */
};

/* A value where it stands in the text; of a string, what is between the quotes. */
struct json_value {
	enum json_type type;
	bool escaped; /* it is a string that holds escapes */
	char *text;
	size_t len;
};

/*
 * Reads a text where it stands, piece by piece, without building a tree, and as strictly as
 * json_parse(). After an error every function returns false, and json_end() says what was wrong.
 * What was read counts only when json_end() says JSON_OK.
 */
struct json_reader {
	const unsigned char *at;
	const unsigned char *end; /* NUL */
	const unsigned char *begin;
	enum json_status status;
	bool duplicate; /* two members of one name were met */
	int depth;
};

/* Where the reading of an object is; begins as {.n = 0}. */
struct json_object {
	unsigned n; /* names that were read */
	struct json_value names[JSON_MEMBERS_MAX];
};

void json_begin(struct json_reader *reader, char *text, size_t len);

/* What kind of value comes next, if any does. */
enum json_type json_peek(const struct json_reader *reader);

/* Takes a whole value. */
bool json_take(struct json_reader *reader, struct json_value *value);

/* Takes the name of an object's next member, with which its value comes next; false at the end of
 * the object. */
bool json_member(
	struct json_reader *reader, struct json_object *object, struct json_value **ret_name);

/* Goes to the next element of an array, *n of which have been read; false at its end. */
bool json_element(struct json_reader *reader, unsigned *n);

/* Ends the reading: nothing may follow. */
enum json_status json_end(struct json_reader *reader);

/* The same for a string with escapes in it. */
bool json_is_decoded(const struct json_value *string, const char *text);

/* Whether a string, decoded, is that text; inline, since it is asked of each name of each request.
 */
static inline bool json_is(const struct json_value *string, const char *text)
{
	if (string->escaped) {
		return json_is_decoded(string, text);
	}
	return string->len == strlen(text) && memcmp(string->text, text, string->len) == 0;
}

/*
 * Decodes a string where it stands and ends it with a NUL: len becomes shorter by what its escapes
 * took. Only after json_end(), since the text around it is no JSON any more. Returns the text.
 */
char *json_decode(struct json_value *string);

/* One sentence part for people, for example "the text is not valid UTF-8". */
const char *json_status_text(enum json_status status);
