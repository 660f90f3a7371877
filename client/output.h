/*
 * Writes answers to standard output, for people or as JSON, and wipes what was secret in them. It
 * does not know what they mean.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/show.h"

/* As print writes it, or as one line of JSON; the caller's, with output_free_secret(). NULL when
 * there is no memory. */
char *output_render(bool json, const cJSON *data, show_data *print, size_t *ret_len);

/* These return an exit status; where it is not EXIT_STATUS_DONE, people were told why. */

/* As one line of JSON. */
int output_json(const cJSON *data);

/* As print writes it, or as JSON. */
int output_data(bool json, const cJSON *data, show_data *print);

/* One line. */
int output_line(const char *prefix, const char *text);

int output_fail_memory(void);

/* Milliseconds since 1970. */
int64_t output_now_ms(void);

/* For locals that own a text: __attribute__((cleanup(output_free_secret))) wipes it. */
void output_free_secret(char **text);
