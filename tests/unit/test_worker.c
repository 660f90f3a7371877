#include "io/worker.h"

#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cases.h"

enum { LONG_MS = 10000, SHORT_MS = 20, JOBS = 20 };

static struct event_base *base;
static struct worker *worker;
static pthread_t loop_thread;

/* What a job of these tests has come to. */
struct note {
	struct worker_job job;
	int number;
	int gate; /* read from while it runs; -1: not */
	bool was_run;
};

static int last_run, last_finished;
static sigset_t mask_of_thread;

static void set_up(void)
{
	base = event_base_new();
	loop_thread = pthread_self();
	ck_assert_int_eq(worker_new(base, "test", &worker), 0);
}

static void tear_down(void)
{
	event_base_free(base);
}

static void on_run(struct worker_job *job)
{
	struct note *note = (struct note *)job;
	char byte;

	ck_assert(!pthread_equal(pthread_self(), loop_thread));
	pthread_sigmask(SIG_SETMASK, NULL, &mask_of_thread);
	while (note->gate >= 0 && read(note->gate, &byte, 1) < 0) {
	}
	ck_assert_int_eq(note->number, last_run + 1);
	last_run = note->number;
	note->was_run = true;
}

static void on_finished(struct worker_job *job)
{
	struct note *note = (struct note *)job;

	ck_assert(pthread_equal(pthread_self(), loop_thread));
	ck_assert(note->was_run);
	ck_assert_int_eq(note->number, last_finished + 1);
	last_finished = note->number;
}

static void put(struct note *note, int number, int gate)
{
	*note = (struct note){
		.job = {.run = on_run, .finished = on_finished}, .number = number, .gate = gate};
	worker_put(worker, &note->job);
}

START_TEST(jobs_are_run_and_told_of_in_their_order)
{
	struct note notes[JOBS];

	for (int i = 0; i < JOBS; i++) {
		put(&notes[i], i + 1, -1);
	}
	while (last_finished < JOBS) {
		event_base_loop(base, EVLOOP_ONCE);
	}
	ck_assert_uint_eq(worker_count(worker), 0);
	ck_assert(worker_free(worker, LONG_MS));
}
END_TEST

START_TEST(no_signal_arrives_in_the_thread)
{
	struct note note;

	put(&note, 1, -1);
	ck_assert(worker_drain(worker, LONG_MS));
	for (int signal = 1; signal <= SIGSYS; signal++) {
		ck_assert(signal == SIGKILL || signal == SIGSTOP ||
			  sigismember(&mask_of_thread, signal));
	}
	pthread_sigmask(SIG_SETMASK, NULL, &mask_of_thread);
	ck_assert(!sigismember(&mask_of_thread, SIGTERM));
	ck_assert(worker_free(worker, LONG_MS));
}
END_TEST

START_TEST(who_drains_waits_for_all_that_waits_but_not_for_ever)
{
	struct note notes[2];
	int gate[2];

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	put(&notes[0], 1, gate[0]);
	put(&notes[1], 2, -1);
	ck_assert(!worker_drain(worker, SHORT_MS));
	ck_assert(!worker_drain(worker, 0));
	ck_assert_uint_eq(worker_count(worker), 2);
	ck_assert_int_eq(write(gate[1], "x", 1), 1);
	ck_assert(worker_drain(worker, LONG_MS));
	ck_assert_int_eq(last_run, 2);
	/* That is told by the loop. */
	ck_assert_int_eq(last_finished, 0);
	ck_assert(worker_free(worker, LONG_MS));
	ck_assert_int_eq(last_finished, 2);
}
END_TEST

START_TEST(worker_that_hangs_is_left_behind)
{
	static struct note note;
	int gate[2];

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	put(&note, 1, gate[0]);
	ck_assert(!worker_free(worker, SHORT_MS));
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(last_finished, 0);
	/* So that it does not outlive the loop of this test. */
	ck_assert_int_eq(write(gate[1], "x", 1), 1);
	ck_assert(worker_free(worker, LONG_MS));
}
END_TEST

static void free_worker(struct worker_job *job)
{
	ck_assert(worker_free(worker, LONG_MS));
	worker = NULL;
}

START_TEST(worker_may_be_freed_when_a_job_is_finished)
{
	struct note notes[2];

	put(&notes[0], 1, -1);
	notes[0].job.finished = free_worker;
	put(&notes[1], 2, -1);
	last_finished = 1;
	while (worker) {
		event_base_loop(base, EVLOOP_ONCE);
	}
	ck_assert_int_eq(last_finished, 2);
	ck_assert(worker_free(NULL, 0));
}
END_TEST

CASES_MAIN("worker", set_up, tear_down, {jobs_are_run_and_told_of_in_their_order, 1},
	{no_signal_arrives_in_the_thread, 1},
	{who_drains_waits_for_all_that_waits_but_not_for_ever, 1},
	{worker_that_hangs_is_left_behind, 1}, {worker_may_be_freed_when_a_job_is_finished, 1})
