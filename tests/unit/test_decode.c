#include "core/decode.h"

#include <string.h>

#include "core/encode.h"
#include "unit.h"

static void expect(void (*decode)(struct form *out, const char *text, size_t len), const char *text,
	const char *decoded)
{
	struct form out = {0};

	decode(&out, text, strlen(text));
	form_add_raw(&out, "", 1);
	ck_assert_str_eq(out.text, decoded);
	form_done(&out);
}

START_TEST(forms_are_decoded)
{
	expect(decode_form, "a%2Fb%2fc+d%20e", "a/b/c d e");
	expect(decode_form, "%C3%A9", "\u00e9");
}
END_TEST

START_TEST(what_is_no_encoding_stays)
{
	expect(decode_form, "100% %zz %4", "100% %zz %4");
	expect(decode_json, "\\x \\u12g4 \\u12 \\", "\\x \\u12g4 \\u12 \\");
}
END_TEST

START_TEST(strings_of_json_are_decoded)
{
	expect(decode_json, "a\\\"b\\\\c\\/d\\n\\t", "a\"b\\c/d\n\t");
	expect(decode_json, "\\u0041\\u00e9\\u20ac\\uD83D\\ude00", "A\u00e9\u20ac\U0001f600");
	expect(decode_json, "\\ud83d\\u0041", "\xed\xa0\xbd\x41"); /* half a character */
}
END_TEST

UNIT_MAIN("decode", forms_are_decoded, what_is_no_encoding_stays, strings_of_json_are_decoded)
