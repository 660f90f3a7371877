#include "worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	STACK_SIZE = 256 * 1024, /* bytes */
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
	NS_PER_S = 1000000000,
};

STAILQ_HEAD(jobs, worker_job);

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t work;   /* there is some, or the end has come */
	pthread_cond_t idle;   /* there is none left */
	struct jobs waiting, finished;
	size_t count; /* waiting or being run */
	bool stopping;

	int fd; /* an eventfd that counts the finished jobs */
	struct event *event;
};

/* The next job, NULL at the end. With the mutex. */
static struct worker_job *next_job(struct worker *worker)
{
	struct worker_job *job;

	while (STAILQ_EMPTY(&worker->waiting) && !worker->stopping) {
		pthread_cond_wait(&worker->work, &worker->mutex);
	}
	job = STAILQ_FIRST(&worker->waiting);
	if (job) {
		STAILQ_REMOVE_HEAD(&worker->waiting, entry);
	}
	return job;
}

static void *run(void *context)
{
	struct worker *worker = context;
	struct worker_job *job;

	pthread_mutex_lock(&worker->mutex);
	while ((job = next_job(worker))) {
		pthread_mutex_unlock(&worker->mutex);
		job->run(job);
		pthread_mutex_lock(&worker->mutex);
		STAILQ_INSERT_TAIL(&worker->finished, job, entry);
		if (--worker->count == 0) {
			pthread_cond_broadcast(&worker->idle);
		}
		eventfd_write(worker->fd, 1);
	}
	pthread_mutex_unlock(&worker->mutex);
	return NULL;
}

static struct worker_job *take_finished(struct worker *worker)
{
	struct worker_job *job;

	pthread_mutex_lock(&worker->mutex);
	job = STAILQ_FIRST(&worker->finished);
	if (job) {
		STAILQ_REMOVE_HEAD(&worker->finished, entry);
	}
	pthread_mutex_unlock(&worker->mutex);
	return job;
}

/* One job for each call, since finished() may free the worker: EFD_SEMAPHORE keeps the descriptor
 * readable as long as there are more. */
static void on_finished(evutil_socket_t fd, short what, void *context)
{
	struct worker *worker = context;
	struct worker_job *job;
	eventfd_t one;

	if (eventfd_read(worker->fd, &one) < 0) {
		return;
	}
	job = take_finished(worker);
	if (job) {
		job->finished(job);
	}
}

static int start(struct worker *worker, const char *name)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	int error = pthread_attr_init(&attributes);

	if (error) {
		return -error;
	}
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, &attributes, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (!error) {
		pthread_setname_np(worker->thread, name);
	}
	return -error;
}

static void release(struct worker *worker)
{
	if (worker->event) {
		event_free(worker->event);
	}
	if (worker->fd >= 0) {
		close(worker->fd);
	}
	pthread_cond_destroy(&worker->work);
	pthread_cond_destroy(&worker->idle);
	pthread_mutex_destroy(&worker->mutex);
	free(worker);
}

static int watch(struct worker *worker, struct event_base *base)
{
	worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (worker->fd < 0) {
		return -errno;
	}
	worker->event = event_new(base, worker->fd, EV_READ | EV_PERSIST, on_finished, worker);
	return worker->event && !event_add(worker->event, NULL) ? 0 : -ENOMEM;
}

int worker_new(struct event_base *base, const char *name, struct worker **ret_worker)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int status;

	if (!worker) {
		return -ENOMEM;
	}
	worker->fd = -1;
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->work, NULL);
	pthread_cond_init(&worker->idle, NULL);
	STAILQ_INIT(&worker->waiting);
	STAILQ_INIT(&worker->finished);
	status = watch(worker, base);
	if (!status) {
		status = start(worker, name);
	}
	if (status) {
		release(worker);
		return status;
	}
	*ret_worker = worker;
	return 0;
}

void worker_put(struct worker *worker, struct worker_job *job)
{
	pthread_mutex_lock(&worker->mutex);
	STAILQ_INSERT_TAIL(&worker->waiting, job, entry);
	worker->count++;
	pthread_cond_signal(&worker->work);
	pthread_mutex_unlock(&worker->mutex);
}

size_t worker_count(struct worker *worker)
{
	size_t count;

	pthread_mutex_lock(&worker->mutex);
	count = worker->count;
	pthread_mutex_unlock(&worker->mutex);
	return count;
}

static struct timespec after(int timeout_ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_ms / MS_PER_S;
	end.tv_nsec += (long)(timeout_ms % MS_PER_S) * NS_PER_MS;
	if (end.tv_nsec >= NS_PER_S) {
		end.tv_nsec -= NS_PER_S;
		end.tv_sec++;
	}
	return end;
}

bool worker_drain(struct worker *worker, int timeout_ms)
{
	struct timespec end = after(timeout_ms);
	bool drained;

	pthread_mutex_lock(&worker->mutex);
	while (worker->count > 0 &&
		pthread_cond_clockwait(&worker->idle, &worker->mutex, CLOCK_MONOTONIC, &end) == 0) {
	}
	drained = worker->count == 0;
	pthread_mutex_unlock(&worker->mutex);
	return drained;
}

bool worker_free(struct worker *worker, int timeout_ms)
{
	struct worker_job *job;

	if (!worker) {
		return true;
	}
	if (!worker_drain(worker, timeout_ms)) {
		event_del(worker->event);
		return false;
	}
	pthread_mutex_lock(&worker->mutex);
	worker->stopping = true;
	pthread_cond_signal(&worker->work);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
	while ((job = take_finished(worker))) {
		job->finished(job);
	}
	release(worker);
	return true;
}
