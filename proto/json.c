#include "json.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
	NUMBER_MAX = 63, /* bytes of a number: cJSON cuts longer ones */
};

/*
 * Where the scan of a text is. *end is NUL, so looking at one byte needs no look at end; a NUL
 * before end is a byte of the text.
 */
struct scan {
	const unsigned char *at;
	const unsigned char *end;
};

/* Eight equal bytes, and the high bit of each. */
#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS   EIGHT(0x80)

/* A high bit where a byte of word is below n; exact when no byte of word has its own. */
#define BELOW(word, n) (((word)-EIGHT(n)) & ~(word)&HIGH_BITS)

/* Bytes that stand in a JSON string as themselves and need no further look. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
	while (end - at >= 8) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		if ((word & HIGH_BITS) || BELOW(word, 0x20) || BELOW(word ^ EIGHT('"'), 1) ||
			BELOW(word ^ EIGHT('\\'), 1)) {
			break;
		}
		at += sizeof(word);
	}
	while (at < end && is_plain(*at)) {
		at++;
	}
	return at;
}

/* The length of the character at `at` that is not ASCII, or 0 where none is well-formed (RFC 3629,
 * section 4). */
static size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
	unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
	size_t len;

	if (*at >= 0xc2 && *at <= 0xdf) {
		len = 2;
	} else if (*at >= 0xe0 && *at <= 0xef) {
		len = 3;
		low = *at == 0xe0 ? 0xa0 : low;   /* overlong */
		high = *at == 0xed ? 0x9f : high; /* surrogates */
	} else if (*at >= 0xf0 && *at <= 0xf4) {
		len = 4;
		low = *at == 0xf0 ? 0x90 : low;   /* overlong */
		high = *at == 0xf4 ? 0x8f : high; /* above U+10FFFF */
	} else {
		return 0;
	}
	if ((size_t)(end - at) < len || at[1] < low || at[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return len;
}

bool json_is_utf8(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;
	const unsigned char *end = at + len;

	while (at < end) {
		size_t step = *at < 0x80 ? 1 : utf8_length(at, end);

		if (step == 0) {
			return false;
		}
		at += step;
	}
	return true;
}

static void skip_space(struct scan *scan)
{
	while (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r') {
		scan->at++;
	}
}

/* Takes the byte c; false when another one stands there. */
static bool take(struct scan *scan, char c)
{
	if (*scan->at != (unsigned char)c) {
		return false;
	}
	scan->at++;
	return true;
}

/* What is wrong with a byte that the grammar does not have there. */
static enum json_status unexpected(const struct scan *scan)
{
	return *scan->at == '\0' && scan->at < scan->end ? JSON_HAS_NUL : JSON_BAD_SYNTAX;
}

/* Takes the four digits of a \u escape; -1 when they are not there. */
static int take_hex4(struct scan *scan)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = *scan->at;

		if (c >= '0' && c <= '9') {
			value = value * 16 + (c - '0');
		} else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
			value = value * 16 + ((c | 0x20) - 'a' + 10);
		} else {
			return -1;
		}
		scan->at++;
	}
	return value;
}

/* Takes what follows a backslash. */
static enum json_status scan_escape(struct scan *scan)
{
	int unit;

	if (*scan->at && strchr("\"\\/bfnrt", *scan->at)) {
		scan->at++;
		return JSON_OK;
	}
	if (!take(scan, 'u')) {
		return unexpected(scan);
	}
	unit = take_hex4(scan);
	if (unit < 0) {
		return unexpected(scan);
	}
	if (unit == 0) {
		return JSON_HAS_NUL;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		if (!take(scan, '\\') || !take(scan, 'u')) {
			return unexpected(scan);
		}
		unit = take_hex4(scan);
		return unit >= 0xdc00 && unit <= 0xdfff ? JSON_OK : JSON_BAD_SYNTAX;
	}
	return unit >= 0xdc00 && unit <= 0xdfff ? JSON_BAD_SYNTAX : JSON_OK;
}

/* Takes a string from behind its opening quote on. */
static enum json_status scan_string(struct scan *scan)
{
	for (;;) {
		scan->at = skip_plain(scan->at, scan->end);
		if (take(scan, '"')) {
			return JSON_OK;
		}
		if (take(scan, '\\')) {
			enum json_status status = scan_escape(scan);

			if (status != JSON_OK) {
				return status;
			}
		} else if (*scan->at >= 0x80) {
			size_t len = utf8_length(scan->at, scan->end);

			if (len == 0) {
				return JSON_NOT_UTF8;
			}
			scan->at += len;
		} else {
			return unexpected(scan);
		}
	}
}

/* Takes digits; false when there is none. */
static bool take_digits(struct scan *scan)
{
	const unsigned char *begin = scan->at;

	while (*scan->at >= '0' && *scan->at <= '9') {
		scan->at++;
	}
	return scan->at > begin;
}

static enum json_status scan_number(struct scan *scan)
{
	const unsigned char *begin = scan->at;

	take(scan, '-');
	if (!take(scan, '0') && !take_digits(scan)) {
		return unexpected(scan);
	}
	if (take(scan, '.') && !take_digits(scan)) {
		return unexpected(scan);
	}
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+')) {
			take(scan, '-');
		}
		if (!take_digits(scan)) {
			return unexpected(scan);
		}
	}
	return scan->at - begin <= NUMBER_MAX ? JSON_OK : JSON_BAD_SYNTAX;
}

static enum json_status scan_word(struct scan *scan, const char *word)
{
	while (*word) {
		if (!take(scan, *word)) {
			return unexpected(scan);
		}
		word++;
	}
	return JSON_OK;
}

static enum json_status scan_value(struct scan *scan, int depth);

/* Takes a list from behind its opening bracket or brace on. */
static enum json_status scan_list(struct scan *scan, char close, int depth)
{
	enum json_status status;
	int members = 0;

	if (depth > JSON_DEPTH_MAX) {
		return JSON_TOO_DEEP;
	}
	skip_space(scan);
	if (take(scan, close)) {
		return JSON_OK;
	}
	for (;;) {
		if (close == '}') {
			if (!take(scan, '"')) {
				return unexpected(scan);
			}
			if (++members > JSON_MEMBERS_MAX) {
				return JSON_TOO_MANY_MEMBERS;
			}
			status = scan_string(scan);
			if (status != JSON_OK) {
				return status;
			}
			skip_space(scan);
			if (!take(scan, ':')) {
				return unexpected(scan);
			}
			skip_space(scan);
		}
		status = scan_value(scan, depth);
		if (status != JSON_OK) {
			return status;
		}
		skip_space(scan);
		if (take(scan, close)) {
			return JSON_OK;
		}
		if (!take(scan, ',')) {
			return unexpected(scan);
		}
		skip_space(scan);
	}
}

/* Takes a value; depth is that of the list around it. */
static enum json_status scan_value(struct scan *scan, int depth)
{
	switch (*scan->at) {
	case '"':
		scan->at++;
		return scan_string(scan);
	case '{':
		scan->at++;
		return scan_list(scan, '}', depth + 1);
	case '[':
		scan->at++;
		return scan_list(scan, ']', depth + 1);
	case 't':
		return scan_word(scan, "true");
	case 'f':
		return scan_word(scan, "false");
	case 'n':
		return scan_word(scan, "null");
	default:
		return scan_number(scan);
	}
}

static enum json_status scan_text(const char *text, size_t len)
{
	const unsigned char *begin = (const unsigned char *)text;
	struct scan scan = {begin, begin + len};
	enum json_status status;

	skip_space(&scan);
	status = scan_value(&scan, 0);
	if (status == JSON_OK) {
		skip_space(&scan);
		status = scan.at == scan.end ? JSON_OK : unexpected(&scan);
	}
	/* What is not UTF-8 is so wherever the scan ended. */
	if (status != JSON_OK && !json_is_utf8(text, len)) {
		return JSON_NOT_UTF8;
	}
	return status;
}

/* Whether one of the members before this one has its name. */
static bool is_duplicate(const cJSON *object, const cJSON *member)
{
	for (const cJSON *other = object->child; other != member; other = other->next) {
		if (strcmp(other->string, member->string) == 0) {
			return true;
		}
	}
	return false;
}

/* Looks for what only the decoded values show. JSON_MEMBERS_MAX bounds the search for duplicates;
 * valuedouble is 0 in what is no number. */
static enum json_status check_tree(const cJSON *tree)
{
	bool is_object = cJSON_IsObject(tree);
	const cJSON *item;

	cJSON_ArrayForEach (item, tree) {
		if (is_object && is_duplicate(tree, item)) {
			return JSON_DUPLICATE_MEMBER;
		}
		if (item->child) {
			enum json_status status = check_tree(item);

			if (status != JSON_OK) {
				return status;
			}
		} else if (!isfinite(item->valuedouble)) {
			return JSON_BAD_SYNTAX;
		}
	}
	return isfinite(tree->valuedouble) ? JSON_OK : JSON_BAD_SYNTAX;
}

enum json_status json_parse(const char *text, size_t len, cJSON **ret_tree)
{
	enum json_status status = scan_text(text, len);
	cJSON *tree;

	if (status != JSON_OK) {
		return status;
	}
	/* The NUL counts: with it cJSON sees that nothing follows. */
	tree = cJSON_ParseWithLengthOpts(text, len + 1, NULL, true);
	if (!tree) {
		return JSON_NO_MEMORY;
	}
	status = check_tree(tree);
	if (status != JSON_OK) {
		cJSON_Delete(tree);
		return status;
	}
	*ret_tree = tree;
	return JSON_OK;
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

/* Writes a byte that cannot stand in a string as itself; returns where the next one goes. */
static char *put_escape(char *dst, unsigned char c)
{
	static const char named[] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	static const char hex[] = "0123456789abcdef";

	*dst++ = '\\';
	if (c == '"' || c == '\\') {
		*dst++ = (char)c;
	} else if (c < sizeof(named) && named[c]) {
		*dst++ = named[c];
	} else {
		*dst++ = 'u';
		*dst++ = '0';
		*dst++ = '0';
		*dst++ = hex[c >> 4];
		*dst++ = hex[c & 0xf];
	}
	return dst;
}

size_t json_quote(char *dst, const char *text, size_t len)
{
	static const char replacement[] = {'\xef', '\xbf', '\xbd'}; /* U+FFFD */
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + len;
	char *begin = dst;

	*dst++ = '"';
	while (at < end) {
		const unsigned char *plain = at;
		size_t taken;

		at = skip_plain(at, end);
		if (at < end && *at >= 0x80) {
			at += utf8_length(at, end);
		}
		taken = (size_t)(at - plain);
		memcpy(dst, plain, taken);
		dst += taken;
		if (taken > 0 || at == end) {
			continue;
		}
		if (*at >= 0x80) {
			memcpy(dst, replacement, sizeof(replacement));
			dst += sizeof(replacement);
		} else {
			dst = put_escape(dst, *at);
		}
		at++;
	}
	*dst++ = '"';
	return (size_t)(dst - begin);
}
