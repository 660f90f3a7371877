#include "io/fdstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "cases.h"
#include "core/secret.h"
#include "io/activation.h"

enum { STORED_MAX = 8, NAME_SIZE = 64, HEADER_LEN = 64 };

/* The service manager's end. */
static struct {
	int fd;
	int stored[STORED_MAX];
	char names[STORED_MAX][NAME_SIZE]; /* "": free */
} manager;
static struct fdstore *fdstore;
static struct activation activation;
static struct secret *text;

static void set_up(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len = snprintf(
		address.sun_path, sizeof(address.sun_path), "@gctokend-test-fdstore-%d", getpid());

	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	address.sun_path[0] = '\0';
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(manager.fd, (struct sockaddr *)&address,
				 (socklen_t)(sizeof(address.sun_family) + (size_t)len)),
		0);
	ck_assert_int_eq(fdstore_new(&fdstore), 0);
}

static void drop_stored(void)
{
	for (int i = 0; i < STORED_MAX; i++) {
		if (manager.names[i][0] != '\0') {
			close(manager.stored[i]);
			manager.names[i][0] = '\0';
		}
	}
}

static void tear_down(void)
{
	fdstore_free(fdstore);
	secret_free(text);
	drop_stored();
	close(manager.fd);
}

static int *slot_of(const char *name)
{
	for (int i = 0; i < STORED_MAX; i++) {
		if (strcmp(manager.names[i], name) == 0) {
			return &manager.stored[i];
		}
	}
	return NULL;
}

static void keep(const char *name, int fd)
{
	int *slot = slot_of("");

	ck_assert_ptr_nonnull(slot);
	*slot = fd;
	strcpy(manager.names[slot - manager.stored], name);
}

static void take_out(const char *name)
{
	int *slot = slot_of(name);

	if (slot) {
		close(*slot);
		manager.names[slot - manager.stored][0] = '\0';
	}
}

/* Handles one message; false when there is none. */
static bool hear_one(void)
{
	char bytes[1024] = "", name[NAME_SIZE];
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(sizeof(size_t))));
	struct iovec part = {bytes, sizeof(bytes) - 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *head;
	int fd;

	if (recvmsg(manager.fd, &message, MSG_CMSG_CLOEXEC) < 0) {
		return false;
	}
	ck_assert_int_eq(sscanf(strstr(bytes, "FDNAME="), "FDNAME=%63s", name), 1);
	head = CMSG_FIRSTHDR(&message);
	if (strncmp(bytes, "FDSTORE=1\n", 10) == 0) {
		ck_assert_ptr_nonnull(strstr(bytes, "\nFDPOLL=0"));
		ck_assert_ptr_nonnull(head);
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
		keep(name, fd);
	} else {
		ck_assert_int_eq(strncmp(bytes, "FDSTOREREMOVE=1\n", 16), 0);
		ck_assert_ptr_null(head);
		take_out(name);
	}
	return true;
}

static void hear(void)
{
	while (hear_one()) {
	}
}

static void write_text(const char *a, const char *b)
{
	struct iovec parts[] = {{(void *)a, strlen(a)}, {(void *)b, strlen(b)}};

	ck_assert_int_eq(fdstore_write(fdstore, parts, 2), 0);
}

static size_t count(void)
{
	size_t n = 0;

	hear();
	for (int i = 0; i < STORED_MAX; i++) {
		n += manager.names[i][0] != '\0';
	}
	return n;
}

/* The next daemon: reads what the manager passes it. */
static void start_next(void)
{
	fdstore_free(fdstore);
	secret_free(text);
	hear();
	activation.stored = calloc(STORED_MAX, sizeof(*activation.stored));
	activation.stored_names = calloc(STORED_MAX, sizeof(*activation.stored_names));
	activation.listen_fd = -1;
	activation.n_stored = 0;
	for (int i = 0; i < STORED_MAX; i++) {
		if (manager.names[i][0] != '\0') {
			activation.stored[activation.n_stored] = fcntl(
				manager.stored[i], F_DUPFD_CLOEXEC, 3);
			activation.stored_names[activation.n_stored++] = strdup(manager.names[i]);
		}
	}
	ck_assert_int_eq(fdstore_new(&fdstore), 0);
	ck_assert_int_eq(fdstore_read(fdstore, &activation, &text), 0);
	for (size_t i = 0; i < activation.n_stored; i++) {
		ck_assert_int_eq(activation.stored[i], -1);
	}
	activation_done(&activation);
	hear();
}

static void check_text(const char *expected)
{
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(secret_len(text), strlen(expected));
	ck_assert_str_eq(secret_reveal(text), expected);
}

START_TEST(without_a_service_manager_there_is_no_store)
{
	struct fdstore *none;

	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(fdstore_new(&none), 0);
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(the_next_daemon_reads_what_was_written)
{
	write_text("a token\n", "another\n");
	start_next();
	check_text("a token\nanother\n");
	start_next(); /* it stays until there is another one */
	check_text("a token\nanother\n");
}
END_TEST

START_TEST(nothing_is_read_where_nothing_was_written)
{
	start_next();
	ck_assert_ptr_null(text);
}
END_TEST

START_TEST(the_new_one_is_there_before_the_old_one_is_taken_out)
{
	write_text("1", "");
	ck_assert(hear_one());
	ck_assert(!hear_one());
	for (int n = 2; n < 6; n++) {
		write_text("n", "");
		ck_assert(hear_one());
		ck_assert_uint_eq((slot_of("gctokend-store-1") != NULL) +
					  (slot_of("gctokend-store-2") != NULL) +
					  (slot_of("gctokend-store-3") != NULL) +
					  (slot_of("gctokend-store-4") != NULL) +
					  (slot_of("gctokend-store-5") != NULL),
			2);
		ck_assert(hear_one());
		ck_assert(!hear_one());
		ck_assert_uint_eq(count(), 1);
	}
	start_next();
	write_text("6", "");
	hear();
	ck_assert_ptr_nonnull(slot_of("gctokend-store-6")); /* no name is used again */
	ck_assert_uint_eq(count(), 1);
}
END_TEST

START_TEST(what_is_stored_cannot_be_changed_any_more)
{
	int fd;

	write_text("a", "b");
	hear();
	fd = *slot_of("gctokend-store-1");
	ck_assert_int_lt(pwrite(fd, "x", 1, 0), 0);
	ck_assert_int_lt(ftruncate(fd, 0), 0);
	ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
}
END_TEST

START_TEST(many_parts_and_empty_ones_are_one_text)
{
	enum { PARTS = 5000 };
	struct iovec *parts = calloc(PARTS, sizeof(*parts));

	for (int i = 0; i < PARTS; i++) {
		parts[i] = (struct iovec){(void *)"0123456789", (size_t)i % 11};
	}
	ck_assert_int_eq(fdstore_write(fdstore, parts, PARTS), 0);
	free(parts);
	start_next();
	ck_assert_uint_eq(secret_len(text), 24985);
}
END_TEST

/* Of what is stored, the first len bytes with one changed (SIZE_MAX: none), under that name. */
static void keep_copy(const char *name, size_t len, size_t changed, bool seal)
{
	static unsigned char bytes[4096];
	int fd = memfd_create("copy", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	hear();
	ck_assert_int_ge(pread(*slot_of("gctokend-store-1"), bytes, sizeof(bytes), 0), 0);
	if (changed < len) {
		bytes[changed] ^= 1;
	}
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	if (seal) {
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS,
					 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
			0);
	}
	keep(name, fd);
}

START_TEST(one_that_is_damaged_anywhere_is_ignored_and_taken_out)
{
	write_text("some text", "");
	for (size_t at = 0; at < HEADER_LEN + 9; at++) {
		hear();
		keep_copy("gctokend-store-2", HEADER_LEN + 9, at, true);
		start_next();
		check_text("some text");
		ck_assert_ptr_null(slot_of("gctokend-store-2"));
		ck_assert_ptr_nonnull(slot_of("gctokend-store-1"));
	}
}
END_TEST

START_TEST(one_that_is_cut_anywhere_is_ignored_and_taken_out)
{
	write_text("some text", "");
	for (size_t len = 0; len < HEADER_LEN + 9; len++) {
		hear();
		keep_copy("gctokend-store-2", len, SIZE_MAX, true);
		take_out("gctokend-store-1");
		start_next();
		ck_assert_ptr_null(text);
		ck_assert_uint_eq(count(), 0);
		fdstore_free(fdstore);
		ck_assert_int_eq(fdstore_new(&fdstore), 0);
		write_text("some text", "");
	}
}
END_TEST

START_TEST(what_is_no_sealed_memfd_is_ignored_and_taken_out)
{
	int pipes[2];

	write_text("some text", "");
	keep_copy("gctokend-store-2", HEADER_LEN + 9, SIZE_MAX, false);
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	keep("gctokend-store-3", pipes[0]);
	keep("gctokend-store-4", open("/dev/null", O_RDONLY | O_CLOEXEC));
	keep("gctokend-store-x", open("/dev/null", O_RDONLY | O_CLOEXEC));
	start_next();
	check_text("some text");
	ck_assert_uint_eq(count(), 1);
	write_text("more", "");
	hear();
	ck_assert_ptr_nonnull(slot_of("gctokend-store-5"));
	close(pipes[1]);
}
END_TEST

START_TEST(the_newest_is_used_by_its_number)
{
	write_text("some text", "");
	keep_copy("gctokend-store-10", HEADER_LEN + 9, SIZE_MAX, true);
	keep_copy("gctokend-store-9", HEADER_LEN + 9, SIZE_MAX, true);
	start_next();
	ck_assert_uint_eq(count(), 1);
	ck_assert_ptr_nonnull(slot_of("gctokend-store-10"));
}
END_TEST

START_TEST(a_manager_that_does_not_listen_is_not_waited_for_and_loses_nothing)
{
	struct iovec part = {(void *)"x", 1};
	int r, n = 0;

	while ((r = fdstore_write(fdstore, &part, 1)) == 0 && n < 100000) {
		n++;
		/* As if it had been slow: nothing is heard. */
	}
	ck_assert_int_eq(r, -EAGAIN);
	hear();
	write_text("last", "");
	hear();
	start_next();
	check_text("last");
	ck_assert_uint_eq(count(), 1);
}
END_TEST

CASES_MAIN("fdstore", set_up, tear_down, {without_a_service_manager_there_is_no_store, 1},
	{the_next_daemon_reads_what_was_written, 1}, {nothing_is_read_where_nothing_was_written, 1},
	{the_new_one_is_there_before_the_old_one_is_taken_out, 1},
	{what_is_stored_cannot_be_changed_any_more, 1}, {many_parts_and_empty_ones_are_one_text, 1},
	{one_that_is_damaged_anywhere_is_ignored_and_taken_out, 1},
	{one_that_is_cut_anywhere_is_ignored_and_taken_out, 1},
	{what_is_no_sealed_memfd_is_ignored_and_taken_out, 1},
	{the_newest_is_used_by_its_number, 1},
	{a_manager_that_does_not_listen_is_not_waited_for_and_loses_nothing, 1})
