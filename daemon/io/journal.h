/*
 * Entries of the journal, sent to systemd-journald by its native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). It does not know what is told in them. It never
 * waits, which libsystemd's sd_journal_sendv() does where journald does not read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

enum { JOURNAL_ENTRY_MAX = 32 * 1024 /* bytes; any socket takes that many at once */ };

/* One entry in the making. */
struct journal_entry {
	size_t len;
	bool full; /* a field did not fit, so that it cannot be sent */
	char bytes[JOURNAL_ENTRY_MAX];
};

void journal_entry_init(struct journal_entry *entry);

/* Add a field (systemd.journal-fields(7)); value may be any bytes, line breaks too. */
void journal_add(struct journal_entry *entry, const char *name, const char *value, size_t len);
void journal_add_number(struct journal_entry *entry, const char *name, int64_t value);

/* The same; value is NULL where there is nothing to add. */
void journal_add_text(struct journal_entry *entry, const char *name, const char *value);

/*
 * Sends the entry, as a whole or not at all. Returns 0, or a negative errno: -EMSGSIZE when it is
 * too large, -EAGAIN when journald does not read as fast, -ENOENT or -ECONNREFUSED when it is not
 * there. The socket is opened by the first call and kept.
 */
int journal_send(const struct journal_entry *entry);
