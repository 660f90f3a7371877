#include "log_fields.h"

#include "journal.h"

static const char *const message_ids[LOG_EVENT_KINDS] = {
#define X(symbol, name, message_id) [LOG_EVENT_##symbol] = (message_id),
	LOG_EVENT_LIST(X)
#undef X
};

static void add_message(
	struct journal_entry *entry, enum log_format format, const struct log_record *record)
{
	char line[LOG_LINE_MAX];
	size_t len = log_line_write(line, sizeof(line), format, LOG_LINE_BARE, record);

	journal_add(entry, "MESSAGE", line, len - 1);
}

static void add_peer(struct journal_entry *entry, const struct log_peer *peer)
{
	journal_add_number(entry, "PEER_UID", peer->uid);
	if (peer->pid > 0) {
		journal_add_number(entry, "PEER_PID", peer->pid);
	}
	journal_add_text(entry, "PEER_UNIT", peer->unit);
}

static void add_exchange(struct journal_entry *entry, const struct log_exchange *exchange)
{
	journal_add_text(entry, "HTTP_METHOD", exchange->method);
	journal_add_text(entry, "HTTP_URL", exchange->url);
	if (exchange->status) {
		journal_add_number(entry, "HTTP_STATUS", exchange->status);
	}
	journal_add_number(entry, "HTTP_DURATION_MS", exchange->duration_ms);
}

void log_fields_add(
	struct journal_entry *entry, enum log_format format, const struct log_record *record)
{
	const struct log_event *event = record->event;

	add_message(entry, format, record);
	journal_add_number(entry, "PRIORITY", log_level_priority(event->level));
	journal_add_text(entry, "SYSLOG_IDENTIFIER", "gctokend");
	journal_add_text(entry, "MESSAGE_ID", message_ids[event->kind]);
	journal_add_text(entry, "PROFILE", event->profile);
	journal_add_text(entry, "ENDPOINT", event->endpoint);
	journal_add_text(entry, "ERROR_CODE", event->error_code);
	if (event->correlation_id && *event->correlation_id) {
		journal_add_text(entry, "CORRELATION_ID", event->correlation_id);
	}
	if (event->peer) {
		add_peer(entry, event->peer);
	}
	if (event->exchange) {
		add_exchange(entry, event->exchange);
	}
}
