#include "io/process.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"

/* Far beyond the time that a test may take. */
enum { LONG_MS = 1000 * 1000 };

static struct event_base *base;
static struct process *process;
static int ends[2];
static bool has_ended;
static int how;

static void ended(void *context, int status)
{
	has_ended = true;
	how = status;
	event_base_loopbreak(base);
}

static void set_up(void)
{
	base = event_base_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	process = NULL;
	has_ended = false;
}

static void tear_down(void)
{
	process_free(process);
	event_base_free(base);
	close(ends[0]);
	close(ends[1]);
}

/* Runs a script of sh(1). */
static int start(const char *script)
{
	static char sh[] = "/bin/sh", c[] = "-c", path[] = "PATH=/usr/bin:/bin", own[] = "OWN=x";
	char *text = strdup(script);
	char *argv[] = {sh, c, text, NULL}, *environment[] = {path, own, NULL};
	int r = process_start(base, argv, environment, ends[1], ended, NULL, &process);

	free(text);
	return r;
}

static void run(const char *script)
{
	ck_assert_int_eq(start(script), 0);
	shutdown(ends[0], SHUT_WR);
	event_base_dispatch(base);
	ck_assert(has_ended);
}

static const char *receive(int flags)
{
	static char text[4096];
	ssize_t len = recv(ends[0], text, sizeof(text) - 1, flags);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

/* What it has written so far. */
static const char *output(void)
{
	return receive(MSG_DONTWAIT);
}

/* What it writes first. */
static const char *first_output(void)
{
	return receive(0);
}

START_TEST(it_has_its_own_environment_and_no_descriptor_of_ours)
{
	int fd = open("/dev/null", O_RDONLY); /* NOLINT: it is to be open beyond exec() */

	setenv("OURS", "y", 1);
	run("echo $OWN$OURS; for fd in /proc/self/fd/*; do test -e $fd && echo ${fd##*/}; done; "
	    "true");
	ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
	/* The shell itself reads the directory through one more while it looks. */
	ck_assert_str_eq(output(), "x\n0\n1\n2\n");
	close(fd);
}
END_TEST

START_TEST(it_tells_how_it_ended)
{
	run("exit 3");
	ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 3);
}
END_TEST

START_TEST(no_signal_is_blocked_or_ignored_in_it)
{
	sigset_t all;

	sigfillset(&all);
	signal(SIGTERM, SIG_IGN);
	sigprocmask(SIG_BLOCK, &all, NULL);
	ck_assert_int_eq(start("kill -TERM $$; exit 0"), 0);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	event_base_dispatch(base);
	ck_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGTERM);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_an_error)
{
	static char missing[] = "/nonexistent/program";
	char *argv[] = {missing, NULL}, *environment[] = {NULL};
	int r = process_start(base, argv, environment, ends[1], ended, NULL, &process);

	if (r == 0 && getenv("CK_TIMEOUT_MULTIPLIER")) {
		/* Under valgrind posix_spawn() is a fork(), and the child cannot tell. */
		event_base_dispatch(base);
		ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 127);
		return;
	}
	ck_assert_int_eq(r, -ENOENT);
	ck_assert_ptr_null(process);
}
END_TEST

/* A process that is not there, or is not to be reaped by us. */
static bool is_gone(pid_t pid)
{
	char path[64], text[256] = "";
	bool is_there;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	is_there = file && fgets(text, sizeof(text), file); /* it may go in between */
	if (file) {
		fclose(file);
	}
	return !is_there || strstr(text, ") Z ");
}

static void wait_gone(pid_t pid)
{
	while (!is_gone(pid)) {
		usleep(1000);
	}
}

START_TEST(what_it_has_started_ends_with_it)
{
	run("sleep 1000 & echo $!");
	wait_gone(atoi(output()));
}
END_TEST

START_TEST(its_group_is_asked_to_end)
{
	pid_t child;

	ck_assert_int_eq(start("sleep 1000 & echo $!; wait"), 0);
	ck_assert_int_gt(process_pid(process), 0);
	ck_assert_int_eq(getpgid(process_pid(process)), process_pid(process));
	child = atoi(first_output());
	process_end(process, LONG_MS);
	event_base_dispatch(base);
	ck_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGTERM);
	wait_gone(child);
}
END_TEST

START_TEST(one_that_does_not_end_is_killed)
{
	ck_assert_int_eq(start("trap '' TERM; echo x; while :; do sleep 1; done"), 0);
	ck_assert_str_eq(first_output(), "x\n");
	process_end(process, 1);
	process_end(process, LONG_MS); /* which changes nothing */
	event_base_dispatch(base);
	ck_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}
END_TEST

CASES_MAIN("process", set_up, tear_down, {it_has_its_own_environment_and_no_descriptor_of_ours, 1},
	{it_tells_how_it_ended, 1}, {no_signal_is_blocked_or_ignored_in_it, 1},
	{a_program_that_is_not_there_is_an_error, 1}, {what_it_has_started_ends_with_it, 1},
	{its_group_is_asked_to_end, 1}, {one_that_does_not_end_is_killed, 1})
