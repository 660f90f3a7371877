/*
 * Takes a line from a connection, checks it, its parameters and who sent it, and calls the
 * endpoint. It does not know what an endpoint does, nor sockets, files or HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call.h"

struct broker;
struct dispatch;
struct events;
struct providers;
struct quota;

/* started_ms is on now_ms's scale. NULL when there is no memory. All is borrowed. */
struct dispatch *dispatch_new(struct broker *broker, struct quota *quota,
	struct providers *providers, struct events *events, const struct call_ops *ops,
	void *context, int64_t started_ms);
void dispatch_free(struct dispatch *dispatch);

/* Handles one line; line[len] is NUL, and it is written to. False: the connection is to be closed
 * behind the answers that are out. */
bool dispatch_line(
	struct dispatch *dispatch, struct session *session, char *line, size_t len, int64_t now_ms);

/* Answers a line that was too long to be read. */
void dispatch_too_long(struct dispatch *dispatch, struct session *session);
