/*
 * The durable part of profiles: an encrypted file for each in the state directory, read at start,
 * and written by one thread of its own, so that the loop never waits for a disk. It does not know
 * what the bytes of a record say.
 */
#pragma once

#include <stdbool.h>

#include "state_directory.h"
#include "state_seal.h"
#include "state_why.h"

struct event_base;
struct secret;
struct state;
struct state_write;

enum { STATE_QUEUE_MAX = 16 * 1024 /* writes that wait for the disk */ };

enum state_found {
	STATE_NONE,
	STATE_FOUND,
	STATE_FOREIGN, /* there was one of another binding: it is kept under another name */
	STATE_DAMAGED, /* there was one that cannot be what we wrote: likewise */
};

/*
 * Makes the directory if only that is missing, locks it for as long as the state lives, and gets
 * the key: the systemd credential gctokend.state-key where there is one (32 to 4096 bytes), else
 * the file "key" in the directory, which is made at the first start. What a crash left half-written
 * is removed. There is at most one state of a directory in a process. Returns 0 and *ret_state, or
 * a negative errno with a text that names the path and says what to do: -EBUSY when another process
 * has the lock (its pid is told), -ENOKEY when there are records but the key is gone, -EPERM when
 * others could write into the directory.
 */
int state_open(struct event_base *base, const char *directory, struct state **ret_state,
	char why[STATE_WHY_SIZE]);

/* Lets the writes that wait come to their end, for a few seconds at most, calls nobody back, and
 * gives up the lock. Takes NULL. */
void state_free(struct state *state);

/*
 * Reads the record of a profile, with the disk: for start and reload. Writes of this state that
 * still wait are waited for, -ETIMEDOUT if that takes too long. Returns 0 with *ret_found, and
 * *ret_record (the caller's) for STATE_FOUND, NULL for the others. STATE_FOREIGN and
 * STATE_DAMAGED come with a text that tells where the file is now. A negative errno with a text
 * when it cannot be told what there is; the file is then left where it was: -ENOKEY when it was
 * written with another key, -ENOTSUP when by a later version.
 */
int state_load(struct state *state, const struct state_binding *binding, struct secret **ret_record,
	enum state_found *ret_found, char why[STATE_WHY_SIZE]);

/*
 * Called once, from the loop, never from state_save(), when the write has reached the disk, or has
 * not: error is 0, or a negative errno with a sentence that names the path, the cause and what to
 * do (NULL for 0; borrowed during the call). After an error the last good record is still there,
 * or, where only the directory could not be flushed, maybe this one. The write is gone by then: it
 * is not to be cancelled any more. Everything may be called, state_free() too.
 */
typedef void state_done_fn(void *context, int error, const char *why);

/*
 * Begins to replace the record of a profile; record NULL removes it. It has been copied and
 * encrypted on return. Writes are done in the order of these calls. done may be NULL: then nobody
 * is told, and *ret_write is NULL; so may ret_write. Returns 0, or a negative errno with nothing
 * begun and done not called: -ENOMEM, -EMSGSIZE for a record above STATE_RECORD_MAX, -EAGAIN when
 * STATE_QUEUE_MAX writes wait, -EIO when there is no randomness.
 */
int state_save(struct state *state, const struct state_binding *binding,
	const struct secret *record, state_done_fn *done, void *context,
	struct state_write **ret_write);

/* done will not be called; the write itself still happens, in its order. Takes NULL. */
void state_write_cancel(struct state_write *write);

/* Waits until no write waits any more, for shutdown; false when that takes longer. done is still
 * called from the loop only. */
bool state_flush(struct state *state, int timeout_ms);
