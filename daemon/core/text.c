#include "text.h"

#include <stdio.h>
#include <string.h>

#include "secret.h"

enum { SECRET_SHORTEST = 4 /* bytes; to look for shorter ones would tear ordinary text */ };

/* Bytes of the UTF-8 sequence at the head of bytes, 0 when it is none. */
static size_t utf8_sequence(const unsigned char *bytes, size_t len)
{
	size_t n;
	unsigned long point;

	if (bytes[0] < 0x80) {
		return 1;
	}
	if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf) {
		n = 2;
	} else if (bytes[0] >= 0xe0 && bytes[0] <= 0xef) {
		n = 3;
	} else if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4) {
		n = 4;
	} else {
		return 0;
	}
	if (len < n) {
		return 0;
	}
	point = bytes[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			return 0;
		}
		point = point << 6 | (bytes[i] & 0x3f);
	}
	if ((n == 3 && (point < 0x800 || (point >= 0xd800 && point <= 0xdfff))) ||
		(n == 4 && (point < 0x10000 || point > 0x10ffff))) {
		return 0;
	}
	return n;
}

bool text_is_utf8(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence((const unsigned char *)bytes + i, len - i);

		if (n == 0) {
			return false;
		}
		i += n;
	}
	return true;
}

size_t text_secret_at(
	const char *text, size_t len, const struct secret *const *secrets, size_t n_secrets)
{
	size_t longest = 0;

	for (size_t i = 0; i < n_secrets; i++) {
		size_t n = secrets[i] ? secret_len(secrets[i]) : 0;

		if (n >= SECRET_SHORTEST && n <= len && n > longest &&
			memcmp(text, secret_reveal(secrets[i]), n) == 0) {
			longest = n;
		}
	}
	return longest;
}

bool text_has_secret(
	const char *text, size_t len, const struct secret *const *secrets, size_t n_secrets)
{
	for (size_t i = 0; i < n_secrets; i++) {
		size_t n = secrets[i] ? secret_len(secrets[i]) : 0;

		if (n > 0 && n == len && memcmp(text, secret_reveal(secrets[i]), n) == 0) {
			return true;
		}
		if (n >= SECRET_SHORTEST && memmem(text, len, secret_reveal(secrets[i]), n)) {
			return true;
		}
	}
	return false;
}

void text_clean_to(char *dst, size_t max, const char *text, size_t len,
	const struct secret *const *secrets, size_t n_secrets)
{
	size_t out = 0;

	for (size_t i = 0; i < len;) {
		const char *piece = text + i;
		char escape[5];
		size_t taken = text_secret_at(piece, len - i, secrets, n_secrets);
		size_t n;

		if (taken > 0) {
			piece = "***";
			n = strlen(piece);
		} else {
			n = taken = utf8_sequence((const unsigned char *)piece, len - i);
			if (n == 0 || (n == 1 && ((unsigned char)*piece < ' ' || *piece == 0x7f)) ||
				(n == 2 && *piece == '\xc2' && (unsigned char)piece[1] < 0xa0)) {
				snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)*piece);
				piece = escape;
				n = 4;
				taken = 1;
			}
		}
		if (out + n > max) {
			memcpy(dst + out, "…", strlen("…"));
			out += strlen("…");
			break;
		}
		memcpy(dst + out, piece, n);
		out += n;
		i += taken;
	}
	dst[out] = '\0';
}

void text_clean(char dst[TEXT_UPSTREAM_SIZE], const char *text, size_t len,
	const struct secret *const *secrets, size_t n_secrets)
{
	text_clean_to(dst, TEXT_UPSTREAM_MAX, text, len, secrets, n_secrets);
}
