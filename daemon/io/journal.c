#include "journal.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NUMBER_SIZE = sizeof("-9223372036854775808") };

void journal_entry_init(struct journal_entry *entry)
{
	entry->len = 0;
	entry->full = false;
}

static void put(struct journal_entry *entry, const void *bytes, size_t len)
{
	if (entry->full || len > sizeof(entry->bytes) - entry->len) {
		entry->full = true;
		return;
	}
	memcpy(entry->bytes + entry->len, bytes, len);
	entry->len += len;
}

void journal_add(struct journal_entry *entry, const char *name, const char *value, size_t len)
{
	put(entry, name, strlen(name));
	if (memchr(value, '\n', len)) {
		uint64_t size = htole64(len);

		put(entry, "\n", 1);
		put(entry, &size, sizeof(size));
	} else {
		put(entry, "=", 1);
	}
	put(entry, value, len);
	put(entry, "\n", 1);
}

void journal_add_number(struct journal_entry *entry, const char *name, int64_t value)
{
	char text[NUMBER_SIZE];

	journal_add(entry, name, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, value));
}

void journal_add_text(struct journal_entry *entry, const char *name, const char *value)
{
	if (value) {
		journal_add(entry, name, value, strlen(value));
	}
}

int journal_send(const struct journal_entry *entry)
{
	static const struct sockaddr_un address = {AF_UNIX, JOURNAL_SOCKET};
	static int fd = -1;

	if (entry->full) {
		return -EMSGSIZE;
	}
	if (fd < 0) {
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	/* Not connected, so that a socket that journald makes anew is found. */
	if (fd < 0 || sendto(fd, entry->bytes, entry->len, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&address, sizeof(address)) < 0) {
		return -errno;
	}
	return 0;
}
