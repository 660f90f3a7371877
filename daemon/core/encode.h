/*
 * The encodings that OAuth 2.0 puts bytes into: forms, base64, base64url. It does not know what the
 * bytes mean.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct secret;

/* A text that grows, is wiped whenever it moves, and remembers that memory ran out, so that one
 * check at the end will do. */
struct form {
	char *text;
	size_t len, capacity;
	bool failed;
};

/* Adds name=value to an application/x-www-form-urlencoded text; NULL adds nothing. */
void form_add(struct form *form, const char *name, const char *value);

/* Adds bytes encoded for a form (a space is "+"), with nothing around them. */
void form_add_encoded(struct form *form, const char *bytes, size_t len);

/* Adds bytes as they are. */
void form_add_raw(struct form *form, const char *bytes, size_t len);

/* Adds base64 of the bytes (RFC 4648 section 4, padded). */
void form_add_base64(struct form *form, const char *bytes, size_t len);

/* Adds base64url of the bytes (RFC 4648 section 5, unpadded, as RFC 7515 section 2 has it). */
void form_add_base64url(struct form *form, const char *bytes, size_t len);

/* Takes the text out as a secret; NULL when memory ran out on the way. The form is empty
 * afterwards. */
struct secret *form_take(struct form *form);

/* Wipes and frees what is in it. */
void form_done(struct form *form);

/*
 * Decodes base64url (RFC 4648 section 5, unpadded). dst has to hold len bytes. Returns the length,
 * or -1 for a text that is not base64url.
 */
long encode_unbase64url(char *dst, const char *text, size_t len);
