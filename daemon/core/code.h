/*
 * A code from the authorization endpoint on its way to be exchanged for a token (RFC 6749 section
 * 4.1.3). It does not know who brought it.
 */
#pragma once

struct secret;

/* All owned; NULL where there is none. */
struct code {
	struct secret *code;
	struct secret *verifier; /* RFC 7636 section 4.1 */
	char *redirect_uri;
};

/* A code with nothing in it; NULL when there is no memory. */
struct code *code_new(void);

/* Takes NULL. */
void code_free(struct code *code);
