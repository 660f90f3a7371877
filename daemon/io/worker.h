/*
 * Runs jobs one after the other in a thread of its own, and tells the loop of each that is done. It
 * does not know what they do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct event_base;
struct worker;

/* The owner's, from worker_put() until finished is called. */
struct worker_job {
	STAILQ_ENTRY(worker_job) entry;           /* in a queue of the worker */
	void (*run)(struct worker_job *job);      /* in the thread */
	void (*finished)(struct worker_job *job); /* from the loop; may free the worker */
};

/* Starts the thread, in which no signal arrives; name is what ps(1) shows of it, at most 15 bytes.
 * Returns 0 and *ret_worker, or a negative errno. */
int worker_new(struct event_base *base, const char *name, struct worker **ret_worker);

void worker_put(struct worker *worker, struct worker_job *job);

/* How many jobs have not been run. */
size_t worker_count(struct worker *worker);

/* Waits until all jobs have been run; false when that takes longer than timeout_ms. */
bool worker_drain(struct worker *worker, int timeout_ms);

/*
 * Waits as worker_drain(), ends the thread, calls finished for the jobs that the loop was not told
 * of, and frees. Where it takes longer than timeout_ms nothing is freed, and all that the jobs use
 * has to stay: false; a process that ends then is right. Takes NULL.
 */
bool worker_free(struct worker *worker, int timeout_ms);
