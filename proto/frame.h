/*
 * Turns the bytes of a stream into lines: one message is one line ended by LF, of at most
 * FRAME_LINE_MAX bytes. It does not read, and does not know what a line says. Between reads it
 * holds memory only for a line that is not complete.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { FRAME_LINE_MAX = 64 * 1024 /* bytes, without the LF */ };

struct frame {
	char *kept;      /* owned; what earlier reads left over, NULL when nothing */
	size_t kept_len; /* bytes in kept */
	char *next;      /* where the next line begins: in kept, or in the bytes last fed */
	size_t left;     /* bytes from there on */
};

enum frame_status {
	FRAME_LINE,     /* a line */
	FRAME_PARTIAL,  /* no complete line left */
	FRAME_TOO_LONG, /* the next line is longer than FRAME_LINE_MAX; the stream cannot be
			   followed any further */
};

void frame_init(struct frame *frame);

/* Frees and wipes what is kept. */
void frame_done(struct frame *frame);

/*
 * Hands over len bytes as they were read. They are borrowed, and written to (the LF of a line
 * becomes NUL), until frame_keep(). Call it only after frame_keep(), and read no more from the peer
 * before frame_next() has said FRAME_PARTIAL, or what is kept grows. Returns 0, or -ENOMEM.
 */
int frame_feed(struct frame *frame, char *bytes, size_t len);

/*
 * Takes the next line: *ret_line is NUL-terminated at *ret_len, without its LF, and lives until
 * frame_keep(). Lines of white space only are skipped.
 */
enum frame_status frame_next(struct frame *frame, char **ret_line, size_t *ret_len);

/* Copies what frame_next() has not taken, so that the bytes last fed may be used again. Returns 0,
 * or -ENOMEM. */
int frame_keep(struct frame *frame);

/* Bytes kept of lines that were not taken yet. */
size_t frame_pending(const struct frame *frame);
