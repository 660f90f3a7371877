/*
 * What somebody brought on its way to be exchanged for a token: a code from the authorization
 * endpoint (RFC 6749 section 4.1.3), an id token (OpenID Connect Core section 3.2.2.5), an
 * assertion (RFC 7522) or a device code (RFC 8628 section 3.2). It does not know what comes of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct secret;

/* How it came. */
enum code_origin {
	CODE_BROUGHT,   /* by auth.authorize */
	CODE_ORDERED,   /* from the provider, which was asked for it */
	CODE_SIGNED_IN, /* from the provider, where somebody has signed in */
	CODE_DEVICE,    /* a device code: the server is asked whether somebody has signed in */
};

/* Strings and secrets are owned, NULL where there is none. */
struct code {
	enum code_origin origin;
	struct secret *code; /* NULL: an id token or an assertion came instead */
	struct secret *id_token;
	struct secret *assertion;
	struct secret *verifier; /* RFC 7636 section 4.1 */
	struct secret *nonce;    /* of the authorization request */
	char *iss;               /* RFC 9207 */
	char *redirect_uri;      /* where it came back to */
	bool has_max_age;
	int64_t max_age_s; /* of the authorization request */
};

/* What it is made of, borrowed; origin is CODE_BROUGHT at first. */
struct code_texts {
	const char *code, *id_token, *assertion, *verifier, *nonce, *iss, *redirect_uri;
	bool has_max_age;
	int64_t max_age_s;
};

/* Copies it. NULL when there is no memory. */
struct code *code_new(const struct code_texts *texts);

/* Takes NULL. */
void code_free(struct code *code);
