/*
 * The lines on their way out of one connection, in their order, of which each may have left in
 * part. It does not know where they go, nor what they say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct outbox_line;
struct payload;

/* Embedded. Holds no memory while it is empty. */
struct outbox {
	STAILQ_HEAD(, outbox_line) lines;
	size_t len; /* bytes that have not left */
};

void outbox_init(struct outbox *outbox);

/* Drops what has not left. */
void outbox_done(struct outbox *outbox);

/* Adds a line: head, which is copied, then payload, which is shared. False when there is no memory.
 */
bool outbox_put(struct outbox *outbox, const char *head, size_t head_len, struct payload *payload);

/* Copies what is to leave next to dst, as far as it fits; returns how much that is. */
size_t outbox_gather(const struct outbox *outbox, char *dst, size_t size);

/* The first n bytes have left. */
void outbox_sent(struct outbox *outbox, size_t n);

/* Drops the lines that have not begun to leave. */
void outbox_take_back(struct outbox *outbox);
