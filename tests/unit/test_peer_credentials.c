#include "io/peer_credentials.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static pid_t child;
static bool child_dies_meanwhile;
static int pidfd_error; /* of SO_PEERPIDFD; 0: as the kernel has it */
static unsigned asked;

int __wrap_sd_peer_get_unit(int fd, char **ret_unit);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

static void kill_child(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = 0;
}

/* A service manager that knows every process. */
int __wrap_sd_peer_get_unit(int fd, char **ret_unit)
{
	asked++;
	if (child_dies_meanwhile) {
		kill_child();
	}
	*ret_unit = strdup("billing.service");
	return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (name == SO_PEERPIDFD && pidfd_error) {
		errno = pidfd_error;
		return -1;
	}
	return __real_getsockopt(fd, level, name, value, len);
}

static int bind_and_listen(struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address->sun_family); /* the kernel chooses a name (unix(7)) */

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)address, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	len = sizeof(*address);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)address, &len), 0);
	return fd;
}

/* A connection that a child made, which lives until it is killed. */
static int accept_child(struct peer_credentials *ret_credentials)
{
	struct sockaddr_un address;
	int listener = bind_and_listen(&address);
	int fd;

	child = fork();
	if (child == 0) {
		int mine = socket(AF_UNIX, SOCK_STREAM, 0);

		/* A name that the kernel chose: a NUL and five digits. */
		if (connect(mine, (struct sockaddr *)&address, sizeof(address.sun_family) + 6) ==
			0) {
			pause();
		}
		_exit(0);
	}
	ck_assert_int_gt(child, 0);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	close(listener);
	ck_assert_int_eq(peer_credentials_get(fd, ret_credentials), 0);
	ck_assert_int_eq(ret_credentials->pid, child);
	ck_assert_uint_eq(ret_credentials->uid, geteuid());
	ck_assert_ptr_null(ret_credentials->unit);
	return fd;
}

static void done(struct peer_credentials *credentials, int fd)
{
	peer_credentials_done(credentials);
	close(fd);
	if (child > 0) {
		kill_child();
	}
}

/* With the kernel's SO_PEERPIDFD, and as on one that has none. */
static const int kernels[] = {0, ENOPROTOOPT};

START_TEST(unit_of_a_process_that_lives_is_found)
{
	struct peer_credentials credentials;
	int fd = accept_child(&credentials);

	pidfd_error = kernels[_i];
	peer_credentials_find_unit(&credentials, fd);
	ck_assert_str_eq(credentials.unit, "billing.service");
	peer_credentials_find_unit(&credentials, fd);
	ck_assert_str_eq(credentials.unit, "billing.service");
	done(&credentials, fd);
}
END_TEST

START_TEST(process_that_has_ended_has_no_unit)
{
	struct peer_credentials credentials;
	int fd = accept_child(&credentials);

	pidfd_error = kernels[_i];
	kill_child();
	peer_credentials_find_unit(&credentials, fd);
	ck_assert_ptr_null(credentials.unit);
	done(&credentials, fd);
}
END_TEST

START_TEST(process_that_ends_while_its_unit_is_looked_up_has_none)
{
	struct peer_credentials credentials;
	int fd = accept_child(&credentials);

	pidfd_error = kernels[_i];
	child_dies_meanwhile = true;
	peer_credentials_find_unit(&credentials, fd);
	ck_assert_uint_eq(asked, 1);
	ck_assert_ptr_null(credentials.unit);
	done(&credentials, fd);
}
END_TEST

START_TEST(process_of_another_uid_has_no_unit)
{
	struct peer_credentials credentials;
	int fd = accept_child(&credentials);

	pidfd_error = kernels[_i];
	credentials.uid++;
	peer_credentials_find_unit(&credentials, fd);
	ck_assert_ptr_null(credentials.unit);
	done(&credentials, fd);
}
END_TEST

START_TEST(process_of_another_pid_namespace_has_no_unit)
{
	struct peer_credentials credentials;
	int fd = accept_child(&credentials);

	pidfd_error = kernels[_i];
	credentials.pid = 0;
	peer_credentials_find_unit(&credentials, fd);
	ck_assert_uint_eq(asked, 0);
	ck_assert_ptr_null(credentials.unit);
	done(&credentials, fd);
}
END_TEST

START_TEST(process_that_the_kernel_cannot_tell_has_no_unit)
{
	static const int errors[] = {EINVAL, ESRCH, EMFILE};
	struct peer_credentials credentials;
	int fd = accept_child(&credentials);

	pidfd_error = errors[_i];
	peer_credentials_find_unit(&credentials, fd);
	ck_assert_uint_eq(asked, 0);
	ck_assert_ptr_null(credentials.unit);
	done(&credentials, fd);
}
END_TEST

enum { KERNELS = sizeof(kernels) / sizeof(kernels[0]) };

CASES_MAIN("peer_credentials", NULL, NULL, {unit_of_a_process_that_lives_is_found, KERNELS},
	{process_that_has_ended_has_no_unit, KERNELS},
	{process_that_ends_while_its_unit_is_looked_up_has_none, KERNELS},
	{process_of_another_uid_has_no_unit, KERNELS},
	{process_of_another_pid_namespace_has_no_unit, KERNELS},
	{process_that_the_kernel_cannot_tell_has_no_unit, 3})
