#include "decode.h"

#include <ctype.h>
#include <stdint.h>

#include "encode.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number that n hexadecimal digits make, or -1. */
static long hex_number(const char *text, size_t len, size_t n)
{
	long number = 0;

	if (len < n) {
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0) {
			return -1;
		}
		number = number * 16 + digit;
	}
	return number;
}

void decode_form(struct form *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		long byte = text[i] == '%' ? hex_number(text + i + 1, len - i - 1, 2) : -1;
		char c = text[i] == '+' ? ' ' : text[i];

		if (byte >= 0) {
			c = (char)byte;
			i += 2;
		}
		form_add_raw(out, &c, 1);
	}
}

static void add_point(struct form *out, uint32_t point)
{
	char bytes[4];
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	if (n == 1) {
		bytes[0] = (char)point;
	} else {
		for (size_t i = n - 1; i > 0; i--) {
			bytes[i] = (char)(0x80 | (point & 0x3f));
			point >>= 6;
		}
		bytes[0] = (char)((0xf0 << (4 - n)) | point);
	}
	form_add_raw(out, bytes, n);
}

/* Takes \uNNNN, or both halves of a character; returns its length, 0 where there is none. */
static size_t add_unicode(struct form *out, const char *text, size_t len)
{
	long point = len > 2 ? hex_number(text + 2, len - 2, 4) : -1;
	long low;

	if (point < 0) {
		return 0;
	}
	if (point >= 0xd800 && point <= 0xdbff && len >= 12 && text[6] == '\\' && text[7] == 'u') {
		low = hex_number(text + 8, len - 8, 4);
		if (low >= 0xdc00 && low <= 0xdfff) {
			add_point(out,
				(uint32_t)(0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00)));
			return 12;
		}
	}
	add_point(out, (uint32_t)point);
	return 6;
}

void decode_json(struct form *out, const char *text, size_t len)
{
	static const char named[] = "b\bf\fn\nr\rt\t\"\"\\\\//";

	for (size_t i = 0; i < len;) {
		size_t taken = 0;

		if (text[i] == '\\' && i + 1 < len && text[i + 1] == 'u') {
			taken = add_unicode(out, text + i, len - i);
		} else if (text[i] == '\\' && i + 1 < len) {
			for (size_t k = 0; k + 1 < sizeof(named) && taken == 0; k += 2) {
				if (named[k] == text[i + 1]) {
					form_add_raw(out, &named[k + 1], 1);
					taken = 2;
				}
			}
		}
		if (taken == 0) {
			form_add_raw(out, &text[i], 1);
			taken = 1;
		}
		i += taken;
	}
}
