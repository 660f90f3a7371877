#include "proto/walk.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static char text[512];
static struct walk walk;

static void put(const char *json)
{
	ck_assert_uint_lt(strlen(json), sizeof(text));
	strcpy(text, json);
	walk = (struct walk){text, text + strlen(json)};
}

static void expect(const struct walk_value *value, enum walk_type type, const char *shown)
{
	ck_assert_int_eq(value->type, type);
	ck_assert_uint_eq(value->len, strlen(shown));
	ck_assert_mem_eq(value->text, shown, value->len);
}

static void expect_value(const char *json, enum walk_type type, const char *shown)
{
	struct walk_value value;

	put(json);
	value = walk_value(&walk);
	expect(&value, type, shown);
}

START_TEST(a_value_is_known_by_its_first_byte_and_ends_where_it_ends)
{
	expect_value(" \t\"a\\\"b\" ", WALK_STRING, "a\\\"b");
	expect_value("\"\"", WALK_STRING, "");
	expect_value("\"\\\\\"", WALK_STRING, "\\\\");
	expect_value("-1.5e3 ", WALK_NUMBER, "-1.5e3");
	expect_value("0", WALK_NUMBER, "0");
	expect_value("true", WALK_WORD, "true");
	expect_value("null\r\n", WALK_WORD, "null");
	expect_value("{\"a\":\"}\"} ", WALK_OBJECT, "{\"a\":\"}\"}");
	expect_value("[[],[\"]\",\"\\\"]\"]] ", WALK_ARRAY, "[[],[\"]\",\"\\\"]\"]]");
}
END_TEST

START_TEST(members_come_in_order_whatever_stands_between_them)
{
	struct walk_value name, value;

	put(" { \"a\" : 1 ,\"b\":{\"c\":[1,2]}, \"d\":\"x,y\" } ");

	ck_assert(walk_member(&walk, &name, &value));
	expect(&name, WALK_STRING, "a");
	expect(&value, WALK_NUMBER, "1");
	ck_assert(walk_member(&walk, &name, &value));
	expect(&name, WALK_STRING, "b");
	expect(&value, WALK_OBJECT, "{\"c\":[1,2]}");
	ck_assert(walk_member(&walk, &name, &value));
	expect(&name, WALK_STRING, "d");
	expect(&value, WALK_STRING, "x,y");
	ck_assert(!walk_member(&walk, &name, &value));
	ck_assert(!walk_member(&walk, &name, &value));
}
END_TEST

START_TEST(elements_come_in_order)
{
	struct walk_value value;

	put("[ {\"a\":1}, [2] ,\"\", null]");

	ck_assert(walk_element(&walk, &value));
	expect(&value, WALK_OBJECT, "{\"a\":1}");
	ck_assert(walk_element(&walk, &value));
	expect(&value, WALK_ARRAY, "[2]");
	ck_assert(walk_element(&walk, &value));
	expect(&value, WALK_STRING, "");
	ck_assert(walk_element(&walk, &value));
	expect(&value, WALK_WORD, "null");
	ck_assert(!walk_element(&walk, &value));
}
END_TEST

START_TEST(empty_lists_have_nothing_in_them)
{
	struct walk_value name, value;

	put("{ }");
	ck_assert(!walk_member(&walk, &name, &value));
	put("[\n]");
	ck_assert(!walk_element(&walk, &value));
}
END_TEST

START_TEST(a_string_is_decoded_where_it_stands_while_the_walk_goes_on)
{
	struct walk_value name, value;

	put("{\"\\u0061\\n\":\"\\\\ \\/ "
	    "\\\"\\b\\f\\r\\t\\u20AC\\ud83d\\uDE00\xc3\xbc\",\"z\":2}");

	ck_assert(walk_member(&walk, &name, &value));
	ck_assert_str_eq(walk_decode(&name), "a\n");
	ck_assert_uint_eq(name.len, 2);
	ck_assert_str_eq(walk_decode(&value), "\\ / \"\b\f\r\t€😀ü");
	ck_assert(walk_member(&walk, &name, &value));
	ck_assert_str_eq(walk_decode(&name), "z");
	expect(&value, WALK_NUMBER, "2");
}
END_TEST

UNIT_MAIN("walk", a_value_is_known_by_its_first_byte_and_ends_where_it_ends,
	members_come_in_order_whatever_stands_between_them, elements_come_in_order,
	empty_lists_have_nothing_in_them,
	a_string_is_decoded_where_it_stands_while_the_walk_goes_on)
