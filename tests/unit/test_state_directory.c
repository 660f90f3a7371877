#include "io/state_directory.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "state_fixture.h"

enum { NOBODY = 65534 };

static char place[4096];

static const char *in_place(const char *name)
{
	snprintf(place, sizeof(place), "%s", state_fixture_path(name));
	return place;
}

static void check_refused(const char *path, int error, const char *reason)
{
	struct state *state = NULL;

	ck_assert_int_eq(state_open(state_fixture_base, path, &state, state_fixture_why), -error);
	ck_assert_ptr_null(state);
	ck_assert_msg(strstr(state_fixture_why, path), "\"%s\" does not name %s", state_fixture_why,
		path);
	ck_assert_msg(strstr(state_fixture_why, reason), "\"%s\" does not say \"%s\"",
		state_fixture_why, reason);
}

static struct state *open_place(const char *path)
{
	struct state *state = NULL;
	int status = state_open(state_fixture_base, path, &state, state_fixture_why);

	ck_assert_msg(status == 0, "%s", state_fixture_why);
	return state;
}

/* Permissions are nothing to root: as another from here on, and with the directory as theirs. */
static void drop_root(void)
{
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(state_fixture_path(""), NOBODY, NOBODY), 0);
		ck_assert_int_eq(seteuid(NOBODY), 0);
	}
}

static void take_root_back(void)
{
	ck_assert_int_eq(seteuid(getuid()), 0);
}

static void check_directory(const char *expected)
{
	char *path = state_directory(state_fixture_why);

	ck_assert_pstr_eq(path, expected);
	free(path);
}

START_TEST(directory_is_the_service_manager_s_else_that_of_xdg_else_below_home)
{
	setenv("STATE_DIRECTORY", "/var/lib/gctokend:/var/lib/other", 1);
	setenv("XDG_STATE_HOME", "/xdg", 1);
	setenv("HOME", "/home/user", 1);
	check_directory("/var/lib/gctokend");
	setenv("STATE_DIRECTORY", "", 1);
	check_directory("/xdg/gctokend");
	unsetenv("STATE_DIRECTORY");
	check_directory("/xdg/gctokend");
	setenv("XDG_STATE_HOME", "relative", 1);
	check_directory("/home/user/.local/state/gctokend");
	unsetenv("XDG_STATE_HOME");
	check_directory("/home/user/.local/state/gctokend");
	unsetenv("HOME");
	check_directory(NULL);
	ck_assert_ptr_nonnull(strstr(state_fixture_why, "set STATE_DIRECTORY"));
}
END_TEST

START_TEST(directory_is_made_for_its_owner_alone)
{
	struct state *state = open_place(in_place("new"));
	struct stat status;

	ck_assert_int_eq(stat(place, &status), 0);
	ck_assert(S_ISDIR(status.st_mode));
	ck_assert_int_eq(status.st_mode & 07777, 0700);
	state_free(state);
}
END_TEST

START_TEST(directory_whose_parent_is_missing_is_not_made)
{
	check_refused(in_place("new/below"), ENOENT, "its parent is missing: mkdir -p -m 700 /");
	ck_assert_int_eq(access(state_fixture_path("new"), F_OK), -1);
}
END_TEST

START_TEST(directory_may_be_a_link)
{
	struct state *state;

	ck_assert_int_eq(mkdir(state_fixture_path("private"), 0700), 0);
	ck_assert_int_eq(symlink("private", state_fixture_path("link")), 0);
	state = open_place(in_place("link"));
	ck_assert_int_eq(access(state_fixture_path("private/key"), F_OK), 0);
	state_free(state);
}
END_TEST

START_TEST(directory_that_others_can_write_is_refused)
{
	ck_assert_int_eq(chmod(state_fixture_path(""), 0770), 0);
	check_refused(in_place(""), EPERM, "others can write into the state directory");
	ck_assert_int_eq(chmod(state_fixture_path(""), 0707), 0);
	check_refused(in_place(""), EPERM, "chmod go-w it");
	/* That of StateDirectory=. */
	ck_assert_int_eq(chmod(state_fixture_path(""), 0755), 0);
	state_free(state_fixture_open());
}
END_TEST

START_TEST(directory_of_another_user_is_refused)
{
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(state_fixture_path(""), NOBODY, NOBODY), 0);
		check_refused(in_place(""), EPERM, "belongs to the user 65534 and not to 0");
	} else {
		check_refused("/", EPERM, "belongs to the user 0 and not to ");
	}
}
END_TEST

START_TEST(what_is_no_directory_is_refused)
{
	state_fixture_write("file", "", 0);
	check_refused(in_place("file"), ENOTDIR, "cannot be opened: Not a directory");
}
END_TEST

START_TEST(directory_that_cannot_be_written_is_refused)
{
	drop_root();
	ck_assert_int_eq(chmod(state_fixture_path(""), 0500), 0);
	check_refused(in_place(""), EACCES,
		"/lock cannot be opened: Permission denied (open); give the directory and its "
		"files to the user who runs gctokend");
	ck_assert_int_eq(chmod(state_fixture_path(""), 0700), 0);
	take_root_back();
}
END_TEST

/* A process that holds the lock until it is killed. */
static pid_t start_holder(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		state_fixture_open();
		if (write(ready[1], "x", 1) == 1) {
			pause();
		}
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void kill_holder(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(second_process_is_told_the_pid_of_the_first)
{
	pid_t pid = start_holder();
	char reason[64];

	snprintf(reason, sizeof(reason), "is in use by another process (pid %d): stop that one",
		(int)pid);
	check_refused(in_place(""), EBUSY, reason);
	/* Still: the attempt has taken nothing away. */
	check_refused(in_place(""), EBUSY, reason);
	kill_holder(pid);
	state_free(state_fixture_open());
}
END_TEST

START_TEST(second_process_removes_nothing)
{
	pid_t pid = start_holder();

	state_fixture_write("a.state.tmp", "half", 4);
	check_refused(in_place(""), EBUSY, "in use");
	ck_assert_int_eq(state_fixture_count("a.state.tmp"), 1);
	kill_holder(pid);
	state_free(state_fixture_open());
	ck_assert_int_eq(state_fixture_count(".tmp"), 0);
}
END_TEST

START_TEST(half_written_files_are_removed_and_others_stay)
{
	struct state *state = state_fixture_open();

	state_fixture_save(state, "a", "record");
	state_free(state);
	state_fixture_write("a.state.tmp", "half", 4);
	state_fixture_write("key.tmp", "half", 4);
	state_fixture_write("a.state.damaged-1", "kept", 4);
	state_fixture_write("notes", "the admin's", 11);
	state = state_fixture_open();
	ck_assert_int_eq(state_fixture_count(".tmp"), 0);
	ck_assert_int_eq(state_fixture_count("damaged"), 1);
	ck_assert_int_eq(state_fixture_count("notes"), 1);
	state_fixture_check(state, "a", STATE_FOUND, "record");
	state_free(state);
}
END_TEST

CASES_MAIN("state_directory", state_fixture_set_up, state_fixture_tear_down,
	{directory_is_the_service_manager_s_else_that_of_xdg_else_below_home, 1},
	{directory_is_made_for_its_owner_alone, 1},
	{directory_whose_parent_is_missing_is_not_made, 1}, {directory_may_be_a_link, 1},
	{directory_that_others_can_write_is_refused, 1}, {directory_of_another_user_is_refused, 1},
	{what_is_no_directory_is_refused, 1}, {directory_that_cannot_be_written_is_refused, 1},
	{second_process_is_told_the_pid_of_the_first, 1}, {second_process_removes_nothing, 1},
	{half_written_files_are_removed_and_others_stay, 1})
