#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "proto/escape.h"

enum { US_PER_S = 1000000, US_PER_MS = 1000, NS_PER_US = 1000 };

static const char environment[] = "NOTIFY_SOCKET";

bool notify_enabled(void)
{
	return getenv(environment);
}

/* A path, or an abstract name behind "@" (sd_notify(3)). Returns the length, or 0. */
static socklen_t address_of(const char *name, struct sockaddr_un *address)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len >= sizeof(address->sun_path)) {
		return 0;
	}
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, name, len);
	if (name[0] == '@') {
		address->sun_path[0] = '\0';
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	}
	return sizeof(*address);
}

int notify_send(const char *message, int fd)
{
	const char *name = getenv(environment);
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct sockaddr_un address;
	struct iovec text = {.iov_base = (char *)message, .iov_len = strlen(message)};
	struct msghdr packet = {.msg_name = &address, .msg_iov = &text, .msg_iovlen = 1};
	int socket_fd, error;

	if (!name) {
		return 0;
	}
	packet.msg_namelen = address_of(name, &address);
	if (packet.msg_namelen == 0) {
		return -EAFNOSUPPORT;
	}
	if (fd >= 0) {
		packet.msg_control = control.bytes;
		packet.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (socket_fd < 0) {
		return -errno;
	}
	error = sendmsg(socket_fd, &packet, MSG_NOSIGNAL) < 0 ? errno : 0;
	close(socket_fd);
	return -error;
}

int notify_ready(void)
{
	return notify_send("READY=1", -1);
}

int notify_reloading(void)
{
	char message[64];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / NS_PER_US);
	return notify_send(message, -1);
}

int notify_stopping(void)
{
	return notify_send("STOPPING=1", -1);
}

/* The manager takes one line of UTF-8. Text that is too long ends between two characters. */
static void make_readable(char *text, bool cut)
{
	const unsigned char *end = (unsigned char *)text + strlen(text);
	size_t len;

	for (unsigned char *at = (unsigned char *)text; at < end; at += len) {
		len = 1;
		if (*at < ' ' || *at == 0x7f) {
			*at = ' ';
		} else if (*at >= 0x80) {
			len = escape_utf8_length(at, end);
			if (len == 0) {
				*at = cut && end - at < ESCAPE_CHARACTER_MAX ? '\0' : '?';
				len = 1;
			}
		}
	}
}

int notify_status(const char *format, ...)
{
	static const char head[] = "STATUS=", more[] = "…";
	char message[sizeof(head) + NOTIFY_STATUS_MAX + sizeof(more)];
	char *text = message + strlen(head);
	va_list arguments;
	bool cut;

	memcpy(message, head, sizeof(head));
	va_start(arguments, format);
	cut = vsnprintf(text, NOTIFY_STATUS_MAX + 1, format, arguments) > NOTIFY_STATUS_MAX;
	va_end(arguments);
	make_readable(text, cut);
	if (cut) {
		memcpy(text + strlen(text), more, sizeof(more));
	}
	return notify_send(message, -1);
}

int64_t notify_watchdog_interval(void)
{
	uint64_t us = 0;

	if (!notify_enabled() || sd_watchdog_enabled(false, &us) <= 0) {
		return 0;
	}
	return us < US_PER_MS ? 1 : (int64_t)(us / US_PER_MS);
}

int notify_watchdog(void)
{
	return notify_send("WATCHDOG=1", -1);
}
