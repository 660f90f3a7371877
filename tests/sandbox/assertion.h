/*
 * JWTs by which clients prove who they are (RFC 7523 section 3). Knows nothing of the other ways,
 * nor of requests.
 */
#ifndef SANDBOX_ASSERTION_H
#define SANDBOX_ASSERTION_H

struct client;
struct client_evidence;

/* Whom the assertion claims to be from, unchecked; NULL if it cannot be read. The caller frees it.
 */
char *assertion_subject(const char *assertion);

/* Checks the assertion of the request against the client, and remembers its jti. NULL, or what is
 * wrong with it, a constant. */
const char *assertion_check(struct client *client, const struct client_evidence *evidence);

#endif
