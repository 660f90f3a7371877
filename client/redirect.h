/*
 * What a browser came back with from the authorization endpoint (RFC 6749 sections 4.1.2 and
 * 4.1.2.1), out of the address that a person copied. It does not know whether it is right.
 */
#pragma once

#include <stdbool.h>

/* In the text that was read, percent-decoded; NULL where there is none. */
struct redirect {
	bool is_address; /* else it is a code alone */
	const char *code, *state, *error, *error_description;
};

/*
 * Reads an address, writing to it. A text that is no address stands as a code. False for an
 * address with neither a code nor an error in it, or with a parameter twice.
 */
bool redirect_read(struct redirect *redirect, char *text);

/* The same of an address's query alone, what stands behind its question mark. */
bool redirect_read_query(struct redirect *redirect, char *query);
