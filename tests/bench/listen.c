/*
 * bench-listen: listeners of events on a gctokend socket, and one caller who sets a token again and
 * again, each time when all have heard of the last. One thread on epoll; prints one line of JSON.
 * Ends with 0 when all heard each token once, with 1 otherwise, with 2 on usage.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SUBSCRIBE                                                                     \
	"{\"request\":\"events.subscribe\",\"parameters\":{\"profiles\":[\"bench\"]," \
	"\"withToken\":true}}\n"
#define SET_BEGIN                                                                     \
	"{\"request\":\"auth.setAccessToken\",\"parameters\":{\"profile\":\"bench\"," \
	"\"expiresIn\":3600,\"token\":\""
#define SET_END "\"}}\n"

enum {
	LISTENERS_MAX = 16384,
	TOKEN_BYTES = 1000, /* about as many as Genesys Cloud's JWTs have */
	READ_BYTES = 64 * 1024,
	EVENTS = 256,
	BEGINNING_LINES = 2, /* the reply, and the state */
	TIMEOUT_MS = 30000,
	SPARE_DESCRIPTORS = 16,
	NS_PER_S = 1000000000,
};

struct listener {
	int fd;
	size_t lines; /* read so far */
};

struct bench {
	int epoll;
	struct sockaddr_un address;
	size_t count; /* of listeners; behind them is the caller, who gets a line for each token too
		       */
	struct listener *listeners;
	size_t late; /* those that have not got as many lines as is their due */
	size_t due;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void usage(void)
{
	fputs("usage: bench-listen --socket PATH [OPTION...]\n"
	      "  --connections N (1000), --seconds S (2)\n"
	      "  --told  all are told without having subscribed, as by bench-reference\n",
		stderr);
	exit(2);
}

static void send_line(const struct listener *listener, const char *line)
{
	size_t length = strlen(line);
	if (send(listener->fd, line, length, MSG_NOSIGNAL) != (ssize_t)length) {
		err(1, "send");
	}
}

static void open_listener(struct bench *bench, struct listener *listener)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener->fd < 0 ||
		connect(listener->fd, (struct sockaddr *)&bench->address, sizeof(bench->address)) <
			0 ||
		epoll_ctl(bench->epoll, EPOLL_CTL_ADD, listener->fd, &event) < 0) {
		err(1, "%s", bench->address.sun_path);
	}
}

static void receive(struct bench *bench, struct listener *listener)
{
	static char data[READ_BYTES];
	ssize_t got = recv(listener->fd, data, sizeof(data), MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN) {
		return;
	}
	if (got <= 0) {
		errx(1, "a connection was closed");
	}
	bool was_late = listener->lines < bench->due;
	const char *at = data, *end = data + got;
	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		listener->lines++;
		at++;
	}
	if (listener->lines > bench->due) {
		errx(1, "a line too many: %.*s", (int)(got < 200 ? got : 200), data);
	}
	bench->late -= was_late && listener->lines == bench->due;
}

/* Waits until each has so many lines more. */
static void hear(struct bench *bench, size_t listeners, size_t lines)
{
	bench->due += lines;
	bench->late = listeners;
	while (bench->late > 0) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(bench->epoll, events, EVENTS, TIMEOUT_MS);
		if (count == 0) {
			errx(1, "%zu have not heard of a token", bench->late);
		}
		for (int i = 0; i < count; i++) {
			receive(bench, events[i].data.ptr);
		}
	}
}

static void begin(struct bench *bench, bool subscribe)
{
	for (size_t i = 0; i < bench->count; i++) {
		open_listener(bench, &bench->listeners[i]);
		if (subscribe) {
			send_line(&bench->listeners[i], SUBSCRIBE);
		}
	}
	if (subscribe) {
		hear(bench, bench->count, BEGINNING_LINES);
	}
	bench->listeners[bench->count].lines = bench->due;
	open_listener(bench, &bench->listeners[bench->count]);
}

static void run(struct bench *bench, double seconds)
{
	char line[sizeof(SET_BEGIN) + TOKEN_BYTES + sizeof(SET_END)];
	int64_t began = now_ns(), took = 0;
	uint64_t tokens = 0;
	while (took < (int64_t)(seconds * NS_PER_S)) {
		snprintf(line, sizeof(line), "%s%0*llu%s", SET_BEGIN, TOKEN_BYTES,
			(unsigned long long)tokens, SET_END);
		send_line(&bench->listeners[bench->count], line);
		hear(bench, bench->count + 1, 1);
		tokens++;
		took = now_ns() - began;
	}
	uint64_t told = tokens * bench->count;
	printf("{\"answers\":%llu,\"measured\":%llu,\"seconds\":%.6f,\"tokens\":%llu}\n",
		(unsigned long long)told, (unsigned long long)told, (double)took / NS_PER_S,
		(unsigned long long)tokens);
}

static double number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= least && value <= most)) {
		errx(2, "%s: not a number from %g to %g", text, least, most);
	}
	return value;
}

static void raise_descriptor_limit(size_t connections)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		err(1, "getrlimit");
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 ||
		limit.rlim_max < connections + SPARE_DESCRIPTORS) {
		errx(1, "%zu connections need more descriptors than the limit of %lu", connections,
			(unsigned long)limit.rlim_max);
	}
}

int main(int argc, char **argv)
{
	static const struct option LONG[] = {
		{"socket", required_argument, NULL, 's'},
		{"connections", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 't'},
		{"told", no_argument, NULL, 'o'},
		{0},
	};
	static struct listener listeners[LISTENERS_MAX + 1];
	struct bench bench = {.count = 1000, .listeners = listeners};
	double seconds = 2;
	bool subscribe = true;
	int option;

	bench.address.sun_family = AF_UNIX;
	while ((option = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
		switch (option) {
		case 's':
			if (strlen(optarg) >= sizeof(bench.address.sun_path)) {
				errx(2, "%s: too long for a socket", optarg);
			}
			memcpy(bench.address.sun_path, optarg, strlen(optarg) + 1);
			break;
		case 'c':
			bench.count = (size_t)number(optarg, 1, LISTENERS_MAX);
			break;
		case 't':
			seconds = number(optarg, 0.01, 600);
			break;
		case 'o':
			subscribe = false;
			break;
		default:
			usage();
		}
	}
	if (!bench.address.sun_path[0] || optind != argc) {
		usage();
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	raise_descriptor_limit(bench.count);
	bench.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (bench.epoll < 0) {
		err(1, "epoll_create1");
	}
	begin(&bench, subscribe);
	run(&bench, seconds);
	return 0;
}
