/*
 * The control path /_sandbox/…: rules, clients, counters, the list of requests.
 * Knows nothing of who may reach it; its caller lets in loopback alone.
 */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

struct answer;
struct server_request;
struct state;

#define CONTROL_PREFIX "/_sandbox/"

/* Answers a request whose path begins with CONTROL_PREFIX; the caller owns the answer. */
struct answer *control_answer(struct state *state, const struct server_request *request);

#endif
