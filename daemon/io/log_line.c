#include "log_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syslog.h>

#include "proto/escape.h"

enum {
	TIME_SIZE = sizeof("2026-11-21T18:00:00.000Z"),
	NUMBER_SIZE = sizeof("-9223372036854775808"),
	ENDS_LEN = sizeof(",\"…\"]}\n") - 1, /* what is kept free to end a line that is full */
};

static const char ellipsis[] = "…";

static const char *const level_names[] = {
	[LOG_LEVEL_NONE] = "none",
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_TRACE] = "trace",
};

static const int priorities[] = {
	[LOG_LEVEL_ERROR] = LOG_ERR,
	[LOG_LEVEL_WARNING] = LOG_WARNING,
	[LOG_LEVEL_INFO] = LOG_INFO,
	[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	[LOG_LEVEL_TRACE] = LOG_DEBUG,
};

static const char *const event_names[LOG_EVENT_KINDS] = {
#define X(symbol, name, message_id) [LOG_EVENT_##symbol] = (name),
	LOG_EVENT_LIST(X)
#undef X
};

static const char *const format_names[] = {
	[LOG_FORMAT_TEXT] = "text",
	[LOG_FORMAT_JSON] = "json",
};

/* One line in the making. What does not fit ends it: everything after that is dropped. */
struct line {
	char *bytes;
	size_t len, limit;
	bool full;
	enum log_format format;
};

#define N_ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

bool log_level_find(const char *name, enum log_level *ret_level)
{
	for (size_t i = 0; i < N_ELEMENTS(level_names); i++) {
		if (!strcmp(name, level_names[i])) {
			*ret_level = i;
			return true;
		}
	}
	return false;
}

bool log_format_find(const char *name, enum log_format *ret_format)
{
	for (size_t i = 0; i < N_ELEMENTS(format_names); i++) {
		if (!strcmp(name, format_names[i])) {
			*ret_format = i;
			return true;
		}
	}
	return false;
}

int log_level_priority(enum log_level level)
{
	return priorities[level];
}

/* The length of the UTF-8 character at text, 0 when there is none. */
static size_t character_len(const unsigned char *text, size_t len)
{
	size_t character = *text < 0x80 ? 1 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;

	return character <= len && escape_is_utf8((const char *)text, character) ? character : 0;
}

/* C0, DEL and C1, which terminals obey. */
static bool is_control(const unsigned char *text, size_t character)
{
	return character == 1 ? *text < 0x20 || *text == 0x7f
			      : character == 2 && *text == 0xc2 && text[1] < 0xa0;
}

/* Adds all of the bytes or none. */
static void add(struct line *line, const char *bytes, size_t len)
{
	if (line->full || len > line->limit - line->len) {
		line->full = true;
		return;
	}
	memcpy(line->bytes + line->len, bytes, len);
	line->len += len;
}

static void add_text(struct line *line, const char *text)
{
	add(line, text, strlen(text));
}

static void add_number(struct line *line, int64_t number)
{
	char text[NUMBER_SIZE];

	snprintf(text, sizeof(text), "%" PRId64, number);
	add_text(line, text);
}

/* Adds text from anywhere: what is not a printable character of UTF-8 as \xNN, and for JSON with
 * its own escapes (RFC 8259 section 7). */
static void add_escaped(struct line *line, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = strlen(text);
	bool json = line->format == LOG_FORMAT_JSON;
	char escape[sizeof("\\\\xNN")];

	while (len && !line->full) {
		size_t character = character_len(at, len);

		if (!character || is_control(at, character)) {
			character = 1;
			snprintf(escape, sizeof(escape), "%sx%02x", json ? "\\\\" : "\\", *at);
			add_text(line, escape);
		} else if (json && (*at == '"' || *at == '\\')) {
			add(line, (char[]){'\\', (char)*at}, 2);
		} else {
			add(line, (const char *)at, character);
		}
		at += character;
		len -= character;
	}
}

/* ISO 8601, UTC, milliseconds. */
static void add_time(struct line *line, const struct timespec *time)
{
	char text[TIME_SIZE];
	struct tm parts;
	size_t len;

	gmtime_r(&time->tv_sec, &parts);
	len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + len, sizeof(text) - len, ".%03dZ", (int)(time->tv_nsec / 1000000));
	add_text(line, text);
}

/* ---- text */

static void add_headers(struct line *line, const char *title, const char *const *headers)
{
	const char *before = title;

	for (; headers && *headers; headers++) {
		add_text(line, before);
		add_escaped(line, *headers);
		before = " | ";
	}
}

static void add_body(struct line *line, const char *title, const char *body)
{
	if (body) {
		add_text(line, title);
		add_escaped(line, body);
	}
}

static void add_start(struct line *line, enum log_line_start start, const struct log_record *record)
{
	char prefix[sizeof("<7>")];

	switch (start) {
	case LOG_LINE_TIME:
		add_time(line, &record->time);
		add_text(line, " ");
		break;
	case LOG_LINE_PRIORITY:
		snprintf(prefix, sizeof(prefix), "<%d>", priorities[record->event->level]);
		add_text(line, prefix);
		break;
	case LOG_LINE_BARE:
		break;
	}
}

static void write_text(
	struct line *line, enum log_line_start start, const struct log_record *record)
{
	const struct log_event *event = record->event;
	const struct log_exchange *exchange = event->exchange;

	add_start(line, start, record);
	add_text(line, level_names[event->level]);
	if (event->profile) {
		add_text(line, ": profile ");
		add_escaped(line, event->profile);
	}
	add_text(line, ": ");
	add_escaped(line, record->message);
	if (event->correlation_id) {
		add_text(line, " (correlation id ");
		add_escaped(line, *event->correlation_id ? event->correlation_id : "none");
		add_text(line, ")");
	}
	if (exchange) {
		add_headers(line, "; request headers: ", exchange->request_headers);
		add_body(line, "; request body: ", exchange->request_body);
		add_headers(line, "; response headers: ", exchange->response_headers);
		add_body(line, "; response body: ", exchange->response_body);
	}
	if (line->full) {
		line->limit += ENDS_LEN;
		line->full = false;
		add_text(line, ellipsis);
	}
}

/* ---- JSON */

/* Begins a member; false when there is no room for it, so that it is left out. */
static bool begin_member(struct line *line, const char *name, const char *opening)
{
	size_t before = line->len;

	add_text(line, ",\"");
	add_text(line, name);
	add_text(line, "\":");
	add_text(line, opening);
	if (line->full) {
		line->len = before;
	}
	return !line->full;
}

/* Ends a member: with cut where it did not fit, in the room that was kept for that. */
static void end_member(struct line *line, const char *whole, const char *cut)
{
	size_t limit = line->limit;
	bool full = line->full;

	line->limit += ENDS_LEN;
	line->full = false;
	add_text(line, full ? cut : whole);
	line->limit = limit;
	line->full = full || line->len > limit;
}

static void add_string(struct line *line, const char *name, const char *value)
{
	if (value && begin_member(line, name, "\"")) {
		add_escaped(line, value);
		end_member(line, "\"", "…\"");
	}
}

/* A number that does not fit as a whole is left out. */
static void add_integer(struct line *line, const char *name, int64_t value)
{
	size_t before = line->len;

	if (begin_member(line, name, "")) {
		add_number(line, value);
		line->len = line->full ? before : line->len;
	}
}

static void add_list(struct line *line, const char *name, const char *const *values)
{
	const char *before = "\"";

	if (!values || !begin_member(line, name, "[")) {
		return;
	}
	for (; *values; values++) {
		size_t len = line->len;

		add_text(line, before);
		add_escaped(line, *values);
		add_text(line, "\"");
		if (line->full) {
			line->len = len;
			break;
		}
		before = ",\"";
	}
	end_member(line, "]", *before == ',' ? ",\"…\"]" : "\"…\"]");
}

static void add_peer(struct line *line, const struct log_peer *peer)
{
	add_integer(line, "peerUid", peer->uid);
	if (peer->pid > 0) {
		add_integer(line, "peerPid", peer->pid);
	}
	add_string(line, "peerUnit", peer->unit);
}

static void write_json(struct line *line, const struct log_record *record)
{
	const struct log_event *event = record->event;
	const struct log_exchange *exchange = event->exchange;

	add_text(line, "{\"time\":\"");
	add_time(line, &record->time);
	add_text(line, "\"");
	add_string(line, "level", level_names[event->level]);
	add_string(line, "event", event_names[event->kind]);
	add_string(line, "profile", event->profile);
	add_string(line, "endpoint", event->endpoint);
	if (event->peer) {
		add_peer(line, event->peer);
	}
	add_string(line, "errorCode", event->error_code);
	if (event->correlation_id && *event->correlation_id) {
		add_string(line, "correlationId", event->correlation_id);
	}
	if (exchange) {
		add_string(line, "method", exchange->method);
		add_string(line, "url", exchange->url);
		if (exchange->status) {
			add_integer(line, "status", exchange->status);
		}
		add_integer(line, "durationMs", exchange->duration_ms);
	}
	add_string(line, "message", record->message);
	if (exchange) {
		add_list(line, "requestHeaders", exchange->request_headers);
		add_string(line, "requestBody", exchange->request_body);
		add_list(line, "responseHeaders", exchange->response_headers);
		add_string(line, "responseBody", exchange->response_body);
	}
	line->limit += ENDS_LEN;
	line->full = false;
	add_text(line, "}");
}

size_t log_line_write(char *dst, size_t size, enum log_format format, enum log_line_start start,
	const struct log_record *record)
{
	struct line line = {.bytes = dst, .limit = size - ENDS_LEN, .format = format};

	if (format == LOG_FORMAT_JSON) {
		write_json(&line, record);
	} else {
		write_text(&line, start, record);
	}
	dst[line.len++] = '\n';
	return line.len;
}
