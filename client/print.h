/*
 * What people read: the daemon's answers as lines and tables, and errors. It does not know how the
 * answers came, nor which arguments asked for them. Text from outside stands in it escaped and cut.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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

/* Writes all bytes to stdout; SIGPIPE is ignored from then on. Returns EXIT_STATUS_DONE, or
 * EXIT_STATUS_FAILURE when it has told people what went wrong. */
int print_out(const char *bytes, size_t len);

/*
 * The following take a reply's data and write it for people; now_ms is the wall clock in
 * milliseconds since 1970. Members that are missing or null show as "-".
 */
typedef void print_data(FILE *out, const cJSON *data, int64_t now_ms);

/* auth.getTokenInfo as some aligned lines, or, for auth.refresh, as one. */
print_data print_info;
print_data print_summary;

/* system.getStatus as a line on the daemon and a table of the profiles. In colours if stdout is a
 * terminal that has them and the user wants them (https://no-color.org). */
print_data print_status;

/* system.getAllowedServices as a list. */
print_data print_services;
