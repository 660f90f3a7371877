#include "proto/escape.h"

#include <string.h>

#include "unit.h"

/* How many plain bytes the text begins with, whatever its alignment. */
static size_t plain(const char *text)
{
	char moved[64];
	size_t found = 0;

	for (size_t shift = 0; shift < 8; shift++) {
		const unsigned char *begin = (const unsigned char *)moved + shift;

		strcpy(moved + shift, text);
		found = (size_t)(escape_skip_plain(begin, begin + strlen(text)) - begin);
	}
	return found;
}

START_TEST(plain_bytes_end_at_quotes_backslashes_control_bytes_and_what_is_not_ascii)
{
	ck_assert_uint_eq(plain("twenty plain bytes .\"x"), 20);
	ck_assert_uint_eq(plain("seven..\\n"), 7);
	ck_assert_uint_eq(plain("12345678901234567\x1f"), 17);
	ck_assert_uint_eq(plain("1234567\xc3\xbc"), 7);
	ck_assert_uint_eq(plain("all of it \x7f ~ is plain"), 22);
	ck_assert_uint_eq(plain(""), 0);
}
END_TEST

START_TEST(four_hexadecimal_digits_are_taken_or_none)
{
	const unsigned char *at = (const unsigned char *)"00eFx";

	ck_assert_int_eq(escape_hex4(&at), 0xef);
	ck_assert_int_eq(*at, 'x');
	at = (const unsigned char *)"12g4";
	ck_assert_int_eq(escape_hex4(&at), -1);
	ck_assert_int_eq(*at, 'g');
}
END_TEST

START_TEST(an_escape_becomes_its_character_in_utf8)
{
	static const char *const cases[][2] = {{"x", "x"}, {"\\n", "\n"}, {"\\/", "/"},
		{"\\u0041", "A"}, {"\\u00fc", "ü"}, {"\\u20ac", "€"}, {"\\ud83d\\ude00", "😀"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const unsigned char *at = (const unsigned char *)cases[i][0];
		char dst[ESCAPE_CHARACTER_MAX];
		char *end = escape_take(&at, dst);

		ck_assert_int_eq(*at, '\0');
		ck_assert_uint_eq((size_t)(end - dst), strlen(cases[i][1]));
		ck_assert_mem_eq(dst, cases[i][1], (size_t)(end - dst));
	}
}
END_TEST

UNIT_MAIN("escape", plain_bytes_end_at_quotes_backslashes_control_bytes_and_what_is_not_ascii,
	four_hexadecimal_digits_are_taken_or_none, an_escape_becomes_its_character_in_utf8)
