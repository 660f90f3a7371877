/*
 * What stands inside JSON strings (RFC 8259 section 7): plain bytes to be skipped fast, and escapes
 * to be decoded. It does not know where a string begins.
 */
#pragma once

enum { ESCAPE_CHARACTER_MAX = 4 /* bytes of a character in UTF-8 */ };

/* Skips bytes of ASCII that stand for themselves: no quote, no backslash, no control character. */
const unsigned char *escape_skip_plain(const unsigned char *at, const unsigned char *end);

/* Takes four hexadecimal digits; -1 when they are not there, and *at is at what is none. */
int escape_hex4(const unsigned char **at);

/*
 * Takes the next byte of a string that json_check() has passed, or the character that an escape
 * there stands for, and writes it as UTF-8. Returns where the next one goes: at most
 * ESCAPE_CHARACTER_MAX bytes on, and never more than were taken.
 */
char *escape_take(const unsigned char **at, char *dst);
