/*
 * The thread has the multi handle and the running transfers to itself; the lock is held for a few
 * instructions at a time, so the loop never waits for libcurl.
 */
#include "http_worker.h"

#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harden.h"
#include "http_transfer.h"

enum {
	CONNECTIONS_KEPT = 1,  /* none is used again */
	POLL_MAX_MS = INT_MAX, /* libcurl's own time-outs end it earlier */
};

struct http_worker {
	CURLM *multi;
	pthread_t thread;
	bool has_thread;
	struct http_transfer_list running; /* the thread's, but for the flag cancelled */

	pthread_mutex_t lock; /* for all below and that flag */
	struct http_transfer_list queued, ended;
	int ended_fd; /* an eventfd, not 0 while ended is not empty */
	bool stopping;
};

/* With the lock held. */
static void put_ended(struct http_worker *worker, struct http_transfer *transfer)
{
	if (TAILQ_EMPTY(&worker->ended)) {
		eventfd_write(worker->ended_fd, 1);
	}
	transfer->state = HTTP_TRANSFER_ENDED;
	TAILQ_INSERT_TAIL(&worker->ended, transfer, entry);
}

/* Hands a transfer that is in no list over to the loop, unless nobody waits for it. */
static void deliver(struct http_worker *worker, struct http_transfer *transfer)
{
	bool cancelled;

	pthread_mutex_lock(&worker->lock);
	cancelled = transfer->cancelled;
	if (!cancelled) {
		put_ended(worker, transfer);
	}
	pthread_mutex_unlock(&worker->lock);
	if (cancelled) {
		http_transfer_free(transfer);
	}
}

static void end(struct http_worker *worker, struct http_transfer *transfer, CURLcode code)
{
	TAILQ_REMOVE(&worker->running, transfer, entry);
	curl_multi_remove_handle(worker->multi, transfer->easy);
	http_transfer_end(transfer, code);
	deliver(worker, transfer);
}

static struct http_transfer *take_queued(struct http_worker *worker)
{
	struct http_transfer *transfer;

	pthread_mutex_lock(&worker->lock);
	transfer = TAILQ_FIRST(&worker->queued);
	if (transfer) {
		TAILQ_REMOVE(&worker->queued, transfer, entry);
		transfer->state = HTTP_TRANSFER_RUNNING;
	}
	pthread_mutex_unlock(&worker->lock);
	return transfer;
}

static void begin_queued(struct http_worker *worker)
{
	struct http_transfer *transfer;

	while ((transfer = take_queued(worker))) {
		if (!http_transfer_prepare(transfer)) {
			deliver(worker, transfer);
		} else if (curl_multi_add_handle(worker->multi, transfer->easy)) {
			http_transfer_end(transfer, CURLE_OUT_OF_MEMORY);
			deliver(worker, transfer);
		} else {
			TAILQ_INSERT_TAIL(&worker->running, transfer, entry);
		}
	}
}

static void free_all(struct http_transfer_list *list)
{
	struct http_transfer *transfer;

	while ((transfer = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, transfer, entry);
		http_transfer_free(transfer);
	}
}

static void drop_cancelled(struct http_worker *worker)
{
	struct http_transfer_list cancelled = TAILQ_HEAD_INITIALIZER(cancelled);
	struct http_transfer *transfer, *next;

	pthread_mutex_lock(&worker->lock);
	for (transfer = TAILQ_FIRST(&worker->running); transfer; transfer = next) {
		next = TAILQ_NEXT(transfer, entry);
		if (transfer->cancelled) {
			TAILQ_REMOVE(&worker->running, transfer, entry);
			TAILQ_INSERT_TAIL(&cancelled, transfer, entry);
		}
	}
	pthread_mutex_unlock(&worker->lock);
	TAILQ_FOREACH (transfer, &cancelled, entry) {
		curl_multi_remove_handle(worker->multi, transfer->easy);
	}
	free_all(&cancelled);
}

static void perform(struct http_worker *worker)
{
	struct http_transfer *transfer;
	CURLMsg *message;
	int n;

	curl_multi_perform(worker->multi, &n);
	while ((message = curl_multi_info_read(worker->multi, &n))) {
		CURLcode code = message->data.result;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		end(worker, transfer, code);
	}
}

static bool is_stopping(struct http_worker *worker)
{
	bool stopping;

	pthread_mutex_lock(&worker->lock);
	stopping = worker->stopping;
	pthread_mutex_unlock(&worker->lock);
	return stopping;
}

static void *work(void *context)
{
	struct http_worker *worker = context;

	while (!is_stopping(worker)) {
		begin_queued(worker);
		drop_cancelled(worker);
		perform(worker);
		harden_wipe_stack();
		curl_multi_poll(worker->multi, NULL, 0, POLL_MAX_MS, NULL);
	}
	return NULL;
}

/* Signals are for the loop's thread. */
static int start_thread(struct http_worker *worker)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&worker->thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	worker->has_thread = r == 0;
	return r;
}

struct http_worker *http_worker_new(void)
{
	struct http_worker *worker = calloc(1, sizeof(*worker));

	if (!worker) {
		return NULL;
	}
	TAILQ_INIT(&worker->queued);
	TAILQ_INIT(&worker->running);
	TAILQ_INIT(&worker->ended);
	pthread_mutex_init(&worker->lock, NULL);
	worker->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->multi = curl_multi_init();
	if (worker->ended_fd < 0 || !worker->multi) {
		http_worker_free(worker);
		return NULL;
	}
	curl_multi_setopt(worker->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	if (start_thread(worker)) {
		http_worker_free(worker);
		return NULL;
	}
	return worker;
}

static void stop_thread(struct http_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->stopping = true;
	pthread_mutex_unlock(&worker->lock);
	curl_multi_wakeup(worker->multi);
	pthread_join(worker->thread, NULL);
}

void http_worker_free(struct http_worker *worker)
{
	struct http_transfer *transfer;

	if (!worker) {
		return;
	}
	if (worker->has_thread) {
		stop_thread(worker);
	}
	TAILQ_FOREACH (transfer, &worker->running, entry) {
		curl_multi_remove_handle(worker->multi, transfer->easy);
	}
	free_all(&worker->running);
	free_all(&worker->queued);
	free_all(&worker->ended);
	curl_multi_cleanup(worker->multi);
	if (worker->ended_fd >= 0) {
		close(worker->ended_fd);
	}
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

void http_worker_start(struct http_worker *worker, struct http_transfer *transfer)
{
	pthread_mutex_lock(&worker->lock);
	if (transfer->state == HTTP_TRANSFER_ENDED) {
		put_ended(worker, transfer);
	} else {
		TAILQ_INSERT_TAIL(&worker->queued, transfer, entry);
	}
	pthread_mutex_unlock(&worker->lock);
	curl_multi_wakeup(worker->multi);
}

/* With the lock held. */
static void clear_when_empty(struct http_worker *worker)
{
	eventfd_t n;

	if (TAILQ_EMPTY(&worker->ended)) {
		eventfd_read(worker->ended_fd, &n);
	}
}

void http_worker_cancel(struct http_worker *worker, struct http_transfer *transfer)
{
	bool is_running;

	pthread_mutex_lock(&worker->lock);
	is_running = transfer->state == HTTP_TRANSFER_RUNNING;
	if (is_running) {
		transfer->cancelled = true;
	} else if (transfer->state == HTTP_TRANSFER_QUEUED) {
		TAILQ_REMOVE(&worker->queued, transfer, entry);
	} else {
		TAILQ_REMOVE(&worker->ended, transfer, entry);
		clear_when_empty(worker);
	}
	pthread_mutex_unlock(&worker->lock);
	if (is_running) {
		curl_multi_wakeup(worker->multi);
	} else {
		http_transfer_free(transfer);
	}
}

int http_worker_fd(const struct http_worker *worker)
{
	return worker->ended_fd;
}

struct http_transfer *http_worker_take_ended(struct http_worker *worker)
{
	struct http_transfer *transfer;

	pthread_mutex_lock(&worker->lock);
	transfer = TAILQ_FIRST(&worker->ended);
	if (transfer) {
		TAILQ_REMOVE(&worker->ended, transfer, entry);
		clear_when_empty(worker);
	}
	pthread_mutex_unlock(&worker->lock);
	return transfer;
}
