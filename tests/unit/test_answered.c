#include "proto/answered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct answered answered;
static char why[MESSAGE_WHY_MAX];

/* Reads a copy of exactly the line and a NUL, in which the answer lives until the next one. */
static bool take(const char *line)
{
	static char *copy;

	free(copy);
	copy = strdup(line);
	return answered_read(&answered, copy, strlen(copy), why);
}

static void expect_head(const char *head)
{
	ck_assert_uint_eq(answered.head_len, strlen(head));
	ck_assert_mem_eq(answered.head, head, answered.head_len);
}

START_TEST(answer_holds_data)
{
	ck_assert(take("{\"data\":{\"authCode\":\"a\\u0062\"},\"commandId\":\"17\",\"x\":[{}]}"));
	ck_assert_str_eq(answered.command_id, "17");
	ck_assert_str_eq(answered.data, "{\"authCode\":\"a\\u0062\"}");
	ck_assert_uint_eq(answered.data_len, strlen(answered.data));
	ck_assert_ptr_null(answered.failure);
	ck_assert_ptr_null(answered.profile);
	expect_head("{\"commandId\":\"17\",");
}
END_TEST

START_TEST(answer_tells_a_failure)
{
	ck_assert(take(
		"{\"commandId\":17,\"errorMessage\":\"the \\\"window\\\"\",\"profile\":\"p\"}"));
	ck_assert_str_eq(answered.command_id, "17");
	ck_assert_str_eq(answered.failure, "the \"window\"");
	ck_assert_str_eq(answered.profile, "p");
	ck_assert_ptr_null(answered.data);
	expect_head("{\"commandId\":17,");
}
END_TEST

START_TEST(escaped_id_goes_back_as_it_came)
{
	ck_assert(take("{\"commandId\":\"\\u0031\"}"));
	ck_assert_str_eq(answered.command_id, "1");
	expect_head("{\"commandId\":\"\\u0031\",");
}
END_TEST

START_TEST(null_is_as_good_as_left_out)
{
	ck_assert(take("{\"commandId\":\"3\",\"data\":{},\"errorMessage\":null,\"profile\":null}"));
	ck_assert_str_eq(answered.data, "{}");
	ck_assert_ptr_null(answered.failure);
	ck_assert_ptr_null(answered.profile);
	ck_assert_ptr_null(answered.useless);
	ck_assert(take("{\"commandId\":\"3\",\"data\":null}"));
	ck_assert_ptr_null(answered.data);
	ck_assert(take("{\"commandId\":\"3\"}"));
	ck_assert_ptr_null(answered.data);
}
END_TEST

START_TEST(what_is_of_another_type_is_told_beside_the_command)
{
	ck_assert(take("{\"commandId\":1,\"errorMessage\":{}}"));
	ck_assert_ptr_nonnull(strstr(answered.useless, "errorMessage"));
	expect_head("{\"commandId\":1,");
	ck_assert(take("{\"commandId\":1,\"profile\":2}"));
	ck_assert_ptr_nonnull(strstr(answered.useless, "profile"));
}
END_TEST

START_TEST(data_is_json_as_it_came)
{
	static const char *const texts[] = {"\"o\\\"ps\"", "7", "true", "[{\"a\":1}]", "\"\""};
	char line[128];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		snprintf(line, sizeof(line), "{\"data\":%s,\"commandId\":\"1\"}", texts[i]);
		ck_assert(take(line));
		ck_assert_str_eq(answered.data, texts[i]);
		ck_assert_uint_eq(answered.data_len, strlen(texts[i]));
	}
}
END_TEST

START_TEST(what_is_of_no_command_is_told)
{
	static const char *const lines[] = {"{\"commandId\":null}", "{\"commandId\":[1]}"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		ck_assert(!take(lines[i]));
		ck_assert_ptr_nonnull(strstr(why, "commandId"));
		expect_head("{");
	}
}
END_TEST

START_TEST(id_has_at_most_128_bytes)
{
	char line[256] = "{\"commandId\":\"";
	size_t begin = strlen(line);

	memset(line + begin, 'x', MESSAGE_REFERENCE_MAX);
	strcpy(line + begin + MESSAGE_REFERENCE_MAX, "\"}");
	ck_assert(take(line));
	memset(line + begin, 'x', MESSAGE_REFERENCE_MAX + 1);
	strcpy(line + begin + MESSAGE_REFERENCE_MAX + 1, "\"}");
	ck_assert(!take(line));
}
END_TEST

UNIT_MAIN("answered", answer_holds_data, answer_tells_a_failure, escaped_id_goes_back_as_it_came,
	null_is_as_good_as_left_out, what_is_of_another_type_is_told_beside_the_command,
	data_is_json_as_it_came, what_is_of_no_command_is_told, id_has_at_most_128_bytes)
