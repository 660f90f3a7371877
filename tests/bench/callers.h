/*
 * Owns the connections of the load generator: opens them, sends getJwtToken for the profile
 * "bench" and checks every answer. Does not know what is measured or printed.
 */
#ifndef BENCH_CALLERS_H
#define BENCH_CALLERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CALLERS_MAX = 16384,
	CALLERS_DEPTH_MAX = 64, /* where the daemon stops reading from one connection */
	CALLERS_ERROR_MAX = 256,
};

/* What a connection does once its request is answered. */
enum callers_then { CALLERS_STAY, CALLERS_ASK_AGAIN, CALLERS_REOPEN };

struct callers_result {
	uint64_t answers; /* lines that hold a token */
	uint64_t errors;  /* other lines, and requests whose connection closed unanswered */
	int64_t first_ns; /* CLOCK_MONOTONIC: first and last answer seen, 0 before */
	int64_t last_ns;
	char first_error[CALLERS_ERROR_MAX]; /* as it came, cut; "" without one */
};

struct callers;

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t callers_now_ns(void);

/*
 * Callers of the Unix socket at `path`, none of them connected yet. Each sends `depth` requests as
 * soon as it is; with depth 0 it stays silent. Ends the process when memory or descriptors fail.
 */
struct callers *callers_new(
	const char *path, size_t connections, size_t depth, enum callers_then then);
void callers_free(struct callers *callers);

/*
 * Runs until all are connected and `goal` requests have their answer or error, no connection is
 * left, or CLOCK_MONOTONIC reaches `deadline_ns`. Returns whether the goal was reached. Ends the
 * process when the socket refuses connections; a full backlog is tried again every millisecond.
 */
bool callers_run(struct callers *callers, uint64_t goal, int64_t deadline_ns);

/* Sends one more request on each open connection. */
void callers_ask(struct callers *callers);

/* The number of connections that are open here and that the server has not closed. */
size_t callers_open(struct callers *callers);

/* Counted so far. Valid until callers_free. */
const struct callers_result *callers_result(const struct callers *callers);

#endif
