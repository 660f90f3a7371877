/*
 * Which path is answered by whom, on which listener; and the log line of a finished token request.
 * Knows nothing of how the answers come about.
 */
#ifndef SANDBOX_ROUTE_H
#define SANDBOX_ROUTE_H

struct server_handler;

/* Its context is a struct state. */
extern const struct server_handler route_handler;

#endif
