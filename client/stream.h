/*
 * One connection to the daemon that stays: a request, and all lines that come behind it. It does
 * not know what they say.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/connection.h"

/* What comes of it, beside 0, an enum connection_outcome, and -errno. */
enum { STREAM_UNHEARD = CONNECTION_TOO_LONG + 1 /* nobody reads standard output any more */ };

struct stream {
	int fd;
	char *bytes;       /* owned; what was read, NULL before the first */
	size_t begin, len; /* of what is no line yet that was taken */
};

/* Connects, and sends len bytes, a line with its LF, before the connection's deadline. Returns 0 or
 * one of the above. stream_close() either way. */
int stream_open(struct stream *stream, struct connection *connection, const char *line, size_t len);

/* Waits for the next line until deadline_ms on CLOCK_MONOTONIC, INT64_MAX: without end. On 0
 * *ret_line is without its LF, NUL-terminated at *ret_len, and lives until the next call. */
int stream_next(struct stream *stream, int64_t deadline_ms, char **ret_line, size_t *ret_len);

/* Waits until then on CLOCK_MONOTONIC, or until nobody reads standard output any more. Returns 0,
 * STREAM_UNHEARD or -errno. */
int stream_pause(int64_t until_ms);

/* For locals: __attribute__((cleanup(stream_close))). Takes one that is all zero but fd -1. */
void stream_close(struct stream *stream);
