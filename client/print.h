/*
 * Text for people and programs: lines on stderr, bytes on stdout, and text from outside made safe
 * to show. It does not know what the daemon's answers hold.
 */
#pragma once

#include <stddef.h>

#include "proto/error.h"

/*
 * Copies text to dst, NUL-terminated, with what could steer a terminal (control characters,
 * invisible and direction marks, bytes that are not UTF-8) as \n, \x1b or \u202e. What does not fit
 * in size bytes, at least 5, is left out, and " …" stands for it.
 */
void print_escape(char *dst, size_t size, const char *text);

/* What to do about an error, as the end of a sentence. */
const char *print_advice(enum error_code code);

/* One line on stderr, with "gctoken: " in front and a LF behind it. */
void print_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Text for a person at the terminal, on stderr, as it stands. */
void print_prompt(const char *text);

/* Writes all bytes to stdout; SIGPIPE is ignored from then on. Returns 0 or -errno. */
int print_bytes(const char *bytes, size_t len);

/* The same. Returns EXIT_STATUS_DONE, or EXIT_STATUS_FAILURE when it has told people what went
 * wrong. */
int print_out(const char *bytes, size_t len);
