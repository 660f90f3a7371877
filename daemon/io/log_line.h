/*
 * How a message looks: one line of text or one JSON object, escaped and cut to a size. It does not
 * know where the line goes. Text from outside may stand in a message, for what is not printable
 * UTF-8 is written as \xNN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "log_event.h"

enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

/* All is borrowed. */
struct log_record {
	const struct log_event *event;
	const char *message; /* without a newline */
	struct timespec time;
};

/* What a line of text begins with; one of JSON has the time in any case. */
enum log_line_start {
	LOG_LINE_TIME,
	LOG_LINE_PRIORITY, /* for the journal, by sd-daemon(3) */
	LOG_LINE_BARE,     /* nothing: both are told in another way */
};

enum {
	LOG_LINE_MIN = 1024,      /* bytes that a line may take at least */
	LOG_LINE_MAX = 16 * 1024, /* and at most */
};

/* By name ("error", …; "text", "json"); false when there is none such. */
bool log_level_find(const char *name, enum log_level *ret_level);
bool log_format_find(const char *name, enum log_format *ret_format);

/* As syslog(3) counts it. */
int log_level_priority(enum log_level level);

/*
 * Writes the record as a line with its newline to dst, which holds size bytes (LOG_LINE_MIN to
 * LOG_LINE_MAX); what is too long is cut and ends with "…". Returns the length; no NUL is added.
 */
size_t log_line_write(char *dst, size_t size, enum log_format format, enum log_line_start start,
	const struct log_record *record);
