#include "io/log.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"

enum {
	LINE_MAX_LEN = 4096, /* as the module has it */
	TIME_LEN = sizeof("2026-11-21T18:00:00.000Z") - 1,
};

static int pipe_fds[2];
static char written[4 * LINE_MAX_LEN + 1];

/* Standard error goes to a pipe from now on. */
static void capture(const char *level, const char *format)
{
	ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_ge(dup2(pipe_fds[1], STDERR_FILENO), 0);
	unsetenv("JOURNAL_STREAM");
	log_setup(level, format);
}

/* What was written since. */
static const char *captured(void)
{
	ssize_t n = read(pipe_fds[0], written, sizeof(written) - 1);

	written[n > 0 ? n : 0] = '\0';
	return written;
}

/* The one line that was written, behind its time and without its end. */
static const char *captured_text(void)
{
	char *line = (char *)captured();
	size_t len = strlen(line);

	ck_assert_uint_gt(len, TIME_LEN + 1);
	ck_assert_int_eq(line[len - 1], '\n');
	line[len - 1] = '\0';
	ck_assert_ptr_null(strchr(line, '\n'));
	return line + TIME_LEN + 1;
}

static void assert_is_time(const char *text)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";

	for (int i = 0; i < TIME_LEN; i++) {
		ck_assert(form[i] == 'd' ? isdigit(text[i]) : text[i] == form[i]);
	}
}

START_TEST(text_line_has_time_level_and_profile)
{
	capture("info", "text");
	log_message(LOG_LEVEL_WARNING, "billing", "the server says %d", 503);
	ck_assert_str_eq(captured_text(), "warning: profile billing: the server says 503");
	assert_is_time(written);
	log_error("no such file");
	ck_assert_str_eq(captured_text(), "error: no such file");
}
END_TEST

START_TEST(json_line_is_one_object)
{
	cJSON *line;

	capture("info", "json");
	log_message(LOG_LEVEL_INFO, "a\"b", "say \"%s\" \\ \x01 \xff \u00e9", "hi\n");
	line = cJSON_Parse(captured());
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(cJSON_GetArraySize(line), 4);
	assert_is_time(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "time")));
	ck_assert_str_eq(
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "level")), "info");
	ck_assert_str_eq(
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "profile")), "a\"b");
	ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "message")),
		"say \"hi\\x0a\" \\ \\x01 \\xff \u00e9");
	cJSON_Delete(line);

	log_info("short");
	line = cJSON_Parse(captured());
	ck_assert_int_eq(cJSON_GetArraySize(line), 3);
	cJSON_Delete(line);
}
END_TEST

START_TEST(levels_below_are_not_written)
{
	static const char *const all[] = {"error", "warning", "info", "debug", "trace"};
	enum log_level level;

	capture(_i == 0 ? "none" : all[_i - 1], "text");
	for (int i = 0; i < 5; i++) {
		ck_assert(log_level_find(all[i], &level));
		log_message(level, NULL, "x");
		ck_assert_int_eq(captured()[0] != '\0', i == 0 || i < _i);
		ck_assert_int_eq(log_enabled(level), i == 0 || i < _i);
	}
	ck_assert_int_eq(log_enabled_exchange(true), _i >= 1);
	ck_assert_int_eq(log_enabled_exchange(false), _i >= 4);
}
END_TEST

START_TEST(what_is_not_printable_is_escaped)
{
	static const struct {
		const char *text, *escaped;
	} rows[] = {
		{"a\nb\r\tc\x7f", "a\\x0ab\\x0d\\x09c\\x7f"},
		{"\x1b[31m", "\\x1b[31m"},
		{"\xc2\x9b"
		 "31m",
			"\\xc2\\x9b31m"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\x80\xc3", "\\x80\\xc3"},
		{"\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80",
			"\\xc0\\xaf \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80"},
	};
	char expected[256];

	capture("info", "text");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_message(LOG_LEVEL_INFO, rows[i].text, "%s", rows[i].text);
		snprintf(expected, sizeof(expected), "info: profile %s: %s", rows[i].escaped,
			rows[i].escaped);
		ck_assert_str_eq(captured_text(), expected);
	}
}
END_TEST

START_TEST(long_line_is_cut_and_stays_a_line)
{
	static const char *const units[] = {"x", "\"", "\n", "\xff", "\xe2\x82\xac"};
	char message[3 * LINE_MAX_LEN + 1] = "";
	char *end = message;
	size_t len;

	for (int i = 0; i < LINE_MAX_LEN; i++) {
		end = stpcpy(end, units[_i / 2]);
	}
	capture("info", _i % 2 ? "json" : "text");
	log_info("%s", message);
	len = strlen(captured());
	ck_assert_uint_le(len, LINE_MAX_LEN);
	ck_assert_uint_ge(len, LINE_MAX_LEN - 8);
	ck_assert_ptr_eq(strchr(written, '\n'), written + len - 1);
	ck_assert_str_eq(strstr(written, "…"), _i % 2 ? "…\"}\n" : "…\n");
	if (_i % 2) {
		cJSON *line = cJSON_Parse(written);

		ck_assert_ptr_nonnull(line);
		cJSON_Delete(line);
	}
}
END_TEST

START_TEST(full_pipe_is_not_waited_for)
{
	static const char page[LINE_MAX_LEN];

	capture("info", "text");
	while (write(pipe_fds[1], page, sizeof(page)) > 0) {
	}
	fcntl(pipe_fds[1], F_SETFL, 0);
	log_error("dropped");
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	while (read(pipe_fds[0], written, sizeof(written)) > 0) {
	}
	log_error("written again");
	ck_assert_str_eq(captured_text(), "error: written again");
}
END_TEST

START_TEST(names_are_found)
{
	enum log_level level;
	enum log_format format;

	ck_assert(log_level_find("none", &level) && level == LOG_LEVEL_NONE);
	ck_assert(log_level_find("trace", &level) && level == LOG_LEVEL_TRACE);
	ck_assert(!log_level_find("Warning", &level));
	ck_assert(!log_level_find("", &level));
	ck_assert(log_format_find("text", &format) && format == LOG_FORMAT_TEXT);
	ck_assert(log_format_find("json", &format) && format == LOG_FORMAT_JSON);
	ck_assert(!log_format_find("xml", &format));
}
END_TEST

static const struct log_exchange exchange = {
	.method = "POST",
	.url = "https://login.example/oauth/token",
	.status = 503,
	.duration_ms = 12,
	.request_headers = (const char *const[]){"Accept: a/b", "Authorization: ***", NULL},
	.response_headers = (const char *const[]){"Date: \"now\"", NULL},
	.request_body = "a=b",
	.response_body = "{\"error\": \"x\"}",
};

START_TEST(exchange_is_told_in_one_line_of_text)
{
	capture("error", "text");
	log_exchange(true, "p", "id-1", &exchange, "POST: HTTP %d", 503);
	ck_assert_str_eq(captured_text(),
		"error: profile p: POST: HTTP 503 (correlation id id-1); request headers: "
		"Accept: a/b | Authorization: ***; request body: a=b; response headers: Date: "
		"\"now\"; response body: {\"error\": \"x\"}");
	log_event(
		&(struct log_event){LOG_LEVEL_ERROR, .profile = "p", .correlation_id = ""}, "bad");
	ck_assert_str_eq(captured_text(), "error: profile p: bad (correlation id none)");
	log_event(&(struct log_event){LOG_LEVEL_ERROR, .profile = "p"}, "bad");
	ck_assert_str_eq(captured_text(), "error: profile p: bad");
}
END_TEST

static void assert_member(const cJSON *line, const char *name, const char *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, name);

	ck_assert_msg(cJSON_IsString(item), "no %s", name);
	ck_assert_str_eq(item->valuestring, value);
}

START_TEST(exchange_is_told_in_members_of_json)
{
	cJSON *line;
	const cJSON *list;

	capture("debug", "json");
	log_exchange(false, "p", "id-1", &exchange, "POST");
	line = cJSON_Parse(captured());
	ck_assert_ptr_nonnull(line);
	assert_member(line, "level", "debug");
	assert_member(line, "correlationId", "id-1");
	assert_member(line, "method", "POST");
	assert_member(line, "url", exchange.url);
	assert_member(line, "message", "POST");
	assert_member(line, "requestBody", "a=b");
	assert_member(line, "responseBody", "{\"error\": \"x\"}");
	ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(line, "status")->valueint, 503);
	ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(line, "durationMs")->valueint, 12);
	list = cJSON_GetObjectItemCaseSensitive(line, "requestHeaders");
	ck_assert_int_eq(cJSON_GetArraySize(list), 2);
	ck_assert_str_eq(cJSON_GetArrayItem(list, 1)->valuestring, "Authorization: ***");
	cJSON_Delete(line);
}
END_TEST

START_TEST(event_is_told_in_members_of_json)
{
	const struct log_peer peer = {1001, 4711, "etl.service"};
	struct log_event event = {
		.level = LOG_LEVEL_WARNING,
		.kind = LOG_EVENT_ACCESS_DENIED,
		.endpoint = "auth.refresh",
		.error_code = "access_denied",
		.peer = &peer,
	};
	cJSON *line;

	capture("info", "json");
	log_event(&event, "no");
	line = cJSON_Parse(captured());
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(cJSON_GetArraySize(line), 9);
	assert_member(line, "event", "access_denied");
	assert_member(line, "endpoint", "auth.refresh");
	assert_member(line, "errorCode", "access_denied");
	assert_member(line, "peerUnit", "etl.service");
	ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(line, "peerUid")->valueint, 1001);
	ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(line, "peerPid")->valueint, 4711);
	cJSON_Delete(line);

	event.peer = &(struct log_peer){.uid = 0};
	log_event(&event, "no");
	line = cJSON_Parse(captured());
	ck_assert_int_eq(cJSON_GetArraySize(line), 7);
	cJSON_Delete(line);

	log_setup("info", "text");
	log_event(&event, "no");
	ck_assert_str_eq(captured_text(), "warning: no");
}
END_TEST

START_TEST(exchange_of_any_size_is_one_line_that_fits)
{
	static const char *const units[] = {"x", "\"", "\n", "\xff", "\xe2\x82\xac", "\\"};
	char text[2048] = "", *end = text;
	const char *headers[32 + 1] = {NULL};
	struct log_exchange large = exchange;

	/* Each length once, so that each part of the line is the one that is cut. */
	for (size_t n = 0; n < sizeof(text) / 4; n++) {
		cJSON *line;

		end = stpcpy(end, units[n % 6]);
		for (size_t i = 0; i < n / 16; i++) {
			headers[i] = text + (strlen(text) > 200 ? strlen(text) - 200 : 0);
		}
		large.request_headers = large.response_headers = headers;
		large.request_body = large.response_body = text;
		capture(n % 2 ? "error" : "trace", _i ? "json" : "text");
		log_exchange(n % 2, text, text, &large, "%s", text);
		captured();
		ck_assert_uint_le(strlen(written), LINE_MAX_LEN);
		ck_assert_ptr_eq(strchr(written, '\n'), written + strlen(written) - 1);
		line = _i ? cJSON_Parse(written) : NULL;
		ck_assert_msg(!_i || cJSON_IsObject(line), "no JSON: %s", written);
		cJSON_Delete(line);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
	}
}
END_TEST

CASES_MAIN("log", NULL, NULL, {text_line_has_time_level_and_profile, 1},
	{json_line_is_one_object, 1}, {levels_below_are_not_written, 6},
	{what_is_not_printable_is_escaped, 1}, {long_line_is_cut_and_stays_a_line, 10},
	{full_pipe_is_not_waited_for, 1}, {names_are_found, 1},
	{exchange_is_told_in_one_line_of_text, 1}, {exchange_is_told_in_members_of_json, 1},
	{event_is_told_in_members_of_json, 1}, {exchange_of_any_size_is_one_line_that_fits, 2})
