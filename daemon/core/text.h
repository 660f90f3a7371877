/*
 * Text from outside made fit to be shown: escaped, cut, and with the secrets that we know replaced.
 * It does not know where it will be shown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct secret;

enum {
	TEXT_UPSTREAM_MAX = 200, /* bytes shown of a text that a server sent */
	TEXT_CUT_SIZE = 4,       /* the mark of a cut, and NUL */
	TEXT_UPSTREAM_SIZE = TEXT_UPSTREAM_MAX + TEXT_CUT_SIZE,
};

/* Whether the bytes are UTF-8 (RFC 3629). */
bool text_is_utf8(const char *bytes, size_t len);

/*
 * Writes text to dst: control characters and bytes that are not UTF-8 as \xNN, the given secrets
 * (those not NULL) as ***, cut with "…" to TEXT_UPSTREAM_MAX bytes.
 */
void text_clean(char dst[TEXT_UPSTREAM_SIZE], const char *text, size_t len,
	const struct secret *const *secrets, size_t n_secrets);

/* The same, cut to max bytes; dst holds max + TEXT_CUT_SIZE. */
void text_clean_to(char *dst, size_t max, const char *text, size_t len,
	const struct secret *const *secrets, size_t n_secrets);

/* Whether text is one of the secrets, or holds one that is not too short to be looked for. */
bool text_has_secret(
	const char *text, size_t len, const struct secret *const *secrets, size_t n_secrets);

/* The length of the longest secret that text begins with, 0 when it begins with none. Those that
 * are too short to be looked for are none. */
size_t text_secret_at(
	const char *text, size_t len, const struct secret *const *secrets, size_t n_secrets);
