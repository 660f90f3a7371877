/*
 * Bytes that must not be seen: credentials, tokens, and the requests that carry them; wiped when
 * freed, and given out by secret_reveal() alone, so that a search for its name lists every place
 * that sees one. It does not know what a secret is for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct secret;

/* Where locked secrets live (OpenSSL's secure heap in the daemon, plain memory in unit tests).
 * give() has to wipe. */
struct secret_heap {
	void *(*take)(size_t size);
	void (*give)(void *memory, size_t size);
};
void secret_set_heap(const struct secret_heap *heap);

/* A copy of len bytes that lives briefly or in numbers (a form, an access token). NULL when there
 * is no memory. */
struct secret *secret_new(const char *bytes, size_t len);

/* A copy of a credential that lives long: it goes to the heap set above. */
struct secret *secret_new_locked(const char *bytes, size_t len);

/* Another one of the same bytes, brief or locked as above. */
struct secret *secret_copy(const struct secret *secret);
struct secret *secret_copy_locked(const struct secret *secret);

/* Wipes and frees; takes NULL. */
void secret_free(struct secret *secret);

/* The bytes, with a NUL behind them; valid as long as the secret. */
const char *secret_reveal(const struct secret *secret);
size_t secret_len(const struct secret *secret);

/* Compares in a time that depends on the lengths alone; NULL equals NULL only. */
bool secret_equal(const struct secret *a, const struct secret *b);
bool secret_equals_bytes(const struct secret *secret, const char *bytes, size_t len);

/* For locals that own one: __attribute__((cleanup(secret_freep))). */
static inline void secret_freep(struct secret **secret)
{
	secret_free(*secret);
}
