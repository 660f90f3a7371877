/*
 * How a message looks: one line of text or one JSON object, escaped and cut to a size. It does not
 * know where the line goes. Text from outside may stand in a message, for what is not printable
 * UTF-8 is written as \xNN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum log_level {
	LOG_LEVEL_NONE, /* nothing but errors of the daemon itself */
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE,
};

enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

/* One request and its answer, with no secret in it any more. */
struct log_exchange {
	const char *method, *url;
	int status; /* 0: no answer came */
	int64_t duration_ms;
	/* "Name: value" each, NULL behind the last; NULL: not told. */
	const char *const *request_headers, *const *response_headers;
	const char *request_body, *response_body; /* NULL: not told */
};

/* All is borrowed. */
struct log_record {
	enum log_level level;
	struct timespec time;
	const char *profile;                 /* NULL: it is about none */
	const char *message;                 /* without a newline */
	const char *correlation_id;          /* of an answer, "" where it had none; NULL: it is
						about none */
	const struct log_exchange *exchange; /* NULL: it is about none */
};

enum {
	LOG_LINE_MIN = 1024,      /* bytes that a line may take at least */
	LOG_LINE_MAX = 16 * 1024, /* and at most */
};

/* By name ("error", …; "text", "json"); false when there is none such. */
bool log_level_find(const char *name, enum log_level *ret_level);
bool log_format_find(const char *name, enum log_format *ret_format);

/*
 * Writes the record as a line with its newline to dst, which holds size bytes (LOG_LINE_MIN to
 * LOG_LINE_MAX); what is too long is cut and ends with "…". For the journal a line of text begins
 * with its priority (sd-daemon(3)) in the place of the time. Returns the length; no NUL is added.
 */
size_t log_line_write(char *dst, size_t size, enum log_format format, bool journal,
	const struct log_record *record);
