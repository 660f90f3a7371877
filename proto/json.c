#include "json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

enum {
	NUMBER_MAX = 63, /* bytes of a number: cJSON cuts longer ones */
};

static void skip_space(struct json_reader *reader)
{
	while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' ||
		*reader->at == '\r') {
		reader->at++;
	}
}

/* Takes the byte c; false when another one stands there. */
static bool take(struct json_reader *reader, char c)
{
	if (*reader->at != (unsigned char)c) {
		return false;
	}
	reader->at++;
	return true;
}

/* What is wrong with a byte that the grammar does not have there. */
static enum json_status unexpected(const struct json_reader *reader)
{
	return *reader->at == '\0' && reader->at < reader->end ? JSON_HAS_NUL : JSON_BAD_SYNTAX;
}

/* Takes what follows a backslash. */
static enum json_status scan_escape(struct json_reader *reader)
{
	int unit;

	if (*reader->at && strchr("\"\\/bfnrt", *reader->at)) {
		reader->at++;
		return JSON_OK;
	}
	if (!take(reader, 'u')) {
		return unexpected(reader);
	}
	unit = escape_hex4(&reader->at);
	if (unit < 0) {
		return unexpected(reader);
	}
	if (unit == 0) {
		return JSON_HAS_NUL;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		if (!take(reader, '\\') || !take(reader, 'u')) {
			return unexpected(reader);
		}
		unit = escape_hex4(&reader->at);
		return unit >= 0xdc00 && unit <= 0xdfff ? JSON_OK : JSON_BAD_SYNTAX;
	}
	return unit >= 0xdc00 && unit <= 0xdfff ? JSON_BAD_SYNTAX : JSON_OK;
}

/* Takes a string from behind its opening quote on. */
static enum json_status scan_string(struct json_reader *reader, bool *ret_escaped)
{
	for (;;) {
		reader->at = escape_skip_plain(reader->at, reader->end);
		if (take(reader, '"')) {
			return JSON_OK;
		}
		if (take(reader, '\\')) {
			enum json_status status = scan_escape(reader);

			*ret_escaped = true;
			if (status != JSON_OK) {
				return status;
			}
		} else if (*reader->at >= 0x80) {
			size_t len = escape_utf8_length(reader->at, reader->end);

			if (len == 0) {
				return JSON_NOT_UTF8;
			}
			reader->at += len;
		} else {
			return unexpected(reader);
		}
	}
}

/* Takes digits; false when there is none. */
static bool take_digits(struct json_reader *reader)
{
	const unsigned char *begin = reader->at;

	while (*reader->at >= '0' && *reader->at <= '9') {
		reader->at++;
	}
	return reader->at > begin;
}

static enum json_status scan_number(struct json_reader *reader)
{
	const unsigned char *begin = reader->at;
	bool exponent;

	take(reader, '-');
	if (!take(reader, '0') && !take_digits(reader)) {
		return unexpected(reader);
	}
	if (take(reader, '.') && !take_digits(reader)) {
		return unexpected(reader);
	}
	exponent = take(reader, 'e') || take(reader, 'E');
	if (exponent) {
		if (!take(reader, '+')) {
			take(reader, '-');
		}
		if (!take_digits(reader)) {
			return unexpected(reader);
		}
	}
	if (reader->at - begin > NUMBER_MAX ||
		(exponent && !isfinite(strtod((const char *)begin, NULL)))) {
		return JSON_BAD_SYNTAX;
	}
	return JSON_OK;
}

static enum json_status scan_word(struct json_reader *reader, const char *word)
{
	while (*word) {
		if (!take(reader, *word)) {
			return unexpected(reader);
		}
		word++;
	}
	return JSON_OK;
}

/* What a comparison of decoded strings has at hand. */
struct decoded {
	const unsigned char *at, *end;
	char bytes[ESCAPE_CHARACTER_MAX];
	char *byte, *bytes_end;
};

static struct decoded decode(const struct json_value *string)
{
	struct decoded decoded = {.at = (const unsigned char *)string->text};

	decoded.end = decoded.at + string->len;
	return decoded;
}

/* The next byte, -1 at the end. */
static int next_byte(struct decoded *decoded)
{
	if (decoded->byte == decoded->bytes_end) {
		if (decoded->at == decoded->end) {
			return -1;
		}
		decoded->byte = decoded->bytes;
		decoded->bytes_end = escape_take(&decoded->at, decoded->bytes);
	}
	return (unsigned char)*decoded->byte++;
}

static bool same_decoded(const struct json_value *a, const struct json_value *b)
{
	struct decoded left = decode(a), right = decode(b);
	int byte;

	do {
		byte = next_byte(&left);
		if (byte != next_byte(&right)) {
			return false;
		}
	} while (byte >= 0);
	return true;
}

static bool same_string(const struct json_value *a, const struct json_value *b)
{
	if (a->escaped || b->escaped) {
		return same_decoded(a, b);
	}
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

bool json_is_decoded(const struct json_value *string, const char *text)
{
	struct json_value other = {.text = (char *)text, .len = strlen(text)};

	return same_decoded(string, &other);
}

/* Sets the status of an error; false, so that callers can return it. */
static bool fail(struct json_reader *reader, enum json_status status)
{
	reader->status = status;
	return false;
}

/* Takes what stands before the next value of a list: its opening bracket or brace, or a comma.
 * False behind the last one. */
static bool next_in_list(struct json_reader *reader, bool is_first, char close)
{
	if (reader->status != JSON_OK) {
		return false;
	}
	if (is_first) {
		if (reader->depth == JSON_DEPTH_MAX) {
			return fail(reader, JSON_TOO_DEEP);
		}
		reader->depth++;
		reader->at++;
	}
	skip_space(reader);
	if (take(reader, close)) {
		reader->depth--;
		return false;
	}
	if (!is_first) {
		if (!take(reader, ',')) {
			return fail(reader, unexpected(reader));
		}
		skip_space(reader);
		if (*reader->at == (unsigned char)close) {
			return fail(reader, JSON_BAD_SYNTAX);
		}
	}
	return true;
}

bool json_element(struct json_reader *reader, unsigned *n)
{
	return next_in_list(reader, (*n)++ == 0, ']');
}

bool json_member(
	struct json_reader *reader, struct json_object *object, struct json_value **ret_name)
{
	struct json_value *name = &object->names[object->n];

	if (!next_in_list(reader, object->n == 0, '}')) {
		return false;
	}
	if (*reader->at != '"') {
		return fail(reader, unexpected(reader));
	}
	if (object->n == JSON_MEMBERS_MAX) {
		return fail(reader, JSON_TOO_MANY_MEMBERS);
	}
	if (!json_take(reader, name)) {
		return false;
	}
	for (unsigned i = 0; i < object->n; i++) {
		if (same_string(&object->names[i], name)) {
			reader->duplicate = true; /* told unless the text is worse than that */
		}
	}
	object->n++;
	skip_space(reader);
	if (!take(reader, ':')) {
		return fail(reader, unexpected(reader));
	}
	skip_space(reader);
	*ret_name = name;
	return true;
}

static bool take_array(struct json_reader *reader)
{
	struct json_value value;
	unsigned n = 0;

	while (json_element(reader, &n)) {
		if (!json_take(reader, &value)) {
			return false;
		}
	}
	return reader->status == JSON_OK;
}

static bool take_object(struct json_reader *reader)
{
	struct json_object object __attribute__((uninitialized));
	struct json_value *name, value;

	object.n = 0;
	while (json_member(reader, &object, &name)) {
		if (!json_take(reader, &value)) {
			return false;
		}
	}
	return reader->status == JSON_OK;
}

/* json_decode() writes to it. NOLINTNEXTLINE(readability-non-const-parameter) */
void json_begin(struct json_reader *reader, char *text, size_t len)
{
	const unsigned char *begin = (const unsigned char *)text;

	*reader = (struct json_reader){.at = begin, .end = begin + len, .begin = begin};
	skip_space(reader);
}

enum json_type json_peek(const struct json_reader *reader)
{
	switch (*reader->at) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
	case 'f':
	case 'n':
		return JSON_WORD;
	default:
		return JSON_NUMBER;
	}
}

/* A string is taken without its quotes. */
static bool take_string(struct json_reader *reader, struct json_value *value)
{
	enum json_status status;

	value->text = (char *)++reader->at;
	status = scan_string(reader, &value->escaped);
	if (status != JSON_OK) {
		return fail(reader, status);
	}
	value->len = (size_t)((char *)reader->at - 1 - value->text);
	return true;
}

static enum json_status scan_scalar(struct json_reader *reader)
{
	switch (*reader->at) {
	case 't':
		return scan_word(reader, "true");
	case 'f':
		return scan_word(reader, "false");
	case 'n':
		return scan_word(reader, "null");
	default:
		return scan_number(reader);
	}
}

bool json_take(struct json_reader *reader, struct json_value *value)
{
	if (reader->status != JSON_OK) {
		return false;
	}
	value->type = json_peek(reader);
	value->escaped = false;
	value->text = (char *)reader->at;
	switch (value->type) {
	case JSON_OBJECT:
		if (!take_object(reader)) {
			return false;
		}
		break;
	case JSON_ARRAY:
		if (!take_array(reader)) {
			return false;
		}
		break;
	case JSON_STRING:
		return take_string(reader, value);
	case JSON_NUMBER:
	case JSON_WORD:
		reader->status = scan_scalar(reader);
		if (reader->status != JSON_OK) {
			return false;
		}
		break;
	}
	value->len = (size_t)((char *)reader->at - value->text);
	return true;
}

enum json_status json_end(struct json_reader *reader)
{
	if (reader->status == JSON_OK) {
		skip_space(reader);
		if (reader->at != reader->end) {
			reader->status = unexpected(reader);
		}
	}
	/* What is not UTF-8 is so wherever the reading ended. */
	if (reader->status != JSON_OK && !escape_is_utf8((const char *)reader->begin,
						 (size_t)(reader->end - reader->begin))) {
		reader->status = JSON_NOT_UTF8;
	} else if (reader->status == JSON_OK && reader->duplicate) {
		reader->status = JSON_DUPLICATE_MEMBER;
	}
	return reader->status;
}

char *json_decode(struct json_value *string)
{
	const unsigned char *at = (const unsigned char *)string->text;
	const unsigned char *end = at + string->len;
	char *dst = string->text;

	if (string->escaped) {
		while (at < end) {
			dst = escape_take(&at, dst);
		}
		string->len = (size_t)(dst - string->text);
		string->escaped = false;
	}
	string->text[string->len] = '\0';
	return string->text;
}

enum json_status json_parse(const char *text, size_t len, cJSON **ret_tree)
{
	struct json_reader reader;
	struct json_value value;
	enum json_status status;

	json_begin(&reader, (char *)text, len); /* it is not written to before json_decode() */
	json_take(&reader, &value);
	status = json_end(&reader);
	if (status != JSON_OK) {
		return status;
	}
	/* The NUL counts: with it cJSON sees that nothing follows. */
	*ret_tree = cJSON_ParseWithLengthOpts(text, len + 1, NULL, true);
	return *ret_tree ? JSON_OK : JSON_NO_MEMORY;
}

const char *json_status_text(enum json_status status)
{
	switch (status) {
	case JSON_OK:
		return "the text is valid JSON";
	case JSON_NOT_UTF8:
		return "the text is not valid UTF-8";
	case JSON_BAD_SYNTAX:
		return "the text is not valid JSON";
	case JSON_TOO_DEEP:
		return "it is nested deeper than 16 levels";
	case JSON_TOO_MANY_MEMBERS:
		return "an object has more than 64 members";
	case JSON_DUPLICATE_MEMBER:
		return "an object has two members of the same name";
	case JSON_HAS_NUL:
		return "the text holds a NUL character";
	case JSON_NO_MEMORY:
		return "there is no memory to read it";
	}
	return "";
}
