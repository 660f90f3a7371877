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
