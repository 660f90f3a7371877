/*
 * One connection: who is at the other end, the bytes it sends as lines, and the answers on their
 * way to it, with the limits that keep a bad peer from costing others anything. It does not know
 * what the lines say.
 *
 * An idle peer holds no buffer. Its memory is given back in a later turn of the loop than the one
 * that closed it, so any of the functions may be called from a callback.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct payload;
struct peer;

enum {
	PEER_READ_SIZE = 16 * 1024,   /* bytes read in one turn */
	PEER_WRITE_SIZE = 64 * 1024,  /* bytes written at once */
	PEER_LINES_A_TURN = 64,       /* lines handled in one turn */
	PEER_PENDING_MAX = 64,        /* requests not answered yet, above which nothing is read */
	PEER_OUTPUT_MAX = 128 * 1024, /* bytes of answers not read yet, likewise */
	PEER_REQUEST_TIMEOUT_MS = 10 * 1000, /* for a line to be complete */
	PEER_UNREAD_TIMEOUT_MS = 30 * 1000,  /* for answers to be read */
};

struct peer_ops {
	/* There is something to do: peer_turn() is to be called, but not from within. */
	void (*ready)(void *context);
	/* A line (line[len] is NUL, the text may be written to). False: answers that are out are
	 * still sent, then it is closed. */
	bool (*line)(void *context, char *line, size_t len, int64_t now_ms);
	/* A line longer than frame.h allows; handled like a false from line(). */
	void (*too_long)(void *context);
	/* Answers that are out have not been read for PEER_UNREAD_TIMEOUT_MS. False: it is closed;
	 * true: peer_dismiss() was called, and what was put out then has as long again. */
	bool (*unread)(void *context);
	/* The peer is gone, for whatever reason; it must not be used any more. */
	void (*closed)(void *context);
};

/* Takes fd over, unless it returns NULL: there is no memory. */
struct peer *peer_new(struct event_base *base, int fd, const struct peer_ops *ops, void *context);

/* Does what there is to do, all times on clock_now_us()'s scale: lines are handled until until_us,
 * at least one. */
void peer_turn(struct peer *peer, int64_t now_us, int64_t until_us);

/* Closes it; closed() is called in a later turn of the loop. */
void peer_close(struct peer *peer);

/* Closes and frees it at once, without calling closed(): at the end of the program. */
void peer_free(struct peer *peer);

/* Puts out a line: head, which is copied, then payload, which is shared. It leaves when line()
 * returns, or, out of a turn, in the next one. */
void peer_send(struct peer *peer, const char *head, size_t head_len, struct payload *payload);

/* How many bytes are out and have not left. */
size_t peer_unread(const struct peer *peer);

/* Whether the other side has closed both halves, so that nobody is there to answer. */
bool peer_is_gone(const struct peer *peer);

/* Takes back what has not begun to leave, and reads no more: behind what has begun, and what is put
 * out from now on, the peer is closed. */
void peer_dismiss(struct peer *peer);

/* A request of it will be answered later (1), or was (-1). */
void peer_pending(struct peer *peer, int change);

/* Sends what is out as far as it goes without waiting, for the end of the program. */
void peer_flush(struct peer *peer);
