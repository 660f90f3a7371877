#include "io/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"

/* The service manager's end: an abstract socket of this test. */
static int manager_fd;
static char received[8 * 1024];

static void set_up(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[64];
	int len = snprintf(name, sizeof(name), "@gctokend-test-notify-%d", getpid());

	memcpy(address.sun_path, name, (size_t)len);
	address.sun_path[0] = '\0';
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(manager_fd, (struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void tear_down(void)
{
	close(manager_fd);
}

/* The next message, and the descriptor that came with it; "" where there is none. */
static const char *receive(int *ret_fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(sizeof(size_t))));
	struct iovec text = {received, sizeof(received) - 1};
	struct msghdr packet = {.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(manager_fd, &packet, 0);
	struct cmsghdr *header = CMSG_FIRSTHDR(&packet);

	received[n < 0 ? 0 : n] = '\0';
	if (ret_fd) {
		*ret_fd = -1;
		if (header && header->cmsg_type == SCM_RIGHTS) {
			memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
		}
	}
	return received;
}

static void check_status(const char *text, const char *expected)
{
	ck_assert_int_eq(notify_status("%s", text), 0);
	ck_assert_str_eq(receive(NULL), expected);
}

START_TEST(each_message_is_a_datagram_of_its_own)
{
	ck_assert(notify_enabled());
	ck_assert_int_eq(notify_ready(), 0);
	ck_assert_int_eq(notify_stopping(), 0);
	ck_assert_int_eq(notify_watchdog(), 0);
	ck_assert_str_eq(receive(NULL), "READY=1");
	ck_assert_str_eq(receive(NULL), "STOPPING=1");
	ck_assert_str_eq(receive(NULL), "WATCHDOG=1");
	ck_assert_str_eq(receive(NULL), "");
}
END_TEST

START_TEST(reload_says_when_it_began)
{
	struct timespec now;
	uint64_t us;

	ck_assert_int_eq(notify_reloading(), 0);
	ck_assert_int_eq(sscanf(receive(NULL), "RELOADING=1\nMONOTONIC_USEC=%" SCNu64, &us), 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ck_assert_uint_le(us, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	ck_assert_uint_ge(us + UINT64_C(60000000), (uint64_t)now.tv_sec * 1000000);
}
END_TEST

START_TEST(status_is_one_line_of_utf8)
{
	check_status("3 profiles: 2 fresh", "STATUS=3 profiles: 2 fresh");
	check_status("grün …", "STATUS=grün …");
	check_status("a\nREADY=1\x7f\tb", "STATUS=a READY=1  b");
	check_status("a\xff\xc3-", "STATUS=a?\?-");
}
END_TEST

START_TEST(long_status_is_cut_between_two_characters)
{
	char text[NOTIFY_STATUS_MAX + 10];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(notify_status("%s", text), 0);
	ck_assert_uint_eq(
		strlen(receive(NULL)), strlen("STATUS=") + NOTIFY_STATUS_MAX + strlen("…"));
	memcpy(text + NOTIFY_STATUS_MAX - 1, "ü", 2); /* half of it is behind the limit */
	ck_assert_int_eq(notify_status("%s", text), 0);
	ck_assert_uint_eq(
		strlen(receive(NULL)), strlen("STATUS=") + NOTIFY_STATUS_MAX - 1 + strlen("…"));
	ck_assert_str_eq(received + strlen(received) - strlen("a…"), "a…");
}
END_TEST

START_TEST(descriptor_is_passed_on_and_stays_the_callers)
{
	int pipe_fds[2], fd;
	struct stat here, there;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(notify_send("FDSTORE=1\nFDNAME=x", pipe_fds[0]), 0);
	ck_assert_str_eq(receive(&fd), "FDSTORE=1\nFDNAME=x");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(pipe_fds[0], &here), 0);
	ck_assert_int_eq(fstat(fd, &there), 0);
	ck_assert(here.st_ino == there.st_ino);
	close(fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

START_TEST(full_queue_is_not_waited_for)
{
	int r = 0;

	for (int i = 0; i < 100000 && r == 0; i++) {
		r = notify_watchdog();
	}
	ck_assert_int_eq(r, -EAGAIN);
	while (receive(NULL)[0]) {
	}
	ck_assert_int_eq(notify_ready(), 0);
	ck_assert_str_eq(receive(NULL), "READY=1");
}
END_TEST

START_TEST(without_a_manager_nothing_happens)
{
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "20000000", 1);
	ck_assert(!notify_enabled());
	ck_assert_int_eq(notify_ready(), 0);
	ck_assert_int_eq(notify_status("x"), 0);
	ck_assert_int_eq(notify_watchdog_interval(), 0);
	ck_assert_str_eq(receive(NULL), "");
}
END_TEST

START_TEST(address_of_another_kind_or_a_dead_one_is_an_error)
{
	char path[200];

	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	ck_assert_int_eq(notify_ready(), -EAFNOSUPPORT);
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	ck_assert_int_eq(notify_ready(), -EAFNOSUPPORT);
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	ck_assert_int_eq(notify_ready(), -ENOENT);
}
END_TEST

START_TEST(watchdog_is_for_the_process_that_it_names)
{
	char pid[32];

	ck_assert_int_eq(notify_watchdog_interval(), 0);
	setenv("WATCHDOG_USEC", "20000000", 1);
	ck_assert_int_eq(notify_watchdog_interval(), 20000);
	setenv("WATCHDOG_PID", "1", 1);
	ck_assert_int_eq(notify_watchdog_interval(), 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	ck_assert_int_eq(notify_watchdog_interval(), 20000);
	setenv("WATCHDOG_USEC", "1", 1);
	ck_assert_int_eq(notify_watchdog_interval(), 1);
	setenv("WATCHDOG_USEC", "nonsense", 1);
	ck_assert_int_eq(notify_watchdog_interval(), 0);
}
END_TEST

CASES_MAIN("notify", set_up, tear_down, {each_message_is_a_datagram_of_its_own, 1},
	{reload_says_when_it_began, 1}, {status_is_one_line_of_utf8, 1},
	{long_status_is_cut_between_two_characters, 1},
	{descriptor_is_passed_on_and_stays_the_callers, 1}, {full_queue_is_not_waited_for, 1},
	{without_a_manager_nothing_happens, 1},
	{address_of_another_kind_or_a_dead_one_is_an_error, 1},
	{watchdog_is_for_the_process_that_it_names, 1})
