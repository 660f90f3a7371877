/*
 * What stands inside JSON strings (RFC 8259 section 7): plain bytes to be skipped fast, UTF-8, and
 * escapes, read and written. It does not know where a string begins.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { ESCAPE_CHARACTER_MAX = 4 /* bytes of a character in UTF-8 */ };

/* Skips bytes of ASCII that stand for themselves: no quote, no backslash, no control character. */
const unsigned char *escape_skip_plain(const unsigned char *at, const unsigned char *end);

/* The length of the character at `at` that is not ASCII, or 0 where none is well-formed (RFC 3629
 * section 4). */
size_t escape_utf8_length(const unsigned char *at, const unsigned char *end);

/* Whether the bytes are UTF-8 as RFC 3629 has it (no overlong forms, no surrogates, nothing above
 * U+10FFFF). */
bool escape_is_utf8(const char *bytes, size_t len);

/*
 * Writes text as a JSON string, with its quotes, to dst (no NUL at the end). Bytes that are not
 * UTF-8 become U+FFFD. Returns the length; at most ESCAPE_QUOTED_MAX(len) bytes, which dst must
 * hold.
 */
#define ESCAPE_QUOTED_MAX(len) (6 * (len) + 2)
size_t escape_quote(char *dst, const char *text, size_t len);

/* Takes four hexadecimal digits; -1 when they are not there, and *at is at what is none. */
int escape_hex4(const unsigned char **at);

/*
 * Takes the next byte of a string that json_check() has passed, or the character that an escape
 * there stands for, and writes it as UTF-8. Returns where the next one goes: at most
 * ESCAPE_CHARACTER_MAX bytes on, and never more than were taken.
 */
char *escape_take(const unsigned char **at, char *dst);
