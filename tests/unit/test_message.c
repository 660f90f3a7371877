#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct request request;
static char why[MESSAGE_WHY_MAX];
static bool fatal;

/* Parses a copy of exactly the line and a NUL, in which the request lives until the next one. */
static bool parse(const char *line)
{
	static char *copy;

	free(copy);
	copy = strdup(line);
	return request_parse(&request, copy, strlen(copy), why, &fatal);
}

static const struct parameter *parameter_named(unsigned index, const char *name)
{
	ck_assert_uint_lt(index, request.n_parameters);
	ck_assert_str_eq(request.parameters[index].name.text, name);
	return &request.parameters[index];
}

static void expect_string(unsigned index, const char *name, const char *text)
{
	const struct parameter *parameter = parameter_named(index, name);

	ck_assert_int_eq(parameter->value.type, JSON_STRING);
	ck_assert_str_eq(parameter->value.text, text);
	ck_assert_uint_eq(parameter->value.len, strlen(text));
}

static void expect_number(unsigned index, const char *name, double number)
{
	const struct parameter *parameter = parameter_named(index, name);

	ck_assert_int_eq(parameter->value.type, JSON_NUMBER);
	ck_assert_double_eq(parameter->number, number);
}

static void expect_head(const char *head)
{
	ck_assert_uint_eq(request.head_len, strlen(head));
	ck_assert_mem_eq(request.head, head, request.head_len);
}

/* The line is refused, with the head of the reply, and the sentence holds the word. */
static void expect_refused(const char *line, const char *head, const char *word)
{
	ck_assert_msg(!parse(line), "%s", line);
	expect_head(head);
	ck_assert_msg(strstr(why, word) != NULL, "%s: %s", line, why);
	ck_assert_int_lt((int)strlen(why), MESSAGE_WHY_MAX - 1);
}

START_TEST(request_is_read)
{
	ck_assert(parse("{\"request\":\"auth.getTokenInfo\",\"referenceId\":\"7\","
			"\"parameters\":{\"profile\":\"billing\"}}"));
	ck_assert_str_eq(request.name, "auth.getTokenInfo");
	expect_string(0, "profile", "billing");
	ck_assert_uint_eq(request.n_parameters, 1);
	expect_head("{\"referenceId\":\"7\",");
}
END_TEST

START_TEST(line_with_a_command_id_and_no_request_is_an_answer)
{
	ck_assert(parse("{\"commandId\":\"1\",\"data\":{},\"parameters\":7,\"referenceId\":[]}"));
	ck_assert_ptr_null(request.name);
	ck_assert(parse("{\"commandId\":\"1\",\"request\":\"x\"}"));
	ck_assert_str_eq(request.name, "x");
	expect_refused("{\"commandId\":\"1\",\"request\":null}", MESSAGE_HEAD_NONE, "request");
	expect_refused("{\"commandId\":\"1\",\"commandId\":\"1\"}", MESSAGE_HEAD_NONE, "member");
}
END_TEST

START_TEST(objects_are_handed_over_as_text)
{
	ck_assert(parse("{\"request\":\"x\",\"parameters\":{\"data\":{\"a\":[{}]},\"b\":\"c\"}}"));
	ck_assert_int_eq(parameter_named(0, "data")->value.type, JSON_OBJECT);
	ck_assert_str_eq(parameter_named(0, "data")->value.text, "{\"a\":[{}]}");
	ck_assert_uint_eq(parameter_named(0, "data")->value.len, strlen("{\"a\":[{}]}"));
	expect_string(1, "b", "c");
}
END_TEST

START_TEST(request_needs_nothing_but_its_name)
{
	ck_assert(parse("{\"request\":\"system.getStatus\"}"));
	ck_assert_str_eq(request.name, "system.getStatus");
	ck_assert_uint_eq(request.n_parameters, 0);
	expect_head(MESSAGE_HEAD_NONE);
}
END_TEST

START_TEST(short_name_of_get_jwt_token_is_known)
{
	ck_assert(parse("{\"request\":\"getJwtToken\"}"));
	ck_assert_str_eq(request.name, "auth.getJwtToken");
	ck_assert(parse("{\"request\":\"getTokenInfo\"}"));
	ck_assert_str_eq(request.name, "getTokenInfo");
}
END_TEST

START_TEST(other_members_are_ignored_whatever_they_are)
{
	ck_assert(parse("{\"userAgent\":{\"a\":[1]},\"protocolVersion\":2,\"Request\":5,"
			"\"request\":\"x\",\"\":null,\"referenceid\":[],\"Parameters\":1}"));
	ck_assert_str_eq(request.name, "x");
	ck_assert_uint_eq(request.n_parameters, 0);
	expect_head(MESSAGE_HEAD_NONE);
}
END_TEST

START_TEST(reference_comes_back_as_it_was_sent)
{
	static const char *const references[] = {"\"7\"", "\"\"", "\"a b\"", "\"\\\"\\\\\\n\"",
		"\"\xc3\xa9\xf0\x9f\x98\x80\"", "0", "7", "-1", "10", "123456789012345",
		"999999999999999", "-999999999999999"};

	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
		char line[128], head[128];

		snprintf(line, sizeof(line), "{\"request\":\"x\",\"referenceId\":%s}",
			references[i]);
		snprintf(head, sizeof(head), "{\"referenceId\":%s,", references[i]);
		ck_assert_msg(parse(line), "%s: %s", line, why);
		expect_head(head);
	}
}
END_TEST

START_TEST(reference_of_128_bytes_is_the_longest)
{
	char line[1024], text[MESSAGE_REFERENCE_MAX + 2];

	memset(text, 'r', sizeof(text));
	snprintf(line, sizeof(line), "{\"request\":\"x\",\"referenceId\":\"%.128s\"}", text);
	ck_assert(parse(line));
	ck_assert_uint_eq(request.head_len, strlen("{\"referenceId\":\"\",") + 128);

	snprintf(line, sizeof(line), "{\"request\":\"x\",\"referenceId\":\"%.129s\"}", text);
	expect_refused(line, MESSAGE_HEAD_NONE, "referenceId");
}
END_TEST

/* Bytes count as they are decoded, and the longest head is one of escapes. */
START_TEST(reference_of_128_escapes_fits_its_head)
{
	char escapes[6 * MESSAGE_REFERENCE_MAX + 1];
	char line[1024], head[MESSAGE_HEAD_MAX + 1];
	char *end = escapes;

	for (int i = 0; i < MESSAGE_REFERENCE_MAX; i++) {
		end = stpcpy(end, "\\u0001");
	}
	snprintf(line, sizeof(line), "{\"request\":\"x\",\"referenceId\":\"%s\"}", escapes);
	snprintf(head, sizeof(head), "{\"referenceId\":\"%s\",", escapes);
	ck_assert(parse(line));
	expect_head(head);
}
END_TEST

START_TEST(other_references_are_refused)
{
	static const char *const references[] = {"null", "true", "1.5", "1000000000000000",
		"-1000000000000000", "1e15", "1e300", "[]", "[\"7\"]", "{}"};

	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "{\"request\":\"x\",\"referenceId\":%s}",
			references[i]);
		expect_refused(line, MESSAGE_HEAD_NONE, "referenceId");
		ck_assert(!fatal);
	}
}
END_TEST

START_TEST(name_must_be_a_text)
{
	expect_refused("{}", MESSAGE_HEAD_NONE, "\"request\"");
	expect_refused("{\"request\":\"\"}", MESSAGE_HEAD_NONE, "\"request\"");
	expect_refused("{\"request\":null}", MESSAGE_HEAD_NONE, "\"request\"");
	expect_refused("{\"request\":7}", MESSAGE_HEAD_NONE, "\"request\"");
	expect_refused("{\"request\":[\"x\"]}", MESSAGE_HEAD_NONE, "\"request\"");
}
END_TEST

START_TEST(name_of_128_bytes_is_the_longest)
{
	char line[256], name[MESSAGE_NAME_MAX + 2];

	memset(name, 'n', sizeof(name));
	snprintf(line, sizeof(line), "{\"request\":\"%.128s\"}", name);
	ck_assert(parse(line));
	snprintf(line, sizeof(line), "{\"request\":\"%.129s\"}", name);
	expect_refused(line, MESSAGE_HEAD_NONE, "128 bytes");
}
END_TEST

START_TEST(parameters_may_stand_in_an_array)
{
	ck_assert(parse("{\"request\":\"x\",\"parameters\":[ {\"minValidity\":60} ]}"));
	expect_number(0, "minValidity", 60);
	ck_assert_uint_eq(request.n_parameters, 1);
	ck_assert(parse("{\"request\":\"x\",\"parameters\":{}}"));
	ck_assert_uint_eq(request.n_parameters, 0);
}
END_TEST

START_TEST(parameters_are_taken_in_order_with_their_escapes_decoded)
{
	ck_assert(parse("{\"parameters\": {\"prof\\u0069le\" : \"a\\\"\\u00fc\\ud83d\\ude00]\","
			"\"list\":[1,{\"a\":\"}\"}] , \"minValidity\":-1.5e1,\"yes\":true},"
			"\"request\":\"x\",\"referenceId\":1}"));
	ck_assert_uint_eq(request.n_parameters, 4);
	expect_string(0, "profile", "a\"\xc3\xbc\xf0\x9f\x98\x80]");
	ck_assert_int_eq(parameter_named(1, "list")->value.type, JSON_ARRAY);
	expect_number(2, "minValidity", -15);
	ck_assert_int_eq(parameter_named(3, "yes")->value.type, JSON_WORD);
	expect_head("{\"referenceId\":1,");
}
END_TEST

START_TEST(strings_of_an_array_are_decoded_into_an_argz_vector)
{
	static const char strings[] = "a\0\0\xc3\xa9\"\xf0\x9f\x98\x80";
	const struct parameter *list;

	ck_assert(parse("{\"request\":\"x\",\"parameters\":{\"list\":[ \"a\" ,\"\","
			"\"\\u00e9\\\"\\ud83d\\ude00\"],\"none\":[],\"last\":\"b\"}}"));
	list = parameter_named(0, "list");
	ck_assert(list->strings);
	ck_assert_uint_eq(list->value.len, sizeof(strings));
	ck_assert_mem_eq(list->value.text, strings, sizeof(strings));

	ck_assert(parameter_named(1, "none")->strings);
	ck_assert_uint_eq(parameter_named(1, "none")->value.len, 0);
	expect_string(2, "last", "b");
	ck_assert(!parameter_named(2, "last")->strings);
}
END_TEST

START_TEST(array_of_other_values_is_none_of_strings)
{
	static const char *const lists[] = {
		"[1]", "[\"a\",null]", "[\"a\",[\"b\"]]", "[{\"a\":\"b\"},\"a\"]", "[true]"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line),
			"{\"parameters\":{\"list\":%s,\"last\":\"b\"},\"request\":\"x\"}",
			lists[i]);
		ck_assert_msg(parse(line), "%s: %s", line, why);
		ck_assert_msg(!parameter_named(0, "list")->strings, "%s", lists[i]);
		expect_string(1, "last", "b");
	}
}
END_TEST

START_TEST(null_and_an_empty_array_are_no_parameters)
{
	ck_assert(parse("{\"request\":\"x\",\"parameters\":null}"));
	ck_assert_uint_eq(request.n_parameters, 0);
	ck_assert(parse("{\"request\":\"x\",\"parameters\":[]}"));
	ck_assert_uint_eq(request.n_parameters, 0);
}
END_TEST

START_TEST(other_parameters_are_refused_under_their_reference)
{
	static const char *const parameters[] = {"7", "\"profile\"", "true", "false", "[null]",
		"[[]]", "[[{}]]", "[\"profile\"]", "[{},{}]", "[{},null]"};

	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line),
			"{\"parameters\":%s,\"request\":\"x\",\"referenceId\":7}", parameters[i]);
		expect_refused(line, "{\"referenceId\":7,", "\"parameters\"");
		ck_assert(!fatal);
	}
}
END_TEST

START_TEST(reference_comes_back_wherever_it_stands)
{
	expect_refused(
		"{\"request\":5,\"referenceId\":\"7\"}", "{\"referenceId\":\"7\",", "\"request\"");
	expect_refused("{\"referenceId\":\"7\"}", "{\"referenceId\":\"7\",", "\"request\"");
}
END_TEST

START_TEST(other_values_are_no_requests)
{
	expect_refused("[]", MESSAGE_HEAD_NONE, "one JSON object");
	expect_refused("\"auth.getJwtToken\"", MESSAGE_HEAD_NONE, "one JSON object");
	expect_refused("null", MESSAGE_HEAD_NONE, "one JSON object");
	ck_assert(!fatal);
}
END_TEST

START_TEST(what_is_wrong_with_the_json_is_told)
{
	static const struct {
		const char *line;
		enum json_status status;
	} cases[] = {{"{", JSON_BAD_SYNTAX}, {"{\"request\":\"\\u0000\"}", JSON_HAS_NUL},
		{"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", JSON_TOO_DEEP},
		{"{\"request\":\"x\",\"request\":\"x\"}", JSON_DUPLICATE_MEMBER}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_refused(cases[i].line, MESSAGE_HEAD_NONE, json_status_text(cases[i].status));
		ck_assert(!fatal);
	}
}
END_TEST

START_TEST(line_that_is_not_utf8_closes_the_connection)
{
	expect_refused("{\"request\":\"\xff\"}", MESSAGE_HEAD_NONE, "UTF-8");
	ck_assert(fatal);
	ck_assert(parse("{\"request\":\"x\"}"));
	ck_assert(!fatal);
}
END_TEST

static void expect_payload(struct payload *payload, const char *text)
{
	ck_assert_ptr_nonnull(payload);
	ck_assert_str_eq(payload->bytes, text);
	ck_assert_uint_eq(payload->len, strlen(text));
	payload_unref(payload);
}

START_TEST(data_is_a_tail)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "jwtToken", "a\"b");
	cJSON_AddNullToObject(data, "expiration");
	expect_payload(
		message_data(data), "\"data\":{\"jwtToken\":\"a\\\"b\",\"expiration\":null}}\n");
	expect_payload(message_data_text("{\"a\":1}###", 7), "\"data\":{\"a\":1}}\n");
}
END_TEST

START_TEST(error_is_a_tail_of_all_its_members)
{
	expect_payload(message_error(ERROR_REFRESH_TIMEOUT, "Took \"long\"\n", 3),
		"\"errorMessage\":\"Took \\\"long\\\"\\n\",\"error\":{\"code\":\"refresh_timeout\","
		"\"retryable\":true,\"retryAfter\":3}}\n");
	expect_payload(message_error(ERROR_ACCESS_DENIED, "", 0),
		"\"errorMessage\":\"\",\"error\":{\"code\":\"access_denied\","
		"\"retryable\":false,\"retryAfter\":null}}\n");
	expect_payload(message_error(ERROR_INTERNAL, "\xff", -1),
		"\"errorMessage\":\"\xef\xbf\xbd\",\"error\":{\"code\":\"internal\","
		"\"retryable\":false,\"retryAfter\":null}}\n");
	expect_payload(message_error(ERROR_RATE_LIMITED, "x", INT64_MAX),
		"\"errorMessage\":\"x\",\"error\":{\"code\":\"rate_limited\","
		"\"retryable\":true,\"retryAfter\":9223372036854775807}}\n");
}
END_TEST

static void expect_time(int64_t unix_ms, const char *text)
{
	char got[MESSAGE_TIME_SIZE];

	message_time(got, unix_ms);
	ck_assert_str_eq(got, text);
}

START_TEST(time_is_utc_with_milliseconds)
{
	setenv("TZ", "America/New_York", 1);
	expect_time(0, "1970-01-01T00:00:00.000Z");
	expect_time(1, "1970-01-01T00:00:00.001Z");
	expect_time(951782400000, "2000-02-29T00:00:00.000Z");
	expect_time(1586872406846, "2020-04-14T13:53:26.846Z");
	expect_time(1795284000000, "2026-11-21T18:00:00.000Z");
	expect_time(253402300799999, "9999-12-31T23:59:59.999Z");
}
END_TEST

START_TEST(time_outside_is_cut)
{
	expect_time(-1, "1970-01-01T00:00:00.000Z");
	expect_time(INT64_MIN, "1970-01-01T00:00:00.000Z");
	expect_time(253402300800000, "9999-12-31T23:59:59.999Z");
	expect_time(INT64_MAX, "9999-12-31T23:59:59.999Z");
}
END_TEST

START_TEST(time_is_read_back)
{
	static const int64_t times[] = {0, 1, 999, 951782400000, 1586872406846, 253402300799999};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char text[MESSAGE_TIME_SIZE];
		int64_t unix_ms;

		message_time(text, times[i]);
		ck_assert(message_parse_time(text, &unix_ms));
		ck_assert_int_eq(unix_ms, times[i]);
	}
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
	static const char *const texts[] = {"", "2026", "2026-11-21T18:00:00Z",
		"2026-11-21T18:00:00.000", "2026-11-21T18:00:00.000Z ", "2026-11-21 18:00:00.000Z",
		"2026-11-21T18:00:00.000z", "2026-11-21T18:00:00.00Z", "2026-11-21T18:00:00.0000Z",
		"2026-11-21T18:00:00.000+00:00", "2026-13-01T00:00:00.000Z",
		"2026-00-01T00:00:00.000Z", "2026-02-29T00:00:00.000Z", "2026-01-00T00:00:00.000Z",
		"2026-11-21T24:00:00.000Z", "2026-11-21T23:60:00.000Z", "2026-11-21T23:59:60.000Z",
		"1969-12-31T23:59:59.999Z", "20x6-11-21T18:00:00.000Z", "-026-11-21T18:00:00.000Z"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t unix_ms;

		ck_assert_msg(!message_parse_time(texts[i], &unix_ms), "%s", texts[i]);
	}
}
END_TEST

START_TEST(request_is_written_and_read)
{
	cJSON *parameters = cJSON_CreateObject();
	char *line;

	line = message_request("system.getStatus", NULL);
	ck_assert_str_eq(line, "{\"request\":\"system.getStatus\"}\n");
	free(line);

	cJSON_AddStringToObject(parameters, "profile", "a\"b");
	line = message_request("auth.getJwtToken", parameters);
	ck_assert_str_eq(line, "{\"request\":\"auth.getJwtToken\","
			       "\"parameters\":{\"profile\":\"a\\\"b\"}}\n");
	ck_assert(parse(line));
	ck_assert_str_eq(request.name, "auth.getJwtToken");
	free(line);
}
END_TEST

static bool read_reply(struct reply *reply, const char *line)
{
	char *copy = strdup(line);
	bool read = reply_parse(reply, copy, strlen(copy));

	free(copy);
	return read;
}

START_TEST(reply_with_data_is_read)
{
	struct reply reply;

	ck_assert(read_reply(&reply, "{\"referenceId\":\"7\",\"data\":{\"a\":1},\"new\":true}"));
	ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply.tree, "new")));
	ck_assert(cJSON_HasObjectItem(reply.data, "a"));
	ck_assert_ptr_null(reply.text);
	reply_done(&reply);
}
END_TEST

START_TEST(reply_with_an_error_is_read)
{
	struct reply reply;

	ck_assert(read_reply(&reply,
		"{\"errorMessage\":\"No rule lets you\",\"error\":{\"code\":\"access_denied\","
		"\"retryable\":false,\"retryAfter\":null,\"new\":1}}"));
	ck_assert_ptr_null(reply.data);
	ck_assert_int_eq(reply.code, ERROR_ACCESS_DENIED);
	ck_assert_str_eq(reply.code_name, "access_denied");
	ck_assert_str_eq(reply.text, "No rule lets you");
	ck_assert(!reply.retryable);
	ck_assert_int_eq(reply.retry_after, 0);
	reply_done(&reply);
}
END_TEST

START_TEST(error_that_was_written_is_read)
{
	struct payload *payload = message_error(ERROR_RATE_LIMITED, "Too many", 30);
	char line[256];
	struct reply reply;

	snprintf(line, sizeof(line), "{\"referenceId\":7,%s", payload->bytes);
	payload_unref(payload);
	ck_assert(read_reply(&reply, line));
	ck_assert_int_eq(reply.code, ERROR_RATE_LIMITED);
	ck_assert_str_eq(reply.text, "Too many");
	ck_assert(reply.retryable);
	ck_assert_int_eq(reply.retry_after, 30);
	reply_done(&reply);
}
END_TEST

START_TEST(code_of_a_later_version_stands_as_internal)
{
	struct reply reply;

	ck_assert(read_reply(&reply, "{\"errorMessage\":\"x\",\"error\":{\"code\":\"quota_used\","
				     "\"retryable\":true,\"retryAfter\":5}}"));
	ck_assert_int_eq(reply.code, ERROR_INTERNAL);
	ck_assert_str_eq(reply.code_name, "quota_used");
	ck_assert(reply.retryable);
	ck_assert_int_eq(reply.retry_after, 5);
	reply_done(&reply);
}
END_TEST

START_TEST(other_lines_are_no_replies)
{
	static const char *const lines[] = {"", "{", "[]", "null", "{}", "{\"data\":null}",
		"{\"data\":[]}", "{\"data\":\"x\"}", "{\"errorMessage\":\"x\"}",
		"{\"error\":{\"code\":\"internal\",\"retryable\":false}}",
		"{\"errorMessage\":\"x\",\"error\":\"internal\"}",
		"{\"errorMessage\":\"x\",\"error\":{\"retryable\":false}}",
		"{\"errorMessage\":\"x\",\"error\":{\"code\":5,\"retryable\":false}}",
		"{\"errorMessage\":\"x\",\"error\":{\"code\":\"internal\"}}",
		"{\"errorMessage\":5,\"error\":{\"code\":\"internal\",\"retryable\":false}}",
		"{\"data\":{},\"data\":{}}"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct reply reply;

		ck_assert_msg(!read_reply(&reply, lines[i]), "%s", lines[i]);
		reply_done(&reply);
	}
}
END_TEST

UNIT_MAIN("message", line_with_a_command_id_and_no_request_is_an_answer,
	objects_are_handed_over_as_text, request_is_read, request_needs_nothing_but_its_name,
	short_name_of_get_jwt_token_is_known, other_members_are_ignored_whatever_they_are,
	reference_comes_back_as_it_was_sent, reference_of_128_bytes_is_the_longest,
	reference_of_128_escapes_fits_its_head, other_references_are_refused, name_must_be_a_text,
	name_of_128_bytes_is_the_longest, parameters_may_stand_in_an_array,
	parameters_are_taken_in_order_with_their_escapes_decoded,
	strings_of_an_array_are_decoded_into_an_argz_vector,
	array_of_other_values_is_none_of_strings, null_and_an_empty_array_are_no_parameters,
	other_parameters_are_refused_under_their_reference, reference_comes_back_wherever_it_stands,
	other_values_are_no_requests, what_is_wrong_with_the_json_is_told,
	line_that_is_not_utf8_closes_the_connection, data_is_a_tail,
	error_is_a_tail_of_all_its_members, time_is_utc_with_milliseconds, time_outside_is_cut,
	time_is_read_back, what_is_no_time_is_refused, request_is_written_and_read,
	reply_with_data_is_read, reply_with_an_error_is_read, error_that_was_written_is_read,
	code_of_a_later_version_stands_as_internal, other_lines_are_no_replies)
