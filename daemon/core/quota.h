/*
 * What one uid may take of the daemon: connections, waiting requests, and requests a minute with a
 * quarantine behind it. It does not know connections; it only counts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { QUOTA_WINDOW_MS = 60 * 1000 /* in which requests are counted */ };

struct quota_limits {
	unsigned connections;         /* all together */
	unsigned connections_per_uid; /* root and the daemon's uid are exempt */
	unsigned waiters;      /* all together; a quarter of it for each uid that is not exempt */
	unsigned requests;     /* a minute and uid, 0: no limit */
	int64_t quarantine_ms; /* how long a uid over it gets nothing */
	uid_t own_uid;
};

struct quota;
struct quota_user;
struct turns_user;

/* NULL when there is no memory. */
struct quota *quota_new(void);
void quota_free(struct quota *quota);

/* Holds from now on, for quarantines that have begun too; who is above a lowered limit of
 * connections or waiters keeps what they have. */
void quota_set(struct quota *quota, const struct quota_limits *limits);

/* Takes a connection for uid; NULL when it is at a limit. To be given back with quota_disconnect().
 */
struct quota_user *quota_connect(struct quota *quota, uid_t uid, int64_t now_ms);
void quota_disconnect(struct quota *quota, struct quota_user *user, int64_t now_ms);

/* Counts a request. Returns 0, or for how long (ms) the uid is to be refused. */
int64_t quota_request(struct quota *quota, struct quota_user *user, int64_t now_ms);

/* Whether one more request may wait, and that it does, or no longer does. */
bool quota_may_wait(const struct quota *quota, const struct quota_user *user);
void quota_wait(struct quota *quota, struct quota_user *user);
void quota_wait_end(struct quota *quota, struct quota_user *user);

/* The user as the loop has to share out its turns; lives as long as a connection of it. */
struct turns_user *quota_turns(struct quota_user *user);

unsigned quota_connections(const struct quota *quota);
unsigned quota_waiters(const struct quota *quota);
