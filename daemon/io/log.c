#include "log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"
#include "log_fields.h"
#include "log_file.h"

enum {
	CONSOLE_LINE_MAX = 4096, /* bytes with the newline: what a pipe takes whole (pipe(7)) */
	MESSAGE_SIZE = CONSOLE_LINE_MAX,
};

static enum log_level max_level = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_TEXT;
static bool console = true;
static struct log_file file = LOG_FILE_NONE;

void log_setup(const char *level, const char *format)
{
	max_level = LOG_LEVEL_INFO;
	line_format = LOG_FORMAT_TEXT;
	if (level) {
		log_level_find(level, &max_level);
	}
	if (format) {
		log_format_find(format, &line_format);
	}
}

bool log_enabled(enum log_level level)
{
	return level <= max_level || level == LOG_LEVEL_ERROR;
}

bool log_enabled_exchange(bool failed)
{
	return max_level >= (failed ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG);
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

static bool write_journal(const struct log_record *record)
{
	struct journal_entry entry;

	journal_entry_init(&entry);
	log_fields_add(&entry, line_format, record);
	return journal_send(&entry) == 0;
}

static void write_stderr(enum log_line_start start, const struct log_record *record)
{
	struct pollfd stderr_poll = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[CONSOLE_LINE_MAX];
	size_t len = log_line_write(line, sizeof(line), line_format, start, record);

	/* What is ready for writing takes a line without blocking; what is not is not waited for.
	 */
	if (poll(&stderr_poll, 1, 0) == 1 && write(STDERR_FILENO, line, len) != (ssize_t)len) {
		return;
	}
}

static void write_console(const struct log_record *record)
{
	if (!stderr_is_journal()) {
		write_stderr(LOG_LINE_TIME, record);
	} else if (!write_journal(record)) {
		write_stderr(LOG_LINE_PRIORITY, record);
	}
}

static int write_file(const struct log_record *record)
{
	char line[LOG_LINE_MAX];

	return log_file_write(&file, line,
		log_line_write(line, sizeof(line), line_format, LOG_LINE_TIME, record));
}

static const struct log_event file_trouble = {.level = LOG_LEVEL_WARNING};

/* What is wrong with the file is told on standard error, wherever other messages go. */
__attribute__((format(printf, 1, 2))) static void warn_console(const char *format, ...)
{
	char message[MESSAGE_SIZE];
	struct log_record record = {.event = &file_trouble, .message = message};
	va_list arguments;

	if (!log_enabled(LOG_LEVEL_WARNING)) {
		return;
	}
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	clock_gettime(CLOCK_REALTIME, &record.time);
	write_console(&record);
}

/* again: it was not open before, and that has been told. */
static void open_file(bool again)
{
	char why[LOG_FILE_WHY_SIZE];

	switch (log_file_open(&file, why)) {
	case LOG_FILE_OPENED:
		break;
	case LOG_FILE_TIGHTENED:
		warn_console("log_file_path: %s: %s", file.path, why);
		break;
	case LOG_FILE_REFUSED:
		if (!again) {
			warn_console("log_file_path: %s cannot be opened, so messages go to "
				     "standard error: %s",
				file.path, why);
		}
		break;
	}
}

void log_setup_outputs(bool to_console, const char *file_path)
{
	bool same = file_path && file.path && !strcmp(file_path, file.path);

	console = to_console;
	if (same) {
		return;
	}
	if (!log_file_set(&file, file_path)) {
		warn_console("no memory to open %s", file_path);
	} else if (file_path) {
		open_file(false);
	}
}

void log_reopen(void)
{
	if (file.path) {
		open_file(false);
	}
}

/* Tells in the file how many lines it lacks; false when it does not take that either. */
static bool tell_lost(const struct timespec *time)
{
	char message[sizeof("18446744073709551615 messages were lost here: the file could not be "
			    "written")];
	struct log_record record = {.event = &file_trouble, .message = message, .time = *time};

	snprintf(message, sizeof(message),
		"%" PRIu64 " message%s lost here: the file could not be written", file.lost,
		file.lost == 1 ? " was" : "s were");
	if (write_file(&record)) {
		return false;
	}
	file.lost = 0;
	return true;
}

static void keep(const struct log_record *record)
{
	int r = 0;

	if (file.lost && !tell_lost(&record->time)) {
		file.lost++;
		return;
	}
	r = write_file(record);
	if (r < 0) {
		file.lost = 1;
		warn_console("%s cannot be written, so messages are missing there: %s", file.path,
			strerror(-r));
	}
}

__attribute__((format(printf, 2, 0))) static void emit(
	const struct log_event *event, const char *format, va_list arguments)
{
	char message[MESSAGE_SIZE];
	struct log_record record = {.event = event, .message = message};

	vsnprintf(message, sizeof(message), format, arguments);
	clock_gettime(CLOCK_REALTIME, &record.time);
	if (file.path && log_file_stale(&file)) {
		open_file(file.fd < 0);
	}
	if (file.fd >= 0) {
		keep(&record);
	}
	if (console || (file.path ? file.fd < 0 : event->level == LOG_LEVEL_ERROR)) {
		write_console(&record);
	}
}

void log_message(enum log_level level, const char *profile, const char *format, ...)
{
	va_list arguments;

	if (log_enabled(level)) {
		va_start(arguments, format);
		emit(&(struct log_event){.level = level, .profile = profile}, format, arguments);
		va_end(arguments);
	}
}

void log_event(const struct log_event *event, const char *format, ...)
{
	va_list arguments;

	if (log_enabled(event->level)) {
		va_start(arguments, format);
		emit(event, format, arguments);
		va_end(arguments);
	}
}

void log_exchange(bool failed, const char *profile, const char *correlation_id,
	const struct log_exchange *exchange, const char *format, ...)
{
	struct log_event event = {
		.level = failed ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG,
		.kind = LOG_EVENT_EXCHANGE,
		.profile = profile,
		.correlation_id = correlation_id,
		.exchange = exchange,
	};
	va_list arguments;

	if (log_enabled_exchange(failed)) {
		va_start(arguments, format);
		emit(&event, format, arguments);
		va_end(arguments);
	}
}
