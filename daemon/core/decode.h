/*
 * Reads encodings in texts that may be broken: what is no encoding stays as it is, so that what
 * hides in there is found. It does not know what is looked for.
 */
#pragma once

#include <stddef.h>

struct form;

/* Adds a form's text with its %NN and + decoded. */
void decode_form(struct form *out, const char *text, size_t len);

/* Adds what stands inside of a JSON string, with its escapes decoded (RFC 8259 section 7). */
void decode_json(struct form *out, const char *text, size_t len);
