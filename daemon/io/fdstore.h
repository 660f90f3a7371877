/*
 * What outlives this process in the service manager's descriptor store: one text in a sealed memfd
 * (FDSTORE in sd_notify(3), memfd_create(2)). It does not know what the text says.
 *
 * In the memfd, numbers big endian: "gctokfd" and the format version (1 byte); the length of the
 * text (8); the boot id (16); the SHA-256 of all that stands before it and of the text (32); the
 * text. Where there is no $NOTIFY_SOCKET nothing is kept.
 */
#pragma once

#include <stddef.h>

struct activation;
struct fdstore;
struct iovec;
struct secret;

enum { FDSTORE_TEXT_MAX = 128 * 1024 * 1024 /* bytes */ };

/* Returns 0, with NULL where there is no store, or a negative errno. */
int fdstore_new(struct fdstore **ret_fdstore);
void fdstore_free(struct fdstore *fdstore);

/*
 * Once, at start: reads the newest text that is whole and of this boot, and takes the other
 * descriptors out of the store; what is not whole is told in the log. The descriptors are closed.
 * Returns 0, with NULL where there is none, or -ENOMEM.
 */
int fdstore_read(struct fdstore *fdstore, struct activation *activation, struct secret **ret_text);

/*
 * Puts a text of n parts into the store in the place of the one before, which stays if this fails.
 * Never waits. Returns 0, or a negative errno: -EAGAIN when the service manager does not listen.
 */
int fdstore_write(struct fdstore *fdstore, const struct iovec *parts, size_t n);
