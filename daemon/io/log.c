#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <time.h>
#include <unistd.h>

#include "proto/escape.h"

enum {
	LINE_MAX_LEN = 4096, /* bytes with the newline: what a pipe takes whole (pipe(7)) */
	TIME_SIZE = sizeof("2026-11-21T18:00:00.000Z"),
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

static const char *const format_names[] = {
	[LOG_FORMAT_TEXT] = "text",
	[LOG_FORMAT_JSON] = "json",
};

static enum log_level max_level = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_TEXT;

/* One line in the making. */
struct line {
	char bytes[LINE_MAX_LEN];
	size_t len;
	size_t limit; /* what may be used now; the rest is for the end of the line */
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

void log_setup(enum log_level level, enum log_format format)
{
	max_level = level;
	line_format = format;
}

bool log_enabled(enum log_level level)
{
	return level <= max_level || level == LOG_LEVEL_ERROR;
}

/* sd-daemon(3), systemd.exec(5): the journal is there if the variable names what stderr is. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[sizeof("18446744073709551615:18446744073709551615")];
	struct stat status;

	if (!stream || fstat(STDERR_FILENO, &status)) {
		return false;
	}
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	return !strcmp(stream, own);
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

static bool line_add(struct line *line, const char *bytes, size_t len)
{
	if (len > line->limit - line->len) {
		return false;
	}
	memcpy(line->bytes + line->len, bytes, len);
	line->len += len;
	return true;
}

static void line_add_text(struct line *line, const char *text)
{
	line_add(line, text, strlen(text));
}

/* Adds text from anywhere: what is not a printable character of UTF-8 as \xNN, and for JSON with
 * its own escapes (RFC 8259 section 7). False when it did not fit. */
static bool line_add_escaped(struct line *line, const char *text, enum log_format format)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = strlen(text);
	const char *backslash = format == LOG_FORMAT_JSON ? "\\\\" : "\\";
	char escape[sizeof("\\\\xNN")];

	while (len) {
		size_t character = character_len(at, len);
		bool fits;

		if (!character || is_control(at, character)) {
			character = 1;
			snprintf(escape, sizeof(escape), "%sx%02x", backslash, *at);
			fits = line_add(line, escape, strlen(escape));
		} else if (format == LOG_FORMAT_JSON && (*at == '"' || *at == '\\')) {
			fits = line_add(line, (char[]){'\\', (char)*at}, 2);
		} else {
			fits = line_add(line, (const char *)at, character);
		}
		if (!fits) {
			return false;
		}
		at += character;
		len -= character;
	}
	return true;
}

/* ISO 8601, UTC, milliseconds. */
static void format_time(char text[TIME_SIZE])
{
	struct timespec now;
	struct tm parts;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	len = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + len, TIME_SIZE - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

static void line_begin(struct line *line, enum log_level level, const char *profile)
{
	char time_text[TIME_SIZE];
	char prefix[sizeof("<7>")];

	if (line_format == LOG_FORMAT_TEXT && stderr_is_journal()) {
		snprintf(prefix, sizeof(prefix), "<%d>", priorities[level]);
		line_add_text(line, prefix);
	} else {
		format_time(time_text);
		line_add_text(line, line_format == LOG_FORMAT_JSON ? "{\"time\":\"" : "");
		line_add_text(line, time_text);
		line_add_text(line, line_format == LOG_FORMAT_JSON ? "\",\"level\":\"" : " ");
	}
	line_add_text(line, level_names[level]);
	if (profile) {
		line_add_text(
			line, line_format == LOG_FORMAT_JSON ? "\",\"profile\":\"" : ": profile ");
		line_add_escaped(line, profile, line_format);
	}
	line_add_text(line, line_format == LOG_FORMAT_JSON ? "\",\"message\":\"" : ": ");
}

void log_message(enum log_level level, const char *profile, const char *format, ...)
{
	const char *end = line_format == LOG_FORMAT_JSON ? "\"}\n" : "\n";
	char message[LINE_MAX_LEN];
	struct line line;
	struct pollfd stderr_poll = {.fd = STDERR_FILENO, .events = POLLOUT};
	va_list arguments;

	if (!log_enabled(level)) {
		return;
	}
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);

	line.len = 0;
	line.limit = sizeof(line.bytes) - strlen(ellipsis) - strlen(end);
	line_begin(&line, level, profile);
	if (!line_add_escaped(&line, message, line_format)) {
		line.limit += strlen(ellipsis);
		line_add_text(&line, ellipsis);
	}
	line.limit = sizeof(line.bytes);
	line_add_text(&line, end);

	/* What is ready for writing takes a line without blocking; what is not is not waited for.
	 */
	if (poll(&stderr_poll, 1, 0) == 1 &&
		write(STDERR_FILENO, line.bytes, line.len) != (ssize_t)line.len) {
		return;
	}
}
