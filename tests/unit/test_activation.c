#include "io/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

enum { FIRST_FD = 3 }; /* sd_listen_fds(3) */

static struct activation activation;

/* Puts n descriptors where the service manager would, and says so; returns what is said of them. */
static int take(int n, const char *names)
{
	char text[32];

	for (int i = 0; i < n; i++) {
		int fd = open("/dev/null", O_RDONLY);

		ck_assert_int_eq(dup2(fd, FIRST_FD + i), FIRST_FD + i);
		if (fd >= FIRST_FD + n) {
			close(fd);
		}
	}
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%d", n);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	return activation_take(&activation);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(nothing_is_passed_to_a_daemon_that_was_started_by_hand)
{
	unsetenv("LISTEN_FDS");
	ck_assert_int_eq(activation_take(&activation), 0);
	ck_assert_int_eq(activation.listen_fd, -1);
	ck_assert_uint_eq(activation.n_stored, 0);
	activation_done(&activation);
}
END_TEST

START_TEST(socket_and_stored_descriptors_are_known_by_their_names)
{
	ck_assert_int_eq(take(3, "gctokend-store-7:gctokend:gctokend-store-12"), 0);
	ck_assert_int_eq(activation.listen_fd, FIRST_FD + 1);
	ck_assert_uint_eq(activation.n_stored, 2);
	ck_assert_int_eq(activation.stored[0], FIRST_FD);
	ck_assert_str_eq(activation.stored_names[0], "gctokend-store-7");
	ck_assert_int_eq(activation.stored[1], FIRST_FD + 2);
	ck_assert_str_eq(activation.stored_names[1], "gctokend-store-12");
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(fcntl(FIRST_FD + i, F_GETFD), FD_CLOEXEC);
	}
	activation_done(&activation);
}
END_TEST

START_TEST(environment_is_unset_so_that_nobody_else_takes_them)
{
	ck_assert_int_eq(take(1, "gctokend"), 0);
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
	activation_done(&activation);
	ck_assert_int_eq(activation_take(&activation), 0);
	ck_assert_int_eq(activation.listen_fd, -1);
}
END_TEST

START_TEST(other_names_and_a_second_socket_are_closed)
{
	ck_assert_int_eq(take(3, "gctokend.socket:gctokend:gctokend"), 0);
	ck_assert_int_eq(activation.listen_fd, FIRST_FD + 1);
	ck_assert_uint_eq(activation.n_stored, 0);
	ck_assert(!is_open(FIRST_FD));
	ck_assert(is_open(FIRST_FD + 1));
	ck_assert(!is_open(FIRST_FD + 2));
	activation_done(&activation);
}
END_TEST

START_TEST(what_was_not_taken_out_is_closed_at_the_end)
{
	ck_assert_int_eq(take(3, "gctokend:gctokend-store-1:gctokend-store-2"), 0);
	activation.listen_fd = -1;
	activation.stored[1] = -1;
	activation_done(&activation);
	ck_assert(is_open(FIRST_FD));
	ck_assert(!is_open(FIRST_FD + 1));
	ck_assert(is_open(FIRST_FD + 2));
}
END_TEST

START_TEST(descriptors_of_another_process_are_not_taken)
{
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	ck_assert_int_eq(activation_take(&activation), 0);
	ck_assert_int_eq(activation.listen_fd, -1);
}
END_TEST

START_TEST(wrong_environment_is_an_error)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "many", 1);
	ck_assert_int_lt(activation_take(&activation), 0);
	ck_assert_int_eq(activation.listen_fd, -1);
}
END_TEST

UNIT_MAIN("activation", nothing_is_passed_to_a_daemon_that_was_started_by_hand,
	socket_and_stored_descriptors_are_known_by_their_names,
	environment_is_unset_so_that_nobody_else_takes_them,
	other_names_and_a_second_socket_are_closed, what_was_not_taken_out_is_closed_at_the_end,
	descriptors_of_another_process_are_not_taken, wrong_environment_is_an_error)
