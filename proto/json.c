#include "json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

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
	bool duplicate; /* two members of one name were met */
};

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
	unit = escape_hex4(&scan->at);
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
		unit = escape_hex4(&scan->at);
		return unit >= 0xdc00 && unit <= 0xdfff ? JSON_OK : JSON_BAD_SYNTAX;
	}
	return unit >= 0xdc00 && unit <= 0xdfff ? JSON_BAD_SYNTAX : JSON_OK;
}

/* Takes a string from behind its opening quote on. */
static enum json_status scan_string(struct scan *scan)
{
	for (;;) {
		scan->at = escape_skip_plain(scan->at, scan->end);
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
	bool exponent;

	take(scan, '-');
	if (!take(scan, '0') && !take_digits(scan)) {
		return unexpected(scan);
	}
	if (take(scan, '.') && !take_digits(scan)) {
		return unexpected(scan);
	}
	exponent = take(scan, 'e') || take(scan, 'E');
	if (exponent) {
		if (!take(scan, '+')) {
			take(scan, '-');
		}
		if (!take_digits(scan)) {
			return unexpected(scan);
		}
	}
	if (scan->at - begin > NUMBER_MAX ||
		(exponent && !isfinite(strtod((const char *)begin, NULL)))) {
		return JSON_BAD_SYNTAX;
	}
	return JSON_OK;
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

/* The name of a member as it stands in the text, without its quotes. */
struct name {
	const unsigned char *begin, *end;
	bool escaped; /* some of it is */
};

/* Whether two names are the same once decoded. */
static bool same_name(struct name a, struct name b)
{
	char a_bytes[4], b_bytes[4]; /* the character at hand */
	char *a_end = a_bytes, *b_end = b_bytes, *a_at = a_bytes, *b_at = b_bytes;

	if (!a.escaped && !b.escaped) {
		return a.end - a.begin == b.end - b.begin &&
		       memcmp(a.begin, b.begin, (size_t)(a.end - a.begin)) == 0;
	}
	for (;;) {
		if (a_at == a_end && a.begin < a.end) {
			a_end = escape_take(&a.begin, a_at = a_bytes);
		}
		if (b_at == b_end && b.begin < b.end) {
			b_end = escape_take(&b.begin, b_at = b_bytes);
		}
		if (a_at == a_end || b_at == b_end) {
			return a_at == a_end && b_at == b_end;
		}
		if (*a_at++ != *b_at++) {
			return false;
		}
	}
}

static enum json_status scan_value(struct scan *scan, int depth);

/* Takes what stands around the values of a list: the closing bracket or brace, or the comma before
 * the next one. */
static enum json_status scan_behind(struct scan *scan, char close, bool *ret_end)
{
	skip_space(scan);
	*ret_end = take(scan, close);
	if (!*ret_end && !take(scan, ',')) {
		return unexpected(scan);
	}
	skip_space(scan);
	return JSON_OK;
}

static enum json_status scan_array(struct scan *scan, int depth)
{
	bool end = false;

	skip_space(scan);
	if (take(scan, ']')) {
		return JSON_OK;
	}
	while (!end) {
		enum json_status status = scan_value(scan, depth);

		if (status == JSON_OK) {
			status = scan_behind(scan, ']', &end);
		}
		if (status != JSON_OK) {
			return status;
		}
	}
	return JSON_OK;
}

/* Takes a member's name with its colon. */
static enum json_status scan_name(struct scan *scan, struct name *names, int n)
{
	enum json_status status;

	if (!take(scan, '"')) {
		return unexpected(scan);
	}
	if (n == JSON_MEMBERS_MAX) {
		return JSON_TOO_MANY_MEMBERS;
	}
	names[n].begin = scan->at;
	status = scan_string(scan);
	if (status != JSON_OK) {
		return status;
	}
	names[n].end = scan->at - 1;
	names[n].escaped = memchr(names[n].begin, '\\', (size_t)(names[n].end - names[n].begin)) !=
			   NULL;
	for (int i = 0; i < n; i++) {
		if (same_name(names[i], names[n])) {
			scan->duplicate = true; /* told unless the text is worse than that */
		}
	}
	skip_space(scan);
	if (!take(scan, ':')) {
		return unexpected(scan);
	}
	skip_space(scan);
	return JSON_OK;
}

static enum json_status scan_object(struct scan *scan, int depth)
{
	struct name names[JSON_MEMBERS_MAX] __attribute__((uninitialized));
	bool end = false;

	skip_space(scan);
	if (take(scan, '}')) {
		return JSON_OK;
	}
	for (int n = 0; !end; n++) {
		enum json_status status = scan_name(scan, names, n);

		if (status == JSON_OK) {
			status = scan_value(scan, depth);
		}
		if (status == JSON_OK) {
			status = scan_behind(scan, '}', &end);
		}
		if (status != JSON_OK) {
			return status;
		}
	}
	return JSON_OK;
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
		return depth < JSON_DEPTH_MAX ? scan_object(scan, depth + 1) : JSON_TOO_DEEP;
	case '[':
		scan->at++;
		return depth < JSON_DEPTH_MAX ? scan_array(scan, depth + 1) : JSON_TOO_DEEP;
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

enum json_status json_check(const char *text, size_t len)
{
	const unsigned char *begin = (const unsigned char *)text;
	struct scan scan = {.at = begin, .end = begin + len};
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
	return status == JSON_OK && scan.duplicate ? JSON_DUPLICATE_MEMBER : status;
}

enum json_status json_parse(const char *text, size_t len, cJSON **ret_tree)
{
	enum json_status status = json_check(text, len);

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

		at = escape_skip_plain(at, end);
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
