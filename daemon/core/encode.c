#include "encode.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

enum { FORM_CAPACITY_FIRST = 256 };

static bool form_reserve(struct form *form, size_t len)
{
	size_t capacity = form->capacity ? form->capacity : FORM_CAPACITY_FIRST;
	char *text;

	if (form->failed) {
		return false;
	}
	if (form->capacity - form->len >= len) {
		return true;
	}
	while (capacity - form->len < len) {
		capacity *= 2;
	}
	text = malloc(capacity);
	if (!text) {
		form->failed = true;
		return false;
	}
	if (form->text) {
		memcpy(text, form->text, form->len);
		explicit_bzero(form->text, form->capacity);
		free(form->text);
	}
	form->text = text;
	form->capacity = capacity;
	return true;
}

void form_add_raw(struct form *form, const char *bytes, size_t len)
{
	if (form_reserve(form, len)) {
		memcpy(form->text + form->len, bytes, len);
		form->len += len;
	}
}

static bool is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == '*';
}

void form_add_encoded(struct form *form, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	if (!form_reserve(form, 3 * len)) {
		return;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (is_unreserved(c)) {
			form->text[form->len++] = (char)c;
		} else if (c == ' ') {
			form->text[form->len++] = '+';
		} else {
			form->text[form->len++] = '%';
			form->text[form->len++] = hex[c >> 4];
			form->text[form->len++] = hex[c & 15];
		}
	}
}

void form_add(struct form *form, const char *name, const char *value)
{
	if (!value) {
		return;
	}
	if (form->len > 0) {
		form_add_raw(form, "&", 1);
	}
	form_add_encoded(form, name, strlen(name));
	form_add_raw(form, "=", 1);
	form_add_encoded(form, value, strlen(value));
}

/* digits: the 64, then what pads, if anything does. */
static void add_base64(struct form *form, const char *digits, const char *bytes, size_t len)
{
	const unsigned char *in = (const unsigned char *)bytes;

	if (!form_reserve(form, (len + 2) / 3 * 4)) {
		return;
	}
	for (size_t i = 0; i < len; i += 3) {
		uint32_t group = (uint32_t)in[i] << 16;
		size_t left = len - i;

		group |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
		group |= left > 2 ? in[i + 2] : 0;
		form->text[form->len++] = digits[group >> 18];
		form->text[form->len++] = digits[group >> 12 & 63];
		if (left > 1) {
			form->text[form->len++] = digits[group >> 6 & 63];
		}
		if (left > 2) {
			form->text[form->len++] = digits[group & 63];
		}
	}
	for (size_t padded = len; digits[64] && padded % 3 != 0; padded++) {
		form->text[form->len++] = digits[64];
	}
}

void form_add_base64(struct form *form, const char *bytes, size_t len)
{
	add_base64(form, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", bytes,
		len);
}

void form_add_base64url(struct form *form, const char *bytes, size_t len)
{
	add_base64(form, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", bytes,
		len);
}

struct secret *form_take(struct form *form)
{
	struct secret *secret = NULL;

	if (!form->failed) {
		secret = secret_new(form->text ? form->text : "", form->len);
	}
	form_done(form);
	return secret;
}

void form_done(struct form *form)
{
	if (form->text) {
		explicit_bzero(form->text, form->capacity);
		free(form->text);
	}
	*form = (struct form){0};
}

static int base64url_digit(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

long encode_unbase64url(char *dst, const char *text, size_t len)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	long out = 0;

	if (len % 4 == 1) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		int digit = base64url_digit(text[i]);

		if (digit < 0) {
			return -1;
		}
		bits = bits << 6 | (uint32_t)digit;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			dst[out++] = (char)(bits >> n_bits & 255);
		}
	}
	return out;
}
