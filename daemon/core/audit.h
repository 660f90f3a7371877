/*
 * Which lines of the audit are written: the first token of each profile on a connection, each
 * denial, and of both only so many for each uid that no user drowns what others do. It does not
 * know what a line says, nor where it goes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	AUDIT_WINDOW_MS = 60 * 1000,
	AUDIT_LINES_MAX = 30,  /* of a uid and kind in a window */
	AUDIT_USERS_MAX = 256, /* uids in a window that are counted apart */
};

enum audit_kind {
	AUDIT_TOKEN, /* handed out */
	AUDIT_DENIAL,
	AUDIT_KINDS,
};

#define AUDIT_UID_OTHERS ((uid_t)-1) /* those beyond AUDIT_USERS_MAX, counted together */

struct audit;

/* left_out() is told how many lines of a uid were not written, a while later. NULL when there is no
 * memory. */
struct audit *audit_new(
	void (*left_out)(void *context, uid_t uid, enum audit_kind kind, uint64_t lines),
	void *context);

/* Tells what was left out so far; takes NULL. */
void audit_free(struct audit *audit);

/* Whether a line may be written; if not, it is counted. */
bool audit_take(struct audit *audit, uid_t uid, enum audit_kind kind, int64_t now_ms);

/* When lines that were left out are to be told; INT64_MAX: there are none. */
int64_t audit_next(const struct audit *audit);

/* Tells what was left out in windows that have ended. */
void audit_tick(struct audit *audit, int64_t now_ms);
