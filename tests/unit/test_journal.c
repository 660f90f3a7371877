#include "io/journal.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cases.h"
#include "io/log.h"

enum { FIELDS_MAX = 32 };

/* A field of the entry that came last; name and value point into it. */
struct field {
	const char *name;
	size_t name_len;
	const char *value;
	size_t len;
};

static struct sockaddr_un place = {AF_UNIX, ""};
static char directory[] = "/tmp/gctokend-journal-XXXXXX";
static int journald, pipe_fds[2];
static char received[JOURNAL_ENTRY_MAX], written[8192];
static struct field fields[FIELDS_MAX];
static size_t n_fields;

ssize_t __real_sendto(int fd, const void *bytes, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len);
ssize_t __wrap_sendto(int fd, const void *bytes, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len);

/* What is for the journal goes to the test. */
ssize_t __wrap_sendto(int fd, const void *bytes, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len)
{
	ck_assert_str_eq(((const struct sockaddr_un *)address)->sun_path, JOURNAL_SOCKET);
	return __real_sendto(fd, bytes, len, flags, (const struct sockaddr *)&place, sizeof(place));
}

static void start_journald(void)
{
	journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(journald, 0);
	ck_assert_int_eq(bind(journald, (const struct sockaddr *)&place, sizeof(place)), 0);
}

static void stop_journald(void)
{
	close(journald);
	unlink(place.sun_path);
}

/* Standard error is a pipe, and named as the journal's. */
static void set_up(void)
{
	struct stat status;
	char stream[64];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(place.sun_path, sizeof(place.sun_path), "%s/socket", directory);
	ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_ge(dup2(pipe_fds[1], STDERR_FILENO), 0);
	fstat(STDERR_FILENO, &status);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		(unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup("info", "text");
	start_journald();
}

static void tear_down(void)
{
	stop_journald();
	rmdir(directory);
}

/* What came to standard error since. */
static const char *captured(void)
{
	ssize_t n = read(pipe_fds[0], written, sizeof(written) - 1);

	written[n > 0 ? n : 0] = '\0';
	return written;
}

/* Takes a field of either form from the entry; what is behind it. */
static const char *parse(const char *at, const char *end)
{
	struct field *field = &fields[n_fields++];
	uint64_t len;

	ck_assert_uint_le(n_fields, FIELDS_MAX);
	field->name = at;
	field->name_len = strcspn(at, "=\n");
	at += field->name_len;
	if (*at++ == '=') {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		ck_assert_ptr_nonnull(newline);
		len = (uint64_t)(newline - at);
	} else {
		memcpy(&len, at, sizeof(len));
		len = le64toh(len);
		at += sizeof(len);
	}
	field->value = at;
	field->len = len;
	ck_assert_int_eq(at[len], '\n');
	return at + len + 1;
}

/* Takes the next entry; false when none came. */
static bool receive(void)
{
	ssize_t n = recv(journald, received, sizeof(received), 0);

	n_fields = 0;
	if (n <= 0) {
		return false;
	}
	for (const char *at = received, *end = received + n; at < end;) {
		at = parse(at, end);
	}
	return true;
}

static const struct field *find(const char *name)
{
	for (size_t i = 0; i < n_fields; i++) {
		if (strlen(name) == fields[i].name_len &&
			strncmp(fields[i].name, name, fields[i].name_len) == 0) {
			return &fields[i];
		}
	}
	return NULL;
}

static void assert_field(const char *name, const char *value)
{
	const struct field *field = find(name);

	ck_assert_msg(field, "no %s", name);
	ck_assert_msg(field->len == strlen(value) && !memcmp(field->value, value, field->len),
		"%s is %.*s", name, (int)field->len, field->value);
}

START_TEST(event_has_a_field_for_each_thing_that_it_is_about)
{
	log_event(&(struct log_event){.level = LOG_LEVEL_WARNING,
			  .kind = LOG_EVENT_ACCESS_DENIED,
			  .profile = "billing",
			  .endpoint = "auth.refresh",
			  .error_code = "access_denied",
			  .peer = &(struct log_peer){1001, 4711, "etl.service"}},
		"denied to %s", "you");
	ck_assert(receive());
	ck_assert_uint_eq(n_fields, 10);
	assert_field("MESSAGE", "warning: profile billing: denied to you");
	assert_field("PRIORITY", "4");
	assert_field("SYSLOG_IDENTIFIER", "gctokend");
	assert_field("MESSAGE_ID", "1c26452d8fda4615ae0dbd92ba4d1c7c");
	assert_field("PROFILE", "billing");
	assert_field("ENDPOINT", "auth.refresh");
	assert_field("ERROR_CODE", "access_denied");
	assert_field("PEER_UID", "1001");
	assert_field("PEER_PID", "4711");
	assert_field("PEER_UNIT", "etl.service");
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(message_about_nothing_has_no_other_fields)
{
	log_info("hello");
	ck_assert(receive());
	ck_assert_uint_eq(n_fields, 3);
	assert_field("MESSAGE", "info: hello");
	assert_field("PRIORITY", "6");
	log_event(&(struct log_event){.level = LOG_LEVEL_INFO,
			  .correlation_id = "",
			  .peer = &(struct log_peer){.uid = 0}},
		"no id, no pid, no unit");
	ck_assert(receive());
	ck_assert_uint_eq(n_fields, 4);
	assert_field("PEER_UID", "0");
}
END_TEST

START_TEST(exchange_has_fields_for_its_figures_and_all_in_its_message)
{
	const struct log_exchange exchange = {
		.method = "POST",
		.url = "https://login.example/oauth/token",
		.status = 503,
		.duration_ms = 12,
		.response_headers = (const char *const[]){"Date: now", NULL},
	};

	log_exchange(true, "p", "id-1", &exchange, "POST: HTTP 503");
	ck_assert(receive());
	assert_field("MESSAGE", "error: profile p: POST: HTTP 503 (correlation id id-1); response "
				"headers: Date: now");
	assert_field("CORRELATION_ID", "id-1");
	assert_field("HTTP_METHOD", "POST");
	assert_field("HTTP_URL", "https://login.example/oauth/token");
	assert_field("HTTP_STATUS", "503");
	assert_field("HTTP_DURATION_MS", "12");
	ck_assert_uint_eq(n_fields, 10);
}
END_TEST

START_TEST(json_stays_json)
{
	const struct log_event event = {LOG_LEVEL_INFO, LOG_EVENT_RELOADED, "p"};
	const struct field *message;
	cJSON *line;

	log_setup("info", "json");
	log_event(&event, "again");
	ck_assert(receive());
	assert_field("PROFILE", "p");
	assert_field("PRIORITY", "6");
	message = find("MESSAGE");
	line = cJSON_ParseWithLength(message->value, message->len);
	ck_assert_ptr_nonnull(line);
	ck_assert_str_eq(
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "event")), "reloaded");
	cJSON_Delete(line);
}
END_TEST

START_TEST(value_of_any_bytes_comes_whole_and_adds_no_field)
{
	static const char *const values[] = {
		"a\nPRIORITY=0", "\n", "\xff\xfe", "=", "", "\x1b[31m"};
	const char *value = values[_i];

	log_message(LOG_LEVEL_INFO, value, "x");
	ck_assert(receive());
	ck_assert_uint_eq(n_fields, 4);
	assert_field("PROFILE", value);
	assert_field("PRIORITY", "6");
	ck_assert_ptr_null(memchr(find("MESSAGE")->value, '\n', find("MESSAGE")->len));
}
END_TEST

START_TEST(levels_below_are_not_sent)
{
	log_event(&(struct log_event){.level = LOG_LEVEL_DEBUG}, "no");
	ck_assert(!receive());
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(priority_follows_the_level)
{
	static const struct {
		enum log_level level;
		const char *priority;
	} rows[] = {{LOG_LEVEL_ERROR, "3"}, {LOG_LEVEL_WARNING, "4"}, {LOG_LEVEL_INFO, "6"},
		{LOG_LEVEL_DEBUG, "7"}, {LOG_LEVEL_TRACE, "7"}};

	log_setup("trace", "text");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		log_message(rows[i].level, NULL, "x");
		ck_assert(receive());
		assert_field("PRIORITY", rows[i].priority);
	}
}
END_TEST

START_TEST(stderr_stands_in_where_there_is_no_journald)
{
	stop_journald();
	log_setup("trace", "text");
	log_error("one");
	log_warning("two");
	log_message(LOG_LEVEL_TRACE, "p", "three");
	ck_assert_str_eq(
		captured(), "<3>error: one\n<4>warning: two\n<7>trace: profile p: three\n");
	start_journald();
	log_error("it is back");
	ck_assert(receive());
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(stderr_stands_in_where_journald_does_not_read)
{
	int sent = 0;

	do {
		log_info("message %d", ++sent);
		ck_assert_int_lt(sent, 100000);
	} while (*captured() == '\0');
	snprintf(received, sizeof(received), "<6>info: message %d\n", sent);
	ck_assert_str_eq(written, received);
	while (receive()) {
	}
	log_info("it reads again");
	ck_assert(receive());
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(stderr_stands_in_for_what_is_too_large)
{
	static char url[JOURNAL_ENTRY_MAX];
	struct log_exchange exchange = {.method = "POST", .url = url};

	memset(url, 'x', sizeof(url) - 1);
	log_exchange(true, "p", NULL, &exchange, "POST");
	ck_assert(!receive());
	ck_assert_str_eq(captured(), "<3>error: profile p: POST\n");
}
END_TEST

START_TEST(largest_line_fits_into_an_entry)
{
	static char body[JOURNAL_ENTRY_MAX];
	struct log_exchange exchange = {.method = "POST", .url = "u", .request_body = body};

	memset(body, 'x', sizeof(body) - 1);
	log_exchange(true, "p", NULL, &exchange, "POST");
	ck_assert(receive());
	ck_assert_uint_ge(find("MESSAGE")->len, LOG_LINE_MAX - 8);
}
END_TEST

START_TEST(another_stream_is_not_the_journal)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_error("to a terminal");
	ck_assert(!receive());
	ck_assert_ptr_nonnull(strstr(captured(), "Z error: to a terminal\n"));
}
END_TEST

START_TEST(each_kind_of_event_has_an_id_of_its_own)
{
	static const char *const ids[] = {
#define X(symbol, name, message_id) message_id,
		LOG_EVENT_LIST(X)
#undef X
	};

	ck_assert_uint_eq(sizeof(ids) / sizeof(*ids), LOG_EVENT_KINDS - 1);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		ck_assert_uint_eq(strlen(ids[i]), 32);
		ck_assert_uint_eq(strspn(ids[i], "0123456789abcdef"), 32);
		for (size_t j = 0; j < i; j++) {
			ck_assert_str_ne(ids[i], ids[j]);
		}
	}
}
END_TEST

CASES_MAIN("journal", set_up, tear_down, {event_has_a_field_for_each_thing_that_it_is_about, 1},
	{message_about_nothing_has_no_other_fields, 1},
	{exchange_has_fields_for_its_figures_and_all_in_its_message, 1}, {json_stays_json, 1},
	{value_of_any_bytes_comes_whole_and_adds_no_field, 6}, {levels_below_are_not_sent, 1},
	{priority_follows_the_level, 1}, {stderr_stands_in_where_there_is_no_journald, 1},
	{stderr_stands_in_where_journald_does_not_read, 1},
	{stderr_stands_in_for_what_is_too_large, 1}, {largest_line_fits_into_an_entry, 1},
	{another_stream_is_not_the_journal, 1}, {each_kind_of_event_has_an_id_of_its_own, 1})
