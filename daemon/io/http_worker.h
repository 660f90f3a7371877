/*
 * Runs transfers in a thread of its own, so that a handshake, which takes milliseconds of CPU,
 * delays nobody on the loop. It does not know what they ask for, nor who is told.
 */
#pragma once

struct http_transfer;
struct http_worker;

/* With all signals blocked in its thread. NULL when there is no memory, or no thread. */
struct http_worker *http_worker_new(void);

/* Ends and frees all transfers; does not wait for name look-ups. Takes NULL. */
void http_worker_free(struct http_worker *worker);

/* Takes the transfer over; one that has ended already is there at once. */
void http_worker_start(struct http_worker *worker, struct http_transfer *transfer);

/* Frees a transfer that was started and not taken back, as soon as the thread lets go of it. */
void http_worker_cancel(struct http_worker *worker, struct http_transfer *transfer);

/* Readable while there are ended transfers. */
int http_worker_fd(const struct http_worker *worker);

/* Gives back the transfer that ended first, to be freed; NULL: none has ended. */
struct http_transfer *http_worker_take_ended(struct http_worker *worker);
