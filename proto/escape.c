#include "escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

const unsigned char *escape_skip_plain(const unsigned char *at, const unsigned char *end)
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
size_t escape_utf8_length(const unsigned char *at, const unsigned char *end)
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

bool escape_is_utf8(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;
	const unsigned char *end = at + len;

	while (at < end) {
		size_t step = *at < 0x80 ? 1 : escape_utf8_length(at, end);

		if (step == 0) {
			return false;
		}
		at += step;
	}
	return true;
}

int escape_hex4(const unsigned char **at)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = **at;

		if (c >= '0' && c <= '9') {
			value = value * 16 + (c - '0');
		} else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
			value = value * 16 + ((c | 0x20) - 'a' + 10);
		} else {
			return -1;
		}
		(*at)++;
	}
	return value;
}

/* Takes what follows \u: a character, or both halves of one. */
static uint32_t take_point(const unsigned char **at)
{
	uint32_t point = (uint32_t)escape_hex4(at);

	if (point >= 0xd800 && point <= 0xdbff) {
		*at += 2;
		point = 0x10000 + ((point - 0xd800) << 10) + ((uint32_t)escape_hex4(at) - 0xdc00);
	}
	return point;
}

static char *put_point(char *dst, uint32_t point)
{
	if (point < 0x80) {
		*dst++ = (char)point;
		return dst;
	}
	if (point < 0x800) {
		*dst++ = (char)(0xc0 | point >> 6);
	} else {
		if (point < 0x10000) {
			*dst++ = (char)(0xe0 | point >> 12);
		} else {
			*dst++ = (char)(0xf0 | point >> 18);
			*dst++ = (char)(0x80 | (point >> 12 & 0x3f));
		}
		*dst++ = (char)(0x80 | (point >> 6 & 0x3f));
	}
	*dst++ = (char)(0x80 | (point & 0x3f));
	return dst;
}

char *escape_take(const unsigned char **at, char *dst)
{
	static const char named[] = {['"'] = '"',
		['/'] = '/',
		['\\'] = '\\',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t'};
	unsigned char c = *(*at)++;

	if (c != '\\') {
		*dst++ = (char)c;
		return dst;
	}
	c = *(*at)++;
	if (c == 'u') {
		return put_point(dst, take_point(at));
	}
	*dst++ = named[c];
	return dst;
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

size_t escape_quote(char *dst, const char *text, size_t len)
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
			at += escape_utf8_length(at, end);
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
