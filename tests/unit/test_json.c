#include "proto/escape.h"
#include "proto/json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* Parses a copy of exactly len bytes and a NUL; the tree is the caller's. */
static enum json_status parse_tree(const char *text, size_t len, cJSON **ret_tree)
{
	char *copy = malloc(len + 1);
	enum json_status status;

	memcpy(copy, text, len);
	copy[len] = '\0';
	status = json_parse(copy, len, ret_tree);
	free(copy);
	return status;
}

static enum json_status parse_bytes(const char *text, size_t len)
{
	cJSON *tree = NULL;
	enum json_status status = parse_tree(text, len, &tree);

	ck_assert_int_eq(tree != NULL, status == JSON_OK);
	cJSON_Delete(tree);
	return status;
}

static enum json_status parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void expect_each(const char *const texts[], size_t count, enum json_status status)
{
	for (size_t i = 0; i < count; i++) {
		enum json_status got = parse(texts[i]);

		ck_assert_msg(got == status, "%s: %s", texts[i], json_status_text(got));
	}
}

#define EXPECT_EACH(texts, status) expect_each(texts, sizeof(texts) / sizeof((texts)[0]), status)

START_TEST(every_kind_of_value_is_taken)
{
	static const char *const texts[] = {"{}", "[]", "\"\"", "0", "-0", "10", "1.5", "-1.25e+2",
		"1E5", "1e-9", "true", "false", "null", "[1,\"a\",null,[true],{}]",
		"{\"a\":{\"b\":[{}]},\"c\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"}",
		" \t\r\n{ \"a\" : [ 1 , 2 ] } \r\n"};

	EXPECT_EACH(texts, JSON_OK);
}
END_TEST

START_TEST(values_are_those_of_the_text)
{
	static const char text[] = "{\"name\":\"\\u00e9\\ud83d\\ude00\\n\xc3\xa9\","
				   "\"\\u0061\":[-12.5,true,null]}";
	cJSON *tree;
	const cJSON *list;

	ck_assert_int_eq(parse_tree(text, strlen(text), &tree), JSON_OK);
	ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "name")),
		"\xc3\xa9\xf0\x9f\x98\x80\n\xc3\xa9");
	list = cJSON_GetObjectItemCaseSensitive(tree, "a");
	ck_assert_int_eq(cJSON_GetArraySize(list), 3);
	ck_assert_double_eq(cJSON_GetNumberValue(cJSON_GetArrayItem(list, 0)), -12.5);
	ck_assert(cJSON_IsTrue(cJSON_GetArrayItem(list, 1)));
	ck_assert(cJSON_IsNull(cJSON_GetArrayItem(list, 2)));
	cJSON_Delete(tree);
}
END_TEST

START_TEST(bad_grammar_is_refused)
{
	static const char *const texts[] = {"", " ", "{", "}", "[", "]", "\"", "{]", "[}", "[1",
		"[1,]", "[,1]", "[1 2]", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{\"a\":1,}",
		"{a:1}", "{'a':1}", "{1:2}", "{\"a\":1 \"b\":2}", "{\"a\":1}}", "{} {}", "{}x",
		"tru", "truE", "True", "nul", "falsey", "NaN", "Infinity", "-Infinity", "undefined",
		"// note\n1", "/**/1", "[1]//", "\"\\x41\"", "\"\\", "\"\\\"", "\"\\u12\"",
		"\"\\u00g0\"", "\"\\U0041\"", "\"a\nb\"", "\"a\tb\"", "\"\x1f\"", "\v1", "\f1",
		"\xef\xbb\xbf{}", "\xc2\xa0{}"};

	EXPECT_EACH(texts, JSON_BAD_SYNTAX);
}
END_TEST

START_TEST(bad_numbers_are_refused)
{
	static const char *const texts[] = {"-", "+1", "01", "-01", "00", "0123", "1.", ".5", "-.5",
		"1.e5", "1e", "1e+", "1e-", "1.5e", "0x10", "1_000", "1,5", "--1", "1e5.5",
		"[1e999]", "-1e999", "{\"a\":1e309}"};

	EXPECT_EACH(texts, JSON_BAD_SYNTAX);
	ck_assert_int_eq(parse("1e308"), JSON_OK);
	ck_assert_int_eq(parse("1e-999"), JSON_OK);
}
END_TEST

/* cJSON reads no more of a number than this. */
START_TEST(number_of_63_bytes_is_the_longest)
{
	char text[65];

	memset(text, '1', sizeof(text));
	ck_assert_int_eq(parse_bytes(text, 63), JSON_OK);
	ck_assert_int_eq(parse_bytes(text, 64), JSON_BAD_SYNTAX);
}
END_TEST

START_TEST(surrogates_come_in_pairs)
{
	static const char *const lone[] = {"\"\\ud800\"", "\"\\udbff\"", "\"\\udc00\"",
		"\"\\udfff\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"",
		"\"\\ud800\\u0041\"", "\"\\ud800\\u\"", "\"\\udc00\\ud800\""};

	EXPECT_EACH(lone, JSON_BAD_SYNTAX);
	ck_assert_int_eq(parse("\"\\ud800\\udc00\\udbff\\uDFFF\""), JSON_OK);
	ck_assert_int_eq(parse("\"\\ud7ff\\ue000\""), JSON_OK);
}
END_TEST

/* The first and last characters of each length, and the neighbours of the surrogates. */
static const char *const good_utf8[] = {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
	"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};

static const char *const bad_utf8[] = {
	"\x80",
	"\xbf",
	"\xfe",
	"\xff", /* never begin a character */
	"\xc0\x80",
	"\xc1\xbf",
	"\xe0\x9f\xbf",     /* overlong */
	"\xf0\x8f\xbf\xbf", /* overlong */
	"\xed\xa0\x80",
	"\xed\xbf\xbf", /* surrogates */
	"\xf4\x90\x80\x80",
	"\xf5\x80\x80\x80", /* above U+10FFFF */
	"\xc3",
	"\xc3(",
	"\xe2\x82",
	"\xe2(\xa1", /* cut or broken off */
	"\xe2\x82(",
	"\xf0\x9f\x98",
	"\xf0(\x8c\xbc",
	"\xf0\x90(\xbc",
	"\xf0\x90\x8c(",
};

START_TEST(strings_are_utf8)
{
	char text[16];

	for (size_t i = 0; i < sizeof(good_utf8) / sizeof(good_utf8[0]); i++) {
		snprintf(text, sizeof(text), "\"%s\"", good_utf8[i]);
		ck_assert_int_eq(parse(text), JSON_OK);
	}
	for (size_t i = 0; i < sizeof(bad_utf8) / sizeof(bad_utf8[0]); i++) {
		snprintf(text, sizeof(text), "\"%s\"", bad_utf8[i]);
		ck_assert_int_eq(parse(text), JSON_NOT_UTF8);
	}
}
END_TEST

START_TEST(what_is_not_utf8_is_so_behind_other_mistakes_too)
{
	static const char *const texts[] = {"{]\xff", "01 \xff", "{}\xff", "\xff",
		"\"\\u0000\xff\"", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\xff"};

	EXPECT_EACH(texts, JSON_NOT_UTF8);
}
END_TEST

START_TEST(utf8_is_told_from_other_bytes)
{
	ck_assert(escape_is_utf8("", 0));
	ck_assert(escape_is_utf8("a\0b", 3));
	for (size_t i = 0; i < sizeof(good_utf8) / sizeof(good_utf8[0]); i++) {
		ck_assert(escape_is_utf8(good_utf8[i], strlen(good_utf8[i])));
	}
	for (size_t i = 0; i < sizeof(bad_utf8) / sizeof(bad_utf8[0]); i++) {
		ck_assert(!escape_is_utf8(bad_utf8[i], strlen(bad_utf8[i])));
	}
	ck_assert(!escape_is_utf8("\xc3\xa9", 1));
}
END_TEST

START_TEST(nul_is_refused_raw_and_escaped)
{
	ck_assert_int_eq(parse("\"\\u0000\""), JSON_HAS_NUL);
	ck_assert_int_eq(parse("{\"a\\u0000b\":1}"), JSON_HAS_NUL);
	ck_assert_int_eq(parse_bytes("\"a\0b\"", 5), JSON_HAS_NUL);
	ck_assert_int_eq(parse_bytes("{}\0", 3), JSON_HAS_NUL);
	ck_assert_int_eq(parse_bytes("\0", 1), JSON_HAS_NUL);
	ck_assert_int_eq(parse_bytes("[1,\0]", 5), JSON_HAS_NUL);
	ck_assert_int_eq(parse("\"\\\\u0000\""), JSON_OK);
}
END_TEST

/* `[[…1…]]`, or the same of objects. */
static enum json_status parse_nested(int depth, const char *open, const char *close)
{
	char text[256];
	char *end = text;

	for (int i = 0; i < depth; i++) {
		end = stpcpy(end, open);
	}
	end = stpcpy(end, "1");
	for (int i = 0; i < depth; i++) {
		end = stpcpy(end, close);
	}
	return parse(text);
}

START_TEST(depth_of_16_is_the_deepest)
{
	ck_assert_int_eq(parse_nested(16, "[", "]"), JSON_OK);
	ck_assert_int_eq(parse_nested(17, "[", "]"), JSON_TOO_DEEP);
	ck_assert_int_eq(parse_nested(16, "{\"a\":", "}"), JSON_OK);
	ck_assert_int_eq(parse_nested(17, "{\"a\":", "}"), JSON_TOO_DEEP);
}
END_TEST

START_TEST(depth_counts_what_is_open_alone)
{
	static const char list[] = "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]";
	char text[256];

	snprintf(text, sizeof(text), "%s,%s]", list, list + 1);
	ck_assert_int_eq(parse(text), JSON_OK);
}
END_TEST

/* An object with count members, or a list of them. */
static enum json_status parse_many(int count, char open, const char *form, char close)
{
	char text[2048];
	size_t len = 0;

	text[len++] = open;
	for (int i = 0; i < count; i++) {
		len += (size_t)sprintf(text + len, "%s\"m%d\"%s", i > 0 ? "," : "", i, form);
	}
	text[len++] = close;
	return parse_bytes(text, len);
}

START_TEST(object_has_at_most_64_members)
{
	ck_assert_int_eq(parse_many(64, '{', ":1", '}'), JSON_OK);
	ck_assert_int_eq(parse_many(65, '{', ":1", '}'), JSON_TOO_MANY_MEMBERS);
	ck_assert_int_eq(parse_many(65, '[', "", ']'), JSON_OK);
}
END_TEST

START_TEST(duplicate_members_are_refused)
{
	static const char *const twice[] = {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":3}",
		"{\"a\":1,\"\\u0061\":2}", "{\"\":1,\"\":2}", "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
		"[{\"x\":[{\"a\":1,\"a\":2}]}]", "{\"b\":{},\"c\":[],\"b\":null}"};
	static const char *const once[] = {"{\"a\":1,\"A\":2}", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
		"[{\"a\":1},{\"a\":1}]", "{\"a\":\"a\",\"aa\":1,\"\":2}", "[\"a\",\"a\"]"};

	EXPECT_EACH(twice, JSON_DUPLICATE_MEMBER);
	EXPECT_EACH(once, JSON_OK);
}
END_TEST

START_TEST(every_cut_of_a_text_is_refused)
{
	static const char text[] = "{\"a\\n\xc3\xa9\\u00e9\\ud83d\\ude00\":[-1.5e+3,true,null],"
				   "\"b\":{\"c\":false}}";

	for (size_t len = 0; len < strlen(text); len++) {
		ck_assert_int_ne(parse_bytes(text, len), JSON_OK);
	}
	ck_assert_int_eq(parse(text), JSON_OK);
}
END_TEST

/* Plain bytes are skipped eight at a time: the one that counts may be at any place. */
START_TEST(byte_in_a_string_counts_wherever_it_stands)
{
	static const struct {
		const char *bytes;
		enum json_status status;
	} cases[] = {{"\n", JSON_BAD_SYNTAX}, {"\x1f", JSON_BAD_SYNTAX}, {" ", JSON_OK},
		{"\"", JSON_BAD_SYNTAX}, {"\\", JSON_BAD_SYNTAX}, {"\\n", JSON_OK}, {"!", JSON_OK},
		{"#", JSON_OK}, {"[", JSON_OK}, {"]", JSON_OK}, {"\x7f", JSON_OK},
		{"\x80", JSON_NOT_UTF8}, {"\xc3\xa9", JSON_OK}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int before = 0; before < 20; before++) {
			char text[64];

			snprintf(text, sizeof(text), "\"%.*s%szzzzzzzzzz\"", before,
				"zzzzzzzzzzzzzzzzzzzz", cases[i].bytes);
			ck_assert_msg(parse(text) == cases[i].status, "%s", text);
		}
	}
}
END_TEST

START_TEST(each_status_tells_people_something_else)
{
	for (int i = JSON_OK; i <= JSON_NO_MEMORY; i++) {
		ck_assert_int_gt((int)strlen(json_status_text((enum json_status)i)), 0);
		for (int j = JSON_OK; j < i; j++) {
			ck_assert_str_ne(json_status_text((enum json_status)i),
				json_status_text((enum json_status)j));
		}
	}
}
END_TEST

static void expect_quoted(const char *text, size_t len, const char *quoted)
{
	char *dst = malloc(ESCAPE_QUOTED_MAX(len));
	size_t got = escape_quote(dst, text, len);

	ck_assert_uint_eq(got, strlen(quoted));
	ck_assert_mem_eq(dst, quoted, got);
	free(dst);
}

START_TEST(quoted_text_escapes_what_json_wants)
{
	expect_quoted("", 0, "\"\"");
	expect_quoted("plain text, é", strlen("plain text, é"), "\"plain text, é\"");
	expect_quoted("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
	expect_quoted("\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"");
	expect_quoted("\0\x01\x0b\x1f\x7f", 5, "\"\\u0000\\u0001\\u000b\\u001f\x7f\"");
}
END_TEST

START_TEST(quoted_text_is_utf8_whatever_came)
{
	expect_quoted("a\xff", 2, "\"a\xef\xbf\xbd\"");
	expect_quoted("\xc3", 1, "\"\xef\xbf\xbd\"");
	expect_quoted("\xc3(\xe9t\xe9", 5, "\"\xef\xbf\xbd(\xef\xbf\xbdt\xef\xbf\xbd\"");
	expect_quoted("\xf0\x9f\x98\x80\xf0", 5, "\"\xf0\x9f\x98\x80\xef\xbf\xbd\"");
	for (size_t i = 0; i < sizeof(bad_utf8) / sizeof(bad_utf8[0]); i++) {
		char dst[ESCAPE_QUOTED_MAX(8)];

		ck_assert(escape_is_utf8(dst, escape_quote(dst, bad_utf8[i], strlen(bad_utf8[i]))));
	}
}
END_TEST

START_TEST(quoted_text_is_read_back)
{
	char text[256], dst[ESCAPE_QUOTED_MAX(sizeof(text))];
	size_t len = 0, quoted_len;
	cJSON *tree;

	for (int c = 1; c < 0x80; c++) {
		text[len++] = (char)c;
	}
	for (size_t i = 0; i < sizeof(good_utf8) / sizeof(good_utf8[0]); i++) {
		len += (size_t)sprintf(text + len, "%s", good_utf8[i]);
	}
	quoted_len = escape_quote(dst, text, len);
	ck_assert_int_eq(parse_tree(dst, quoted_len, &tree), JSON_OK);
	ck_assert_str_eq(cJSON_GetStringValue(tree), text);
	cJSON_Delete(tree);
}
END_TEST

static char text[512];
static struct json_reader reader;

static void begin(const char *json)
{
	ck_assert_uint_lt(strlen(json), sizeof(text));
	strcpy(text, json);
	json_begin(&reader, text, strlen(text));
}

static void expect_value(const struct json_value *value, enum json_type type, const char *shown)
{
	ck_assert_int_eq(value->type, type);
	ck_assert_uint_eq(value->len, strlen(shown));
	ck_assert_mem_eq(value->text, shown, value->len);
}

/* The next value of the reader. */
static void expect_next(enum json_type type, const char *shown)
{
	struct json_value value;

	ck_assert_int_eq(json_peek(&reader), type);
	ck_assert(json_take(&reader, &value));
	expect_value(&value, type, shown);
}

static void expect_name(struct json_object *object, const char *shown)
{
	struct json_value *name;

	ck_assert(json_member(&reader, object, &name));
	expect_value(name, JSON_STRING, shown);
}

static void expect_alone(const char *json, enum json_type type, const char *shown)
{
	begin(json);
	expect_next(type, shown);
	ck_assert_int_eq(json_end(&reader), JSON_OK);
}

START_TEST(a_value_is_taken_where_it_stands)
{
	expect_alone(" \t\"a\\\"b\" ", JSON_STRING, "a\\\"b");
	expect_alone("\"\"", JSON_STRING, "");
	expect_alone("\"\\\\\"", JSON_STRING, "\\\\");
	expect_alone("-1.5e3 ", JSON_NUMBER, "-1.5e3");
	expect_alone("0", JSON_NUMBER, "0");
	expect_alone("true", JSON_WORD, "true");
	expect_alone("null\r\n", JSON_WORD, "null");
	expect_alone("{\"a\":\"}\"} ", JSON_OBJECT, "{\"a\":\"}\"}");
	expect_alone("[[],[\"]\",\"\\\"]\"]] ", JSON_ARRAY, "[[],[\"]\",\"\\\"]\"]]");
}
END_TEST

START_TEST(members_are_read_in_order_whatever_stands_between_them)
{
	struct json_object object = {.n = 0};
	struct json_value *name;

	begin(" { \"a\" : 1 ,\"b\":{\"c\":[1,2]}, \"d\":\"x,y\" } ");
	expect_name(&object, "a");
	expect_next(JSON_NUMBER, "1");
	expect_name(&object, "b");
	expect_next(JSON_OBJECT, "{\"c\":[1,2]}");
	expect_name(&object, "d");
	expect_next(JSON_STRING, "x,y");
	ck_assert(!json_member(&reader, &object, &name));
	ck_assert_int_eq(json_end(&reader), JSON_OK);
}
END_TEST

START_TEST(elements_are_read_in_order)
{
	unsigned n = 0;

	begin("[ {\"a\":1}, \"\" , null]");
	ck_assert(json_element(&reader, &n));
	expect_next(JSON_OBJECT, "{\"a\":1}");
	ck_assert(json_element(&reader, &n));
	expect_next(JSON_STRING, "");
	ck_assert(json_element(&reader, &n));
	expect_next(JSON_WORD, "null");
	ck_assert(!json_element(&reader, &n));
	ck_assert_int_eq(json_end(&reader), JSON_OK);
}
END_TEST

START_TEST(empty_lists_have_nothing_in_them)
{
	struct json_object object = {.n = 0};
	struct json_value *name;
	unsigned n = 0;

	begin("{ }");
	ck_assert(!json_member(&reader, &object, &name));
	ck_assert_int_eq(json_end(&reader), JSON_OK);
	begin("[\n]");
	ck_assert(!json_element(&reader, &n));
	ck_assert_int_eq(json_end(&reader), JSON_OK);
}
END_TEST

START_TEST(nothing_is_read_behind_an_error_and_the_end_tells_it)
{
	struct json_object object = {.n = 0};
	struct json_value *name, value;

	begin("{\"a\":01,\"b\":2}");
	expect_name(&object, "a");
	expect_next(JSON_NUMBER, "0");
	ck_assert(!json_member(&reader, &object, &name));
	ck_assert(!json_take(&reader, &value));
	ck_assert_int_eq(json_end(&reader), JSON_BAD_SYNTAX);
}
END_TEST

START_TEST(strings_are_decoded_where_they_stand_once_all_is_read)
{
	struct json_object object = {.n = 0};
	struct json_value *name, value;

	begin("{\"\\u0061\\n\":\"\\\\ \\/ \\\"\\b\\f\\r\\t\\u20AC\\ud83d\\uDE00\xc3\xbc\"}");
	ck_assert(json_member(&reader, &object, &name));
	ck_assert(json_is(name, "a\n"));
	ck_assert(!json_is(name, "a"));
	ck_assert(!json_is(name, "a\n "));
	ck_assert(json_take(&reader, &value));
	ck_assert(!json_member(&reader, &object, &name));
	ck_assert_int_eq(json_end(&reader), JSON_OK);
	ck_assert_str_eq(json_decode(&object.names[0]), "a\n");
	ck_assert_uint_eq(object.names[0].len, 2);
	ck_assert_str_eq(json_decode(&value), "\\ / \"\b\f\r\t€😀ü");
}
END_TEST

UNIT_MAIN("json", every_kind_of_value_is_taken, values_are_those_of_the_text,
	bad_grammar_is_refused, bad_numbers_are_refused, number_of_63_bytes_is_the_longest,
	surrogates_come_in_pairs, strings_are_utf8,
	what_is_not_utf8_is_so_behind_other_mistakes_too, utf8_is_told_from_other_bytes,
	nul_is_refused_raw_and_escaped, depth_of_16_is_the_deepest, depth_counts_what_is_open_alone,
	object_has_at_most_64_members, duplicate_members_are_refused,
	every_cut_of_a_text_is_refused, byte_in_a_string_counts_wherever_it_stands,
	each_status_tells_people_something_else, quoted_text_escapes_what_json_wants,
	quoted_text_is_utf8_whatever_came, quoted_text_is_read_back,
	a_value_is_taken_where_it_stands, members_are_read_in_order_whatever_stands_between_them,
	elements_are_read_in_order, empty_lists_have_nothing_in_them,
	nothing_is_read_behind_an_error_and_the_end_tells_it,
	strings_are_decoded_where_they_stand_once_all_is_read)
