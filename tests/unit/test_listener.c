#include "io/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cases.h"
#include "config_fixture.h"

static struct event_base *base;
static struct listener *listener;
static char why[LISTENER_WHY_MAX];
static int accepted;

static void set_up(void)
{
	config_fixture_set_up();
	base = event_base_new();
}

static void tear_down(void)
{
	listener_free(listener);
	event_base_free(base);
	config_fixture_tear_down();
}

static void on_accepted(void *context, int fd)
{
	accepted++;
	close(fd);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

/* A blocking socket at path, as a careless parent makes it. */
static int bound(int type, const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, type, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int listen_on(int fd, const char *path)
{
	return listener_new(base,
		&(struct listener_config){
			.fd = fd, .path = path, .accepted = on_accepted, .refusal = ""},
		&listener, why);
}

static void check_connects(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(accepted, 1);
	close(fd);
}

START_TEST(socket_is_made_and_removed_again)
{
	const char *path = config_fixture_path("socket");
	struct stat status;

	ck_assert_int_eq(listen_on(-1, path), 0);
	ck_assert_str_eq(listener_path(listener), path);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0666);
	check_connects(path);
	listener_free(listener);
	listener = NULL;
	ck_assert_int_eq(stat(path, &status), -1);
}
END_TEST

START_TEST(passed_socket_is_made_non_blocking_and_is_never_removed)
{
	const char *path = config_fixture_path("socket");
	int fd = bound(SOCK_STREAM, path);
	struct stat status;

	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(listen_on(fd, NULL), 0);
	ck_assert_str_eq(listener_path(listener), path);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	check_connects(path);
	listener_free(listener);
	listener = NULL;
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(stat(path, &status), 0);
}
END_TEST

START_TEST(abstract_name_is_shown_with_an_at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr family = {.sa_family = AF_UNIX};

	/* unix(7), autobind: the kernel chooses five hexadecimal digits. */
	ck_assert_int_eq(bind(fd, &family, sizeof(family.sa_family)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(listen_on(fd, NULL), 0);
	ck_assert_uint_eq(strlen(listener_path(listener)), 6);
	ck_assert_int_eq(listener_path(listener)[0], '@');
}
END_TEST

START_TEST(descriptor_that_is_no_listening_unix_socket_is_refused_and_closed)
{
	const int fds[] = {
		bound(SOCK_STREAM, config_fixture_path("stream")),
		bound(SOCK_DGRAM, config_fixture_path("datagram")),
		bound(SOCK_SEQPACKET, config_fixture_path("packets")),
		socket(AF_INET, SOCK_STREAM, 0),
		open("/dev/null", O_RDONLY),
	};

	ck_assert_int_eq(listen(fds[2], 1), 0);
	ck_assert_int_eq(listen(fds[3], 1), 0);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		ck_assert_int_eq(listen_on(fds[i], NULL), -EINVAL);
		ck_assert_ptr_nonnull(strstr(why, "no Unix stream socket that listens"));
		ck_assert_int_eq(fcntl(fds[i], F_GETFD), -1);
	}
}
END_TEST

CASES_MAIN("listener", set_up, tear_down, {socket_is_made_and_removed_again, 1},
	{passed_socket_is_made_non_blocking_and_is_never_removed, 1},
	{abstract_name_is_shown_with_an_at, 1},
	{descriptor_that_is_no_listening_unix_socket_is_refused_and_closed, 1})
