#include "client/stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAM_SIZE = CONNECTION_REPLY_MAX + 1 /* a line with its LF */ };

/* Waits until fd is ready for events, or nobody reads standard output any more. Returns 0, also
 * when a signal came, an outcome or -errno. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd ready[] = {{.fd = fd, .events = events}, {.fd = STDOUT_FILENO}};
	int64_t left_ms = deadline_ms - connection_now_ms();
	int timeout_ms = left_ms > INT_MAX ? -1 : (int)left_ms;

	if (left_ms <= 0) {
		return CONNECTION_TIMEOUT;
	}
	if (poll(ready, sizeof(ready) / sizeof(*ready), timeout_ms) < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	return ready[1].revents != 0 ? STREAM_UNHEARD : 0;
}

int stream_open(struct stream *stream, struct connection *connection, const char *line, size_t len)
{
	size_t sent = 0;
	int r;

	*stream = (struct stream){.fd = -1};
	r = connection_open(connection, &stream->fd);
	while (r == 0 && sent < len) {
		r = wait_for(stream->fd, POLLOUT, connection->deadline_ms);
		if (r == 0) {
			r = connection_send(stream->fd, line, len, &sent);
		}
	}
	return r;
}

/* Takes a whole line, if there is one; the first `looked` bytes hold no end of it. */
static bool take_line(struct stream *stream, size_t looked, char **ret_line, size_t *ret_len)
{
	char *line = stream->bytes + stream->begin;
	char *end = memchr(line + looked, '\n', stream->len - looked);

	if (!end) {
		return false;
	}
	*end = '\0';
	*ret_line = line;
	*ret_len = (size_t)(end - line);
	stream->begin += *ret_len + 1;
	stream->len -= *ret_len + 1;
	return true;
}

/* Reads what there is, behind what is there. Returns 0, also when there was nothing, an outcome or
 * -errno. */
static int receive(struct stream *stream)
{
	ssize_t n;

	memmove(stream->bytes, stream->bytes + stream->begin, stream->len);
	stream->begin = 0;
	if (stream->len == STREAM_SIZE) {
		return CONNECTION_TOO_LONG;
	}
	n = recv(stream->fd, stream->bytes + stream->len, STREAM_SIZE - stream->len, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		return CONNECTION_CLOSED;
	}
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	stream->len += (size_t)n;
	return 0;
}

int stream_next(struct stream *stream, int64_t deadline_ms, char **ret_line, size_t *ret_len)
{
	size_t looked = 0;
	int r = 0;

	if (!stream->bytes) {
		stream->bytes = malloc(STREAM_SIZE);
	}
	if (!stream->bytes) {
		return -ENOMEM;
	}
	while (!take_line(stream, looked, ret_line, ret_len)) {
		looked = stream->len;
		r = wait_for(stream->fd, POLLIN, deadline_ms);
		if (r == 0) {
			r = receive(stream);
		}
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

int stream_pause(int64_t until_ms)
{
	int r = 0;

	while (r == 0) {
		r = wait_for(-1, 0, until_ms);
	}
	return r == CONNECTION_TIMEOUT ? 0 : r;
}

void stream_close(struct stream *stream)
{
	if (stream->fd >= 0) {
		close(stream->fd);
	}
	free(stream->bytes);
	*stream = (struct stream){.fd = -1};
}
