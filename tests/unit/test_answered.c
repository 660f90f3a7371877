#include "proto/answered.h"

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

START_TEST(what_is_of_another_type_is_told)
{
	static const struct {
		const char *line, *head, *word;
	} wrong[] = {
		{"{\"commandId\":null}", "{", "commandId"},
		{"{\"commandId\":[1]}", "{", "commandId"},
		{"{\"commandId\":1,\"data\":\"x\"}", "{\"commandId\":1,", "data"},
		{"{\"commandId\":1,\"errorMessage\":{}}", "{\"commandId\":1,", "errorMessage"},
		{"{\"commandId\":1,\"profile\":2}", "{\"commandId\":1,", "profile"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ck_assert(!take(wrong[i].line));
		ck_assert_ptr_nonnull(strstr(why, wrong[i].word));
		expect_head(wrong[i].head);
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
	what_is_of_another_type_is_told, id_has_at_most_128_bytes)
