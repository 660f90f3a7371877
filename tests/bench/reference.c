/*
 * bench-reference SOCKET REPLY_FILE [all]: the yardstick of the benchmark. It answers each LF with
 * the same bytes, with "all" to all peers, and knows neither JSON nor tokens: what is slower than
 * this is the price of the work.
 *
 * Level-triggered epoll, one read and one write a turn. While an answer is not wholly written
 * nothing more is read from that peer, so what it is owed stays bounded by one read.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
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
#include <unistd.h>

enum {
	PEERS_MAX = 65536,      /* descriptors, which index the table of peers */
	READ_BYTES = 16 * 1024, /* taken from one peer in one turn */
	BLOCK_BYTES = 256 * 1024,
	REPLY_BYTES_MAX = 400 * 1024,
	EVENTS = 256,
};

struct peer {
	size_t owed; /* bytes of answers not yet written */
	bool blocked;
	bool open;
};

struct server {
	int epoll;
	int listener;
	char *block; /* the reply, repeated, so that many go out in one write */
	size_t block_length;
	size_t reply_length;
	struct peer *peers;
	int peers_end; /* behind the highest descriptor of one */
	bool answers_all;
};

static void load_reply(struct server *server, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err(1, "%s", path);
	}
	char *reply = malloc(REPLY_BYTES_MAX);
	if (!reply) {
		err(1, "malloc");
	}
	ssize_t length = read(fd, reply, REPLY_BYTES_MAX);
	close(fd);
	if (length <= 0 || memchr(reply, '\n', (size_t)length) != reply + length - 1) {
		errx(1, "%s: not one line that ends in LF", path);
	}
	server->reply_length = (size_t)length;
	size_t copies = BLOCK_BYTES / server->reply_length + 1;
	server->block_length = copies * server->reply_length;
	server->block = malloc(server->block_length);
	if (!server->block) {
		err(1, "malloc");
	}
	for (size_t i = 0; i < copies; i++) {
		memcpy(server->block + i * server->reply_length, reply, server->reply_length);
	}
	free(reply);
}

static void watch(struct server *server, int operation, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	if (epoll_ctl(server->epoll, operation, fd, &event) < 0) {
		err(1, "epoll_ctl");
	}
}

static void listen_at(struct server *server, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path)) {
		errx(2, "%s: too long for a socket", path);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->listener < 0) {
		err(1, "socket");
	}
	unlink(path);
	if (bind(server->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(server->listener, SOMAXCONN) < 0) {
		err(1, "%s", path);
	}
	watch(server, EPOLL_CTL_ADD, server->listener, EPOLLIN);
}

static void accept_peers(struct server *server)
{
	for (;;) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) {
				return;
			}
			err(1, "accept4");
		}
		if (fd >= PEERS_MAX) {
			errx(1, "more than %d peers", PEERS_MAX);
		}
		server->peers[fd] = (struct peer){.open = true};
		if (fd >= server->peers_end) {
			server->peers_end = fd + 1;
		}
		watch(server, EPOLL_CTL_ADD, fd, EPOLLIN);
	}
}

static size_t count_lines(const char *data, size_t length)
{
	size_t lines = 0;
	const char *end = data + length;
	while ((data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
		lines++;
		data++;
	}
	return lines;
}

static void close_peer(struct server *server, int fd)
{
	server->peers[fd].open = false;
	close(fd);
}

/* The block repeats itself, so what is owed tells where in a reply the next byte is. */
static void write_owed(struct server *server, int fd)
{
	struct peer *peer = &server->peers[fd];
	while (peer->owed > 0) {
		size_t rest = peer->owed % server->reply_length;
		size_t offset = rest ? server->reply_length - rest : 0;
		size_t length = server->block_length - offset;
		if (length > peer->owed) {
			length = peer->owed;
		}
		ssize_t written = send(fd, server->block + offset, length, MSG_NOSIGNAL);
		if (written < 0 && errno != EAGAIN) {
			close_peer(server, fd);
			return;
		}
		if (written < 0) {
			break;
		}
		peer->owed -= (size_t)written;
	}
	bool blocked = peer->owed > 0;
	if (blocked != peer->blocked) {
		peer->blocked = blocked;
		watch(server, EPOLL_CTL_MOD, fd, blocked ? EPOLLOUT : EPOLLIN);
	}
}

static void owe_all(struct server *server, size_t bytes)
{
	for (int fd = 0; fd < server->peers_end; fd++) {
		if (server->peers[fd].open) {
			server->peers[fd].owed += bytes;
			write_owed(server, fd);
		}
	}
}

static void serve(struct server *server, int fd)
{
	char data[READ_BYTES];
	struct peer *peer = &server->peers[fd];

	if (peer->owed == 0) {
		ssize_t length = read(fd, data, sizeof(data));
		if (length < 0 && errno == EAGAIN) {
			return;
		}
		if (length <= 0) {
			close_peer(server, fd);
			return;
		}
		size_t bytes = count_lines(data, (size_t)length) * server->reply_length;
		if (server->answers_all) {
			owe_all(server, bytes);
			return;
		}
		peer->owed = bytes;
	}
	write_owed(server, fd);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	static struct peer peers[PEERS_MAX];
	struct server server = {.peers = peers};

	server.answers_all = argc == 4 && strcmp(argv[3], "all") == 0;
	if (argc != 3 + server.answers_all) {
		fprintf(stderr, "usage: bench-reference SOCKET REPLY_FILE [all]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	raise_descriptor_limit();
	load_reply(&server, argv[2]);
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server.epoll < 0) {
		err(1, "epoll_create1");
	}
	listen_at(&server, argv[1]);
	puts("ready");
	fflush(stdout);

	for (;;) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(server.epoll, events, EVENTS, -1);
		if (count < 0 && errno != EINTR) {
			err(1, "epoll_wait");
		}
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == server.listener) {
				accept_peers(&server);
			} else {
				serve(&server, events[i].data.fd);
			}
		}
	}
}
