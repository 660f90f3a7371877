/*
 * The way to the daemon: which socket it listens on, and one request with its one reply before a
 * deadline. It does not know what they say, nor what people are told when it fails.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	CONNECTION_PATHS_MAX = 2,
	CONNECTION_PATH_SIZE = 108,        /* of sun_path in unix(7), with a NUL */
	CONNECTION_REPLY_MAX = 512 * 1024, /* bytes of a reply, without its LF */
};

struct connection {
	int64_t timeout_ms;
	int64_t deadline_ms; /* on CLOCK_MONOTONIC, for all requests together; 0 before the first */
	unsigned n_paths;
	unsigned at; /* the path that the last outcome is about */
	char paths[CONNECTION_PATHS_MAX][CONNECTION_PATH_SIZE];
};

/* What comes of a request, beside 0 (answered) and -errno (unexpected, on paths[at]). */
enum connection_outcome {
	CONNECTION_NO_DAEMON = 1, /* nobody accepts on any path */
	CONNECTION_DENIED,        /* no permission on paths[at], and nobody accepts on another */
	CONNECTION_TIMEOUT,
	CONNECTION_CLOSED,   /* closed without an answer, twice */
	CONNECTION_TOO_LONG, /* the reply is longer than CONNECTION_REPLY_MAX */
};

/*
 * Notes where to look: path, which may be NULL, else $GCTOKEN_SOCKET, else the usual places.
 * timeout_ms runs from the first connection_ask(), for all of them together. Returns 0, or
 * -ENAMETOOLONG.
 */
int connection_init(struct connection *connection, const char *path, int64_t timeout_ms);

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t connection_now_ms(void);

/* Connects to the first path that accepts, before the deadline, which begins to run if it does not
 * yet. Returns 0 with a descriptor, which is the caller's; else see enum connection_outcome. */
int connection_open(struct connection *connection, int *ret_fd);

/* Sends what the connection takes of a line of which *sent bytes are gone. A peer that has closed
 * takes all, since it may have answered before. Returns 0 or -errno. */
int connection_send(int fd, const char *line, size_t len, size_t *sent);

/*
 * Sends len bytes, a line with its LF, and reads one line. A connection that closes unanswered is
 * tried once more, on the same path. On 0 *ret_reply is the caller's, who wipes and frees it: the
 * line without its LF, NUL-terminated at *ret_len. Else see enum connection_outcome.
 */
int connection_ask(struct connection *connection, const char *line, size_t len, char **ret_reply,
	size_t *ret_len);
