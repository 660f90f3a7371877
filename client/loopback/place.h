/*
 * Where a browser is sent back to on this machine, taken apart: http://HOST[:PORT]/PATH with a
 * loopback HOST (RFC 8252 section 7.3). It does not listen there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	PLACE_HOST_SIZE = 16,                        /* 127.255.255.255 and NUL */
	PLACE_AUTHORITY_SIZE = PLACE_HOST_SIZE + 6,  /* :65535 */
	PLACE_ORIGIN_SIZE = 7 + PLACE_AUTHORITY_SIZE /* http:// */
};

struct place {
	char host[PLACE_HOST_SIZE]; /* localhost, 127.x.x.x or [::1] */
	int port;                   /* 0: none is written, any will do */
	const char *path;           /* "" or from its slash on; in the text that was read */
	size_t path_len;            /* without a query behind it */
};

/* Takes a redirect URI apart, which has to live as long; false for one that leads elsewhere. */
bool place_read(struct place *place, const char *uri);

/* The redirect URI again, with the port that it has now; to be freed. NULL when there is no memory.
 */
char *place_uri(const struct place *place);

/* What a browser sends as Host (RFC 9110 section 7.2), and as Origin (RFC 6454 section 7), when it
 * asks there: without the port where it is 80. */
void place_authority(const struct place *place, char ret[PLACE_AUTHORITY_SIZE]);
void place_origin(const struct place *place, char ret[PLACE_ORIGIN_SIZE]);

/* Whether a path, as a browser sends it, is the redirect URI's. */
bool place_is_path(const struct place *place, const char *path);
