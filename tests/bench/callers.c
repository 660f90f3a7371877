#include "callers.h"

#include <cjson/cJSON.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REQUEST                                                    \
	"{\"request\":\"auth.getJwtToken\",\"referenceId\":\"7\"," \
	"\"parameters\":{\"profile\":\"bench\"}}\n"

enum {
	REQUEST_BYTES = sizeof(REQUEST) - 1,
	READ_BYTES = 128 * 1024,
	ANSWER_BYTES_MAX = 400 * 1024, /* the longest that the protocol allows */
	EVENTS = 256,
	BACKLOG_RETRY_MS = 1,
	NS_PER_MS = 1000000,
	NS_PER_S = 1000000000,
};

struct caller {
	int fd; /* -1 while closed */
	bool connected;
	bool watched_for_write;
	size_t awaited; /* requests without their answer */
	size_t unsent;  /* bytes of them that are not written */
	char *partial;  /* the beginning of an answer whose end has not come */
	size_t partial_bytes;
};

struct callers {
	struct sockaddr_un address;
	int epoll;
	enum callers_then then;
	size_t depth;
	size_t count;
	size_t open;
	struct caller *caller;
	struct caller **unconnected; /* those that wait for room in the backlog */
	size_t unconnected_count;
	char *answer; /* the last one that was parsed: what equals it is right too */
	size_t answer_bytes;
	char *input;
	char requests[CALLERS_DEPTH_MAX * REQUEST_BYTES];
	struct callers_result result;
};

int64_t callers_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);
	if (!memory) {
		err(1, "calloc");
	}
	return memory;
}

struct callers *callers_new(
	const char *path, size_t connections, size_t depth, enum callers_then then)
{
	struct callers *callers = allocate(1, sizeof(*callers));
	callers->address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(callers->address.sun_path)) {
		errx(2, "%s: too long for a socket", path);
	}
	memcpy(callers->address.sun_path, path, strlen(path) + 1);
	callers->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (callers->epoll < 0) {
		err(1, "epoll_create1");
	}
	callers->then = then;
	callers->depth = depth;
	callers->count = connections;
	callers->caller = allocate(connections, sizeof(callers->caller[0]));
	callers->unconnected = allocate(connections, sizeof(struct caller *));
	callers->input = allocate(1, ANSWER_BYTES_MAX + READ_BYTES);
	for (size_t i = 0; i < CALLERS_DEPTH_MAX; i++) {
		memcpy(callers->requests + i * REQUEST_BYTES, REQUEST, REQUEST_BYTES);
	}
	for (size_t i = 0; i < connections; i++) {
		callers->caller[i].fd = -1;
		callers->unconnected[callers->unconnected_count++] = &callers->caller[i];
	}
	callers->open = connections;
	return callers;
}

void callers_free(struct callers *callers)
{
	if (!callers) {
		return;
	}
	for (size_t i = 0; i < callers->count; i++) {
		if (callers->caller[i].fd >= 0) {
			close(callers->caller[i].fd);
		}
		free(callers->caller[i].partial);
	}
	close(callers->epoll);
	free(callers->caller);
	free(callers->unconnected);
	free(callers->answer);
	free(callers->input);
	free(callers);
}

static void count_error(struct callers *callers, size_t requests, const char *text, size_t length)
{
	struct callers_result *result = &callers->result;
	result->errors += requests;
	if (!result->first_error[0]) {
		if (length >= sizeof(result->first_error)) {
			length = sizeof(result->first_error) - 1;
		}
		memcpy(result->first_error, text, length);
		result->first_error[length] = '\0';
	}
}

static void close_caller(struct caller *caller)
{
	close(caller->fd);
	free(caller->partial);
	*caller = (struct caller){.fd = -1};
}

/* A connection that ends by itself is not opened again: a broken server ends the run. */
static void lose(struct callers *callers, struct caller *caller, const char *why)
{
	count_error(callers, caller->awaited ? caller->awaited : 1, why, strlen(why));
	close_caller(caller);
	callers->open--;
}

static void watch(struct callers *callers, struct caller *caller, int operation)
{
	caller->watched_for_write = caller->unsent > 0;
	struct epoll_event event = {
		.events = caller->watched_for_write ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = caller,
	};
	if (epoll_ctl(callers->epoll, operation, caller->fd, &event) < 0) {
		err(1, "epoll_ctl");
	}
}

/*
 * Writes what the socket takes. Requests are all alike, so `unsent` tells where in one the next
 * byte is. A dead connection is left for the read to find, behind the answers that came before.
 */
static void send_unsent(struct callers *callers, struct caller *caller)
{
	size_t rest = caller->unsent % REQUEST_BYTES;
	size_t offset = rest ? REQUEST_BYTES - rest : 0;
	ssize_t sent = send(caller->fd, callers->requests + offset, caller->unsent, MSG_NOSIGNAL);
	if (sent > 0) {
		caller->unsent -= (size_t)sent;
	} else if (sent < 0 && errno != EAGAIN) {
		caller->unsent = 0;
	}
}

static void ask(struct callers *callers, struct caller *caller, size_t requests)
{
	caller->awaited += requests;
	caller->unsent += requests * REQUEST_BYTES;
	send_unsent(callers, caller);
}

/* Returns false when the backlog is full: no event tells when there is room again. */
static bool try_connect(struct callers *callers, struct caller *caller)
{
	if (caller->fd < 0) {
		caller->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (caller->fd < 0) {
			err(1, "socket");
		}
	}
	const struct sockaddr *address = (const struct sockaddr *)&callers->address;
	if (connect(caller->fd, address, sizeof(callers->address)) < 0) {
		if (errno == EAGAIN) {
			return false;
		}
		err(1, "%s", callers->address.sun_path);
	}
	caller->connected = true;
	if (callers->depth > 0) {
		ask(callers, caller, callers->depth);
	}
	watch(callers, caller, EPOLL_CTL_ADD);
	return true;
}

static void connect_waiting(struct callers *callers)
{
	while (callers->unconnected_count > 0 &&
		try_connect(callers, callers->unconnected[callers->unconnected_count - 1])) {
		callers->unconnected_count--;
	}
}

static void reopen(struct callers *callers, struct caller *caller)
{
	close_caller(caller);
	if (callers->unconnected_count > 0 || !try_connect(callers, caller)) {
		callers->unconnected[callers->unconnected_count++] = caller;
	}
}

static bool is_token_answer(const char *line, size_t length)
{
	const char *end = NULL;
	cJSON *json = cJSON_ParseWithLengthOpts(line, length, &end, 0);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
	const cJSON *token = cJSON_GetObjectItemCaseSensitive(data, "jwtToken");
	const cJSON *expiration = cJSON_GetObjectItemCaseSensitive(data, "expiration");
	const cJSON *reference = cJSON_GetObjectItemCaseSensitive(json, "referenceId");
	bool right = end == line + length - 1 && cJSON_IsString(token) && token->valuestring[0] &&
		     cJSON_IsString(expiration) && cJSON_IsString(reference) &&
		     strcmp(reference->valuestring, "7") == 0 &&
		     !cJSON_GetObjectItemCaseSensitive(json, "errorMessage");
	cJSON_Delete(json);
	return right;
}

static void judge(struct callers *callers, const char *line, size_t length)
{
	if (!is_token_answer(line, length)) {
		count_error(callers, 1, line, length - 1);
		return;
	}
	free(callers->answer);
	callers->answer = allocate(length, 1);
	memcpy(callers->answer, line, length);
	callers->answer_bytes = length;
	callers->result.answers++;
}

/* Counts the whole lines in front and returns their number; *rest is what is left behind them. */
static size_t take_lines(struct callers *callers, const char **rest, size_t *rest_bytes)
{
	size_t lines = 0;
	while (*rest_bytes > 0) {
		size_t length = callers->answer_bytes;
		if (length > 0 && *rest_bytes >= length &&
			memcmp(*rest, callers->answer, length) == 0) {
			callers->result.answers++;
		} else {
			const char *end = memchr(*rest, '\n', *rest_bytes);
			if (!end) {
				break;
			}
			length = (size_t)(end - *rest) + 1;
			judge(callers, *rest, length);
		}
		*rest += length;
		*rest_bytes -= length;
		lines++;
	}
	return lines;
}

static bool store_partial(struct caller *caller, const char *rest, size_t rest_bytes)
{
	free(caller->partial);
	caller->partial = NULL;
	caller->partial_bytes = rest_bytes;
	if (rest_bytes == 0) {
		return true;
	}
	if (rest_bytes > ANSWER_BYTES_MAX) {
		return false;
	}
	caller->partial = allocate(1, rest_bytes);
	memcpy(caller->partial, rest, rest_bytes);
	return true;
}

static void receive(struct callers *callers, struct caller *caller)
{
	size_t kept = caller->partial_bytes;
	if (kept > 0) {
		memcpy(callers->input, caller->partial, kept);
	}
	ssize_t got = recv(caller->fd, callers->input + kept, READ_BYTES, 0);
	if (got < 0 && errno == EAGAIN) {
		return;
	}
	if (got <= 0) {
		lose(callers, caller, got < 0 ? strerror(errno) : "closed by the server");
		return;
	}
	const char *rest = callers->input;
	size_t rest_bytes = kept + (size_t)got;
	size_t lines = take_lines(callers, &rest, &rest_bytes);
	if (lines > caller->awaited) {
		lose(callers, caller, "more answers than requests");
		return;
	}
	caller->awaited -= lines;
	if (!store_partial(caller, rest, rest_bytes)) {
		lose(callers, caller, "an answer without an end");
		return;
	}
	if (callers->then == CALLERS_ASK_AGAIN && lines > 0) {
		ask(callers, caller, lines);
	} else if (callers->then == CALLERS_REOPEN && caller->awaited == 0) {
		reopen(callers, caller);
	}
}

static void handle(struct callers *callers, const struct epoll_event *event)
{
	struct caller *caller = event->data.ptr;
	if (event->events & EPOLLOUT) {
		send_unsent(callers, caller);
	}
	if (event->events & ~(uint32_t)EPOLLOUT) {
		receive(callers, caller);
	}
	if (caller->connected && caller->watched_for_write != (caller->unsent > 0)) {
		watch(callers, caller, EPOLL_CTL_MOD);
	}
}

static int wait_ms(const struct callers *callers, int64_t now_ns, int64_t deadline_ns)
{
	if (callers->unconnected_count > 0) {
		return BACKLOG_RETRY_MS;
	}
	return (int)((deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

bool callers_run(struct callers *callers, uint64_t goal, int64_t deadline_ns)
{
	struct callers_result *result = &callers->result;
	int64_t now_ns = callers_now_ns();
	for (;;) {
		connect_waiting(callers);
		if (callers->unconnected_count == 0 && result->answers + result->errors >= goal) {
			return true;
		}
		if (callers->open == 0 || now_ns >= deadline_ns) {
			return false;
		}
		struct epoll_event events[EVENTS];
		int count = epoll_wait(
			callers->epoll, events, EVENTS, wait_ms(callers, now_ns, deadline_ns));
		if (count < 0 && errno != EINTR) {
			err(1, "epoll_wait");
		}
		uint64_t before = result->answers;
		if (result->first_ns == 0) {
			now_ns = callers_now_ns();
		}
		for (int i = 0; i < count; i++) {
			handle(callers, &events[i]);
		}
		if (result->first_ns == 0 && result->answers > before) {
			result->first_ns = now_ns;
		}
		now_ns = callers_now_ns();
		if (result->answers > before) {
			result->last_ns = now_ns;
		}
	}
}

void callers_ask(struct callers *callers)
{
	for (size_t i = 0; i < callers->count; i++) {
		struct caller *caller = &callers->caller[i];
		if (caller->connected) {
			ask(callers, caller, 1);
			if (caller->watched_for_write != (caller->unsent > 0)) {
				watch(callers, caller, EPOLL_CTL_MOD);
			}
		}
	}
}

size_t callers_open(struct callers *callers)
{
	size_t open = 0;
	for (size_t i = 0; i < callers->count; i++) {
		char byte;
		int fd = callers->caller[i].fd;
		if (fd >= 0 && recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN) {
			open++;
		}
	}
	return open;
}

const struct callers_result *callers_result(const struct callers *callers)
{
	return &callers->result;
}
