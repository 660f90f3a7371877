/*
 * Messages for the operator, one line each, on standard error: text or JSON, each with its level.
 * It does not know secrets: no call takes one. Text from outside may stand in a message, for what
 * is not printable UTF-8 is written as \xNN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_LEVEL_NONE, /* nothing but errors that end the daemon */
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

/* By name ("error", …; "text", "json"); false when there is none such. */
bool log_level_find(const char *name, enum log_level *ret_level);
bool log_format_find(const char *name, enum log_format *ret_format);

/* What is written from now on. */
void log_setup(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

/* One message, without a newline; one too long for a line is cut and ends with "…". profile is the
 * profile that it is about, or NULL. Never waits for a full pipe: such a message is dropped. */
void log_message(enum log_level level, const char *profile, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...)   log_message(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)
