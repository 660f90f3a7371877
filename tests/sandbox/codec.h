/*
 * The encodings of OAuth requests and JWTs: base64, base64url, form-urlencoded; and random text.
 * Knows nothing of HTTP, JSON documents' meaning or clients.
 */
#ifndef SANDBOX_CODEC_H
#define SANDBOX_CODEC_H

#include <cjson/cJSON.h>
#include <stddef.h>

/* RFC 4648 section 5 without padding. The caller frees it. */
char *codec_base64url(const void *data, size_t len);

/* RFC 4648 section 4, padded, strict. NULL if it is not that, else NUL-terminated and the caller's.
 */
char *codec_base64_decode(const char *text, size_t *ret_len);

/* RFC 4648 section 5 without padding. NULL if it is not that, else NUL-terminated and the caller's.
 */
char *codec_base64url_decode(const char *text, size_t len, size_t *ret_len);

/* Decodes + and %XX. NULL on a broken escape or a NUL, else the caller's. */
char *codec_form_decode(const char *text, size_t len);

/*
 * Decodes application/x-www-form-urlencoded into an object of strings. NULL with *ERROR set (a
 * constant) on a broken escape, a field given twice (RFC 6749 section 3.2) or more than 64 fields.
 * The caller deletes it.
 */
cJSON *codec_form_parse(const char *body, size_t len, const char **error);

/* LEN letters, digits, - and _ from a CSPRNG; the caller frees them. */
char *codec_random(size_t len);

/* A version 4 UUID; the caller frees it. */
char *codec_uuid(void);

#endif
