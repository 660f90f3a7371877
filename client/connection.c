#include "client/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SYSTEM_SOCKET    "/run/gctokend/gctokend.sock"
#define USER_SOCKET_NAME "gctokend/gctokend.sock"

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == CONNECTION_PATH_SIZE,
	"unix(7) has another size");

static void close_fd(const int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

int64_t connection_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool add_path(struct connection *connection, const char *directory, const char *name)
{
	char *path = connection->paths[connection->n_paths];
	int len = snprintf(
		path, CONNECTION_PATH_SIZE, "%s%s%s", directory, *directory ? "/" : "", name);

	if (len >= CONNECTION_PATH_SIZE) {
		return false;
	}
	connection->n_paths++;
	return true;
}

int connection_init(struct connection *connection, const char *path, int64_t timeout_ms)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	*connection = (struct connection){.timeout_ms = timeout_ms};
	if (!path) {
		path = getenv("GCTOKEN_SOCKET");
	}
	if (path && *path) {
		return add_path(connection, "", path) ? 0 : -ENAMETOOLONG;
	}
	/* The XDG specification: a relative one is to be ignored. One too long to hold a socket
	 * holds none. */
	if (runtime && *runtime == '/') {
		add_path(connection, runtime, USER_SOCKET_NAME);
	}
	add_path(connection, "", SYSTEM_SOCKET);
	return 0;
}

/* Returns 0, or -errno. */
static int connect_to(int fd, const char *path, int64_t deadline_ms)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strlen(path) + 1);
	/* A blocking connect() waits in the kernel's queue for room in a full backlog, where a
	 * non-blocking one could but poll; SO_SNDTIMEO bounds it, EAGAIN says that it is over. */
	do {
		int64_t left_ms = deadline_ms - connection_now_ms();
		struct timeval left = {left_ms / 1000, left_ms % 1000 * 1000};

		if (left_ms <= 0) {
			return -ETIMEDOUT;
		}
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0) {
			return -errno;
		}
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			return 0;
		}
	} while (errno == EAGAIN || errno == EINTR);
	return -errno;
}

/* Returns 0 with a connected descriptor, or -errno. */
static int open_path(const char *path, int64_t deadline_ms, int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0) {
		return -errno;
	}
	r = connect_to(fd, path, deadline_ms);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* From then on only the path that accepted is tried: another would be another daemon. */
int connection_open(struct connection *connection, int *ret_fd)
{
	int outcome = CONNECTION_NO_DAEMON;

	if (connection->deadline_ms == 0) {
		connection->deadline_ms = connection_now_ms() + connection->timeout_ms;
	}
	for (unsigned i = 0; i < connection->n_paths; i++) {
		int r = open_path(connection->paths[i], connection->deadline_ms, ret_fd);

		switch (r) {
		case 0:
			memmove(connection->paths[0], connection->paths[i], CONNECTION_PATH_SIZE);
			connection->n_paths = 1;
			connection->at = 0;
			return 0;
		case -ENOENT:
		case -ENOTDIR:
		case -ECONNREFUSED:
			break;
		case -EACCES:
		case -EPERM:
			outcome = CONNECTION_DENIED;
			connection->at = i;
			break;
		default:
			connection->at = i;
			return r == -ETIMEDOUT ? CONNECTION_TIMEOUT : r;
		}
	}
	return outcome;
}

int connection_send(int fd, const char *line, size_t len, size_t *sent)
{
	ssize_t n = send(fd, line + *sent, len - *sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0) {
		*sent += (size_t)n;
	} else if (errno == EPIPE || errno == ECONNRESET) {
		*sent = len;
	} else if (errno != EAGAIN && errno != EINTR) {
		return -errno;
	}
	return 0;
}

/* Reads what there is, up to size bytes in all. Returns whether the line is complete, an outcome
 * or -errno. */
static int receive_some(int fd, char *reply, size_t size, size_t *got, bool *ret_complete)
{
	ssize_t n = recv(fd, reply + *got, size - *got, MSG_DONTWAIT);
	char *end = NULL;

	if (n == 0 || (n < 0 && (errno == ECONNRESET || errno == EPIPE))) {
		return CONNECTION_CLOSED;
	}
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	end = memchr(reply + *got, '\n', (size_t)n);
	*got += (size_t)n;
	if (end) {
		*end = '\0';
		*got = (size_t)(end - reply);
		*ret_complete = true;
		return 0;
	}
	return *got == size ? CONNECTION_TOO_LONG : 0;
}

static int exchange(
	int fd, int64_t deadline_ms, const char *line, size_t len, char *reply, size_t *ret_len)
{
	size_t sent = 0;
	bool complete = false;
	int r = connection_send(fd, line, len, &sent);

	*ret_len = 0;
	while (r == 0 && !complete) {
		struct pollfd ready = {.fd = fd, .events = sent < len ? POLLIN | POLLOUT : POLLIN};
		int64_t left_ms = deadline_ms - connection_now_ms();

		if (left_ms <= 0) {
			return CONNECTION_TIMEOUT;
		}
		if (poll(&ready, 1, (int)left_ms) < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		if (sent < len && (ready.revents & POLLOUT)) {
			r = connection_send(fd, line, len, &sent);
		}
		if (r == 0 && (ready.revents & (POLLIN | POLLHUP | POLLERR))) {
			r = receive_some(fd, reply, CONNECTION_REPLY_MAX + 1, ret_len, &complete);
		}
	}
	return r;
}

static int ask_once(
	struct connection *connection, const char *line, size_t len, char *reply, size_t *ret_len)
{
	__attribute__((cleanup(close_fd))) int fd = -1;
	int r = connection_open(connection, &fd);

	if (r == 0) {
		r = exchange(fd, connection->deadline_ms, line, len, reply, ret_len);
	}
	if (r != 0) {
		explicit_bzero(reply, *ret_len);
	}
	return r;
}

int connection_ask(struct connection *connection, const char *line, size_t len, char **ret_reply,
	size_t *ret_len)
{
	/* One piece, of which only the pages that are written to are ever real. */
	char *reply = malloc(CONNECTION_REPLY_MAX + 1);
	size_t reply_len = 0;
	int r = -ENOMEM;

	if (!reply) {
		return r;
	}
	r = ask_once(connection, line, len, reply, &reply_len);
	if (r == CONNECTION_CLOSED) {
		r = ask_once(connection, line, len, reply, &reply_len);
	}
	if (r != 0) {
		free(reply);
		return r;
	}
	*ret_reply = reply;
	*ret_len = reply_len;
	return 0;
}
