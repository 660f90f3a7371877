/*
 * What is left of a record when a write fails or the process dies at any of its steps.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "core/secret.h"
#include "state_fixture.h"

enum {
	NOBODY = 65534,
	KILLS = 10,       /* in a run of the test with the random ones */
	ACKS_MAX = 4,     /* records that are saved before a kill */
	DELAY_MAX = 1500, /* microseconds from there */
};

/* The system calls of a write in their order, which the linker's --wrap lets pass here. */
enum step { UNLINK_HALF, WRITE, FSYNC_FILE, RENAME, FSYNC_DIRECTORY, N_STEPS };

static enum { PASS, FAIL, LIMIT, DIE_BEFORE, DIE_BEHIND } fault;
static int fault_step, fault_error, steps;

int real_unlinkat(int fd, const char *name, int flags) __asm__("__real_unlinkat");
int unlinkat_here(int fd, const char *name, int flags) __asm__("__wrap_unlinkat");
ssize_t real_write(int fd, const void *bytes, size_t len) __asm__("__real_write");
ssize_t write_here(int fd, const void *bytes, size_t len) __asm__("__wrap_write");
int real_fsync(int fd) __asm__("__real_fsync");
int fsync_here(int fd) __asm__("__wrap_fsync");
int real_renameat(int from_fd, const char *from, int to_fd, const char *to) __asm__(
	"__real_renameat");
int renameat_here(int from_fd, const char *from, int to_fd, const char *to) __asm__(
	"__wrap_renameat");

/* Whether this call is to fail. */
static bool fails(void)
{
	if (fault == PASS || steps++ != fault_step) {
		return false;
	}
	if (fault == DIE_BEFORE) {
		raise(SIGKILL);
	}
	errno = fault_error;
	return fault == FAIL;
}

/* Dies if it was to die behind the call that has just been made. */
static void passed(void)
{
	if (fault == DIE_BEHIND && steps == fault_step + 1) {
		raise(SIGKILL);
	}
}

int unlinkat_here(int fd, const char *name, int flags)
{
	int result = fails() ? -1 : real_unlinkat(fd, name, flags);

	passed();
	return result;
}

/* The kernel sends SIGXFSZ when more is written. Only for the call, since Check writes files too.
 */
static ssize_t write_limited(int fd, const void *bytes, size_t len)
{
	static const struct rlimit limit = {16, RLIM_INFINITY};
	static const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	ssize_t n;
	int error;

	setrlimit(RLIMIT_FSIZE, &limit);
	n = real_write(fd, bytes, len);
	error = errno;
	setrlimit(RLIMIT_FSIZE, &none);
	errno = error;
	return n;
}

/* A disk that becomes full takes what it can. */
ssize_t write_here(int fd, const void *bytes, size_t len)
{
	ssize_t n;

	if (fault == LIMIT) {
		return write_limited(fd, bytes, len);
	}
	if (fault == FAIL && fault_step == WRITE && len > 1) {
		return real_write(fd, bytes, len / 2);
	}
	n = fails() ? -1 : real_write(fd, bytes, len);
	passed();
	return n;
}

int fsync_here(int fd)
{
	int result = fails() ? -1 : real_fsync(fd);

	passed();
	return result;
}

int renameat_here(int from_fd, const char *from, int to_fd, const char *to)
{
	int result = fails() ? -1 : real_renameat(from_fd, from, to_fd, to);

	passed();
	return result;
}

static void arm(int kind, int step, int error)
{
	steps = 0;
	fault_step = step;
	fault_error = error;
	fault = kind;
}

static void check_why(const char *text)
{
	ck_assert_msg(strstr(state_fixture_why, text), "\"%s\" does not say \"%s\"",
		state_fixture_why, text);
}

/* Checks that this fault loses nothing, is told, and is over when it is over. */
static void check_fault(int step, int error, const char *told)
{
	struct state *state = state_fixture_open();

	ck_assert_int_eq(state_fixture_save(state, "a", "last good"), 0);
	arm(FAIL, step, error);
	ck_assert_int_eq(state_fixture_save(state, "a", "never saved"), -error);
	arm(PASS, 0, 0);
	check_why(told);
	ck_assert_int_eq(state_fixture_count(".tmp"), 0);
	state_fixture_check(
		state, "a", STATE_FOUND, step == FSYNC_DIRECTORY ? "never saved" : "last good");
	ck_assert_int_eq(state_fixture_save(state, "a", "next"), 0);
	state_free(state);
	state = state_fixture_open();
	state_fixture_check(state, "a", STATE_FOUND, "next");
	state_free(state);
}

START_TEST(failed_step_of_a_write_leaves_the_last_good_record)
{
	static const struct {
		int step, error;
		const char *told;
	} faults[] = {
		{WRITE, ENOSPC,
			"/a.state cannot be saved: No space left on device (write); make room on "
			"its file system"},
		{WRITE, EDQUOT,
			"/a.state cannot be saved: Disk quota exceeded (write); make room in the "
			"disk quota"},
		{WRITE, EIO,
			"/a.state cannot be saved: Input/output error (write); the disk fails"},
		{FSYNC_FILE, EIO,
			"/a.state cannot be saved: Input/output error (fsync); the disk fails"},
		{FSYNC_FILE, ENOSPC, "/a.state cannot be saved: No space left on device (fsync)"},
		{RENAME, EROFS,
			"/a.state cannot be saved: Read-only file system (rename); mount its file "
			"system for writing"},
		{RENAME, ENOSPC, "/a.state cannot be saved: No space left on device (rename)"},
		{FSYNC_DIRECTORY, EIO,
			"/a.state cannot be saved: Input/output error (fsync); the disk fails"},
	};

	check_fault(faults[_i].step, faults[_i].error, faults[_i].told);
}
END_TEST

START_TEST(failed_removal_leaves_the_record)
{
	struct state *state = state_fixture_open();

	state_fixture_save(state, "a", "record");
	arm(FAIL, 0, EROFS);
	ck_assert_int_eq(state_fixture_save(state, "a", NULL), -EROFS);
	check_why("/a.state cannot be removed: Read-only file system (unlink)");
	state_fixture_check(state, "a", STATE_FOUND, "record");
	arm(FAIL, 1, EIO);
	ck_assert_int_eq(state_fixture_save(state, "a", NULL), -EIO);
	check_why("/a.state cannot be removed: Input/output error (fsync)");
	arm(PASS, 0, 0);
	ck_assert_int_eq(state_fixture_save(state, "a", NULL), 0);
	state_free(state);
}
END_TEST

START_TEST(damaged_file_that_cannot_be_renamed_is_an_error)
{
	struct state *state = state_fixture_open();
	struct state_binding binding = state_fixture_binding("a");
	struct secret *record = NULL;
	enum state_found found;

	state_fixture_write("a.state", "damaged", 7);
	arm(FAIL, 0, EROFS);
	ck_assert_int_eq(state_load(state, &binding, &record, &found, state_fixture_why), -EROFS);
	check_why("/a.state is not what it should be and cannot be renamed: Read-only file system");
	arm(PASS, 0, 0);
	state_fixture_check(state, "a", STATE_DAMAGED, NULL);
	state_free(state);
}
END_TEST

START_TEST(key_that_cannot_be_saved_is_not_used)
{
	struct state *state = NULL;

	arm(FAIL, FSYNC_FILE, ENOSPC);
	ck_assert_int_eq(
		state_open(state_fixture_base, state_fixture_path(""), &state, state_fixture_why),
		-ENOSPC);
	check_why("/key cannot be made: No space left on device (fsync); make room");
	ck_assert_int_eq(state_fixture_count("key"), 0);
	arm(PASS, 0, 0);
	state_free(state_fixture_open());
}
END_TEST

START_TEST(limit_of_a_file_s_size_ends_no_process)
{
	struct state *state = state_fixture_open();

	state_fixture_save(state, "a", "last good");
	arm(LIMIT, WRITE, 0);
	ck_assert_int_eq(state_fixture_save(state, "a", "never saved"), -EFBIG);
	arm(PASS, 0, 0);
	check_why("/a.state cannot be saved: File too large (write); raise the limit of a file's "
		  "size (RLIMIT_FSIZE)");
	ck_assert_int_eq(state_fixture_count(".tmp"), 0);
	state_fixture_check(state, "a", STATE_FOUND, "last good");
	state_free(state);
}
END_TEST

START_TEST(want_of_descriptors_is_told)
{
	struct state *state = state_fixture_open();
	struct rlimit limit, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){0, limit.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(state_fixture_save(state, "a", "never saved"), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	check_why("/a.state cannot be saved: Too many open files (open); raise the limit of open "
		  "files");
	ck_assert_int_eq(state_fixture_save(state, "a", "next"), 0);
	state_free(state);
}
END_TEST

START_TEST(permission_that_is_taken_away_is_told_until_it_is_back)
{
	bool root = geteuid() == 0;
	struct state *state;

	if (root) {
		ck_assert_int_eq(chown(state_fixture_path(""), NOBODY, NOBODY), 0);
		ck_assert_int_eq(seteuid(NOBODY), 0);
	}
	state = state_fixture_open();
	state_fixture_save(state, "a", "last good");
	ck_assert_int_eq(chmod(state_fixture_path(""), 0500), 0);
	ck_assert_int_eq(state_fixture_save(state, "a", "never saved"), -EACCES);
	check_why("/a.state cannot be saved: Permission denied (open); give the directory and its "
		  "files to the user who runs gctokend (chown; chmod u+rwX)");
	ck_assert_int_eq(state_fixture_save(state, "a", NULL), -EACCES);
	check_why("/a.state cannot be removed: Permission denied (unlink)");
	state_fixture_check(state, "a", STATE_FOUND, "last good");
	ck_assert_int_eq(chmod(state_fixture_path(""), 0700), 0);
	ck_assert_int_eq(state_fixture_save(state, "a", "next"), 0);
	state_fixture_check(state, "a", STATE_FOUND, "next");
	state_free(state);
	if (root) {
		ck_assert_int_eq(seteuid(0), 0);
	}
}
END_TEST

START_TEST(directory_that_was_removed_is_told)
{
	struct state *state;
	char path[4096];

	snprintf(path, sizeof(path), "%s", state_fixture_path("below"));
	ck_assert_int_eq(state_open(state_fixture_base, path, &state, state_fixture_why), 0);
	ck_assert_int_eq(unlink(state_fixture_path("below/key")), 0);
	ck_assert_int_eq(unlink(state_fixture_path("below/lock")), 0);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(state_fixture_save(state, "a", "never saved"), -ENOENT);
	check_why("/below/a.state cannot be saved: No such file or directory (open); the directory "
		  "was removed: make it again and restart gctokend");
	state_free(state);
}
END_TEST

static void wait_for_kill(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}

/* Before (even) and behind (odd _i) each system call of a write. */
START_TEST(process_that_dies_at_a_step_leaves_a_whole_record)
{
	int step = _i / 2;
	bool renamed = step > RENAME || (step == RENAME && _i % 2 == 1);
	struct state *state;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		state = state_fixture_open();
		state_fixture_save(state, "a", "last good");
		arm(_i % 2 ? DIE_BEHIND : DIE_BEFORE, step, 0);
		state_fixture_save(state, "a", "next");
		_exit(1);
	}
	wait_for_kill(pid);
	state = state_fixture_open();
	ck_assert_int_eq(state_fixture_count(".tmp"), 0);
	state_fixture_check(state, "a", STATE_FOUND, renamed ? "next" : "last good");
	ck_assert_int_eq(state_fixture_save(state, "a", "after"), 0);
	state_free(state);
}
END_TEST

/* The number that stands in the record, 0 when there is none. It has to be whole. */
static int load_number(struct state *state)
{
	struct state_binding binding = state_fixture_binding("a");
	struct secret *record = NULL;
	enum state_found found = STATE_DAMAGED;
	int status = state_load(state, &binding, &record, &found, state_fixture_why), number;

	STATE_FIXTURE_EXPECT(status == 0);
	STATE_FIXTURE_EXPECT(found == STATE_FOUND || found == STATE_NONE);
	number = record ? (int)strtol(secret_reveal(record), NULL, 10) : 0;
	secret_free(record);
	return number;
}

/* Saves one number after the other, and tells of each that is saved. */
static void save_numbers(int fd)
{
	struct state *state = state_fixture_open();
	char text[16];

	for (int number = load_number(state) + 1;; number++) {
		snprintf(text, sizeof(text), "%d", number);
		if (state_fixture_save(state, "a", text) ||
			real_write(fd, &number, sizeof(number)) != sizeof(number)) {
			_exit(1);
		}
	}
}

/* Kills one that saves numbers; returns the last of which it told, or what it was before. */
static int kill_one(int number)
{
	struct timespec delay = {.tv_nsec = 1000L * (random() % DELAY_MAX)};
	long acks = random() % ACKS_MAX;
	int ends[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		save_numbers(ends[1]);
	}
	close(ends[1]);
	for (; acks > 0; acks--) {
		ck_assert_int_eq(read(ends[0], &number, sizeof(number)), sizeof(number));
	}
	nanosleep(&delay, NULL);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	wait_for_kill(pid);
	while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
	}
	close(ends[0]);
	return number;
}

START_TEST(process_that_is_killed_any_time_leaves_what_it_told_of_or_the_next)
{
	int number = 0;

	srandom((unsigned)_i);
	for (int i = 0; i < KILLS; i++) {
		int told = kill_one(number);
		struct state *state = state_fixture_open();

		number = load_number(state);
		ck_assert_msg(
			number == told || number == told + 1, "told %d, found %d", told, number);
		state_free(state);
	}
	ck_assert_int_gt(number, 0);
	ck_assert_int_eq(state_fixture_count("damaged"), 0);
}
END_TEST

CASES_MAIN("state_faults", state_fixture_set_up, state_fixture_tear_down,
	{failed_step_of_a_write_leaves_the_last_good_record, 8},
	{failed_removal_leaves_the_record, 1}, {damaged_file_that_cannot_be_renamed_is_an_error, 1},
	{key_that_cannot_be_saved_is_not_used, 1}, {limit_of_a_file_s_size_ends_no_process, 1},
	{want_of_descriptors_is_told, 1},
	{permission_that_is_taken_away_is_told_until_it_is_back, 1},
	{directory_that_was_removed_is_told, 1},
	{process_that_dies_at_a_step_leaves_a_whole_record, 2 * N_STEPS},
	{process_that_is_killed_any_time_leaves_what_it_told_of_or_the_next, 10})
