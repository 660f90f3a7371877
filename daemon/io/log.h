/*
 * Messages for the operator, one line each, on standard error or in the journal, and in a file. It
 * does not know secrets: no call takes one, and an exchange with a server is given to it when
 * nothing of it is secret any more.
 */
#pragma once

#include <stdbool.h>

#include "log_line.h"

/* What is written from now on, by names that are known; NULL: info, text. So it is at first, on
 * standard error alone. */
void log_setup(const char *level, const char *format);

/*
 * Where it is written from now on: on standard error (where that is the journal, in the journal
 * with fields, or on standard error as long as journald does not take them), or in the file at
 * file_path (NULL: none), or both. A file that cannot be opened is a warning, and standard error
 * stands in for it until it can be. Where there is neither, errors go to standard error.
 */
void log_setup_outputs(bool to_console, const char *file_path);

/* Opens the file again, for it has been renamed. */
void log_reopen(void);

/* Whether messages of that level are written; those of LOG_LEVEL_ERROR always are. */
bool log_enabled(enum log_level level);

/* Whether anything of an exchange is written: of one that failed from LOG_LEVEL_ERROR on, of others
 * from LOG_LEVEL_DEBUG on. */
bool log_enabled_exchange(bool failed);

/* One message, without a newline; one too long for a line is cut and ends with "…". profile is the
 * profile that it is about, or NULL. Never waits for a full pipe: such a message is dropped. */
void log_message(enum log_level level, const char *profile, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same about an event, of event->level. */
void log_event(const struct log_event *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* An exchange, for which log_enabled_exchange() was true; one that failed is of LOG_LEVEL_ERROR,
 * another of LOG_LEVEL_DEBUG. */
void log_exchange(bool failed, const char *profile, const char *correlation_id,
	const struct log_exchange *exchange, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#define log_error(...)   log_message(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)
