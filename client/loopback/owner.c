#include "client/loopback/owner.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* A connection as its other end sees it. */
struct connection_end {
	union address local, remote;
};

static bool is_our_uid(uid_t uid)
{
	return uid == geteuid() || uid == 0;
}

static in_port_t port_of(const union address *address)
{
	return address->any.sa_family == AF_INET6 ? address->in6.sin6_port : address->in.sin_port;
}

/* ---- from the kernel, by one question, see sock_diag(7) */

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
};

struct answer {
	struct nlmsghdr header;
	struct inet_diag_msg message;
	char attributes[1024];
};

static void put_address(__be32 field[4], const union address *address)
{
	if (address->any.sa_family == AF_INET6) {
		memcpy(field, &address->in6.sin6_addr, sizeof(address->in6.sin6_addr));
	} else {
		field[0] = address->in.sin_addr.s_addr;
	}
}

static struct question question_of(const struct connection_end *end)
{
	struct question question = {
		.header = {.nlmsg_len = sizeof(question),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST},
		.request = {.sdiag_family = (__u8)end->local.any.sa_family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = ~0U,
			.id = {.idiag_sport = port_of(&end->local),
				.idiag_dport = port_of(&end->remote),
				.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
	};

	put_address(question.request.id.idiag_src, &end->local);
	put_address(question.request.id.idiag_dst, &end->remote);
	return question;
}

/* False when the kernel does not tell: not every one has this. */
static bool ask_kernel(const struct connection_end *end, bool *ret_ours)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	const struct question question = question_of(end);
	struct answer answer;
	ssize_t n = -1;

	if (fd < 0) {
		return false;
	}
	/* The answer is there when send() returns. */
	if (send(fd, &question, sizeof(question), 0) == sizeof(question)) {
		n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
	}
	close(fd);
	if (n < (ssize_t)offsetof(struct answer, attributes) ||
		answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY) {
		return false;
	}
	/* One that was closed has no owner any more, and would pass for root's. */
	*ret_ours = answer.message.idiag_state == TCP_ESTABLISHED &&
		    is_our_uid(answer.message.idiag_uid);
	return true;
}

/* ---- from its tables, see proc(5) */

enum { LOCAL = 1, REMOTE = 2, STATE = 3, UID = 7, COLUMNS };

static const char established[] = "01";

static in_port_t port_in(const char *column)
{
	const char *colon = strchr(column, ':');

	return colon ? htons((in_port_t)strtol(colon + 1, NULL, 16)) : 0;
}

/* Splits a line, writing to it; false when it has fewer columns. */
static bool split(char *line, const char *columns[COLUMNS])
{
	char *rest = NULL;

	for (int i = 0; i < COLUMNS; i++) {
		columns[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
		if (!columns[i]) {
			return false;
		}
	}
	return true;
}

/* Looks for the end in a table: counts those that are ours, and those of others. */
static void count(
	const char *table, const struct connection_end *end, unsigned *ours, unsigned *others)
{
	FILE *file = fopen(table, "re");
	char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) >= 0) {
		const char *columns[COLUMNS];

		if (!split(line, columns) || strcmp(columns[STATE], established) != 0 ||
			port_in(columns[LOCAL]) != port_of(&end->local) ||
			port_in(columns[REMOTE]) != port_of(&end->remote)) {
			continue;
		}
		if (is_our_uid((uid_t)strtoul(columns[UID], NULL, 10))) {
			(*ours)++;
		} else {
			(*others)++;
		}
	}
	free(line);
	if (file) {
		fclose(file);
	}
}

static bool look_up(const struct connection_end *end)
{
	unsigned ours = 0, others = 0;

	/* A program that speaks IPv6 alone reaches 127.0.0.1 too, and stands in the second one. */
	count("/proc/net/tcp", end, &ours, &others);
	count("/proc/net/tcp6", end, &ours, &others);
	return ours > 0 && others == 0;
}

bool owner_is_ours(int fd)
{
	struct connection_end end = {0};
	socklen_t local_len = sizeof(end.local), remote_len = sizeof(end.remote);
	bool ours;

	if (getpeername(fd, &end.local.any, &local_len) < 0 ||
		getsockname(fd, &end.remote.any, &remote_len) < 0) {
		return false;
	}
	return ask_kernel(&end, &ours) ? ours : look_up(&end);
}
