/*
 * The endpoints: takes a line from a connection, checks it and who sent it, asks the broker, and
 * renders the answer. It does not know sockets, files or HTTP; it reaches its connection and its
 * daemon through function pointers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/access.h"

struct access_rules;
struct broker;
struct dispatch;
struct payload;
struct pending;
struct quota;
struct quota_user;
struct session;
struct waiter;

/* How answers leave. Neither may free the session. */
struct session_ops {
	/* A reply: head_len bytes of the asker's own, then the payload; both are borrowed. */
	void (*answer)(struct session *session, const char *head, size_t head_len,
		struct payload *payload);
	/* A request will be answered later (1), or was (-1). */
	void (*pending)(struct session *session, int change);
};

/* One connection, as seen from here. Embedded by its owner. */
struct session {
	const struct session_ops *ops;
	struct access_subject who;
	struct quota_user *user;
	LIST_HEAD(, pending) waiting; /* requests that will be answered later */
};

/* What only the daemon can say or do. */
struct dispatch_ops {
	/* Milliseconds from now_ms's scale to 1970's. */
	int64_t (*wall_offset)(void *context);
	/* Reads the configuration again. True: done; false: why (as written to the log) is in why.
	 */
	bool (*reload)(void *context, char *why, size_t why_size);
	/* The rules of [daemon] allow, or NULL. */
	const struct access_rules *(*rules)(void *context);
};

/* started_ms is on now_ms's scale. NULL when there is no memory. All is borrowed. */
struct dispatch *dispatch_new(struct broker *broker, struct quota *quota,
	const struct dispatch_ops *ops, void *context, int64_t started_ms);
void dispatch_free(struct dispatch *dispatch);

void session_init(struct session *session, const struct session_ops *ops,
	const struct access_subject *who, struct quota_user *user);

/* Forgets what it waits for. */
void session_done(struct session *session, struct dispatch *dispatch);

/* Handles one line; line[len] is NUL, and it is written to. False: the connection is to be closed
 * behind the answers that are out. */
bool dispatch_line(
	struct dispatch *dispatch, struct session *session, char *line, size_t len, int64_t now_ms);

/* Answers a line that was too long to be read. */
void dispatch_too_long(struct dispatch *dispatch, struct session *session);

/* For broker_configure(): whether a waiter may still ask. */
bool dispatch_may_still(const struct waiter *waiter);
