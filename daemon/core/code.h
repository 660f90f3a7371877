/*
 * A code from the authorization endpoint on its way to be exchanged for a token (RFC 6749 section
 * 4.1.3). It does not know who brought it.
 */
#pragma once

#include <stddef.h>

struct secret;

/* All owned. */
struct code {
	struct secret *code;
	struct secret *verifier; /* RFC 7636 section 4.1; NULL: none */
	char *redirect_uri;
};

/* Copies a code of len bytes, the verifier (NULL: none) and where the code came back to. NULL when
 * there is no memory. */
struct code *code_new(const char *code, size_t len, const char *verifier, const char *redirect_uri);

/* Takes NULL. */
void code_free(struct code *code);
