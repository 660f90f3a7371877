/*
 * What a browser came back with from the authorization endpoint (RFC 6749 sections 4.1.2 and 4.2.2,
 * and those on errors below them), out of the address. It does not know whether it is right.
 */
#pragma once

#include <stdbool.h>

/* In the text that was read, percent-decoded; NULL where there is none. */
struct redirect {
	bool is_address; /* else it is a code alone */
	const char *code, *token, *expires_in, *state, *error, *error_description;
};

/*
 * Reads an address, writing to it. A text that is no address stands as a code. False for an
 * address with neither a code, a token nor an error in it, or with a parameter twice.
 */
bool redirect_read(struct redirect *redirect, char *text);

/* The same of an address's query or fragment alone: what stands behind its ? or #. */
bool redirect_read_part(struct redirect *redirect, char *part);
