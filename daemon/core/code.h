/*
 * What somebody brought on its way to be exchanged for a token: a code from the authorization
 * endpoint (RFC 6749 section 4.1.3), or an assertion (RFC 7522). It does not know what comes of it.
 */
#pragma once

#include <stddef.h>

struct secret;

/* How it came. */
enum code_origin {
	CODE_BROUGHT,   /* by auth.authorize */
	CODE_ORDERED,   /* from the provider, which was asked for it */
	CODE_SIGNED_IN, /* from the provider, where somebody has signed in */
};

/* Strings and secrets are owned. */
struct code {
	enum code_origin origin;
	struct secret *code;     /* NULL: it is an assertion */
	struct secret *verifier; /* RFC 7636 section 4.1; NULL: none */
	char *redirect_uri;
	struct secret *assertion; /* NULL: it is a code */
};

/* Copies a code of len bytes, the verifier (NULL: none) and where the code came back to. NULL when
 * there is no memory. */
struct code *code_new(const char *code, size_t len, const char *verifier, const char *redirect_uri);

/* Copies an assertion of len bytes; likewise. */
struct code *code_assertion(const char *assertion, size_t len);

/* Takes NULL. */
void code_free(struct code *code);
