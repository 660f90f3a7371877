/*
 * A piece of rendered text that many answers share without copying it; the last one to let go wipes
 * and frees it. It does not know what it says, or who reads it.
 */
#pragma once

#include <stddef.h>

struct payload {
	unsigned refs;
	size_t len;
	char bytes[]; /* len bytes and a NUL */
};

/* Room for len bytes, with one reference, the caller's; NULL when there is no memory. */
struct payload *payload_new(size_t len);

/* A copy of len bytes. */
struct payload *payload_copy(const char *bytes, size_t len);

struct payload *payload_ref(struct payload *payload);

/* Drops a reference; takes NULL. */
void payload_unref(struct payload *payload);
