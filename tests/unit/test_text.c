#include "core/text.h"

#include <string.h>

#include "core/secret.h"
#include "unit.h"

static void expect(const char *text, size_t len, const char *clean)
{
	char dst[TEXT_UPSTREAM_SIZE];

	text_clean(dst, text, len, NULL, 0);
	ck_assert_str_eq(dst, clean);
}

START_TEST(control_characters_and_broken_utf8_are_escaped)
{
	expect("a\r\nb\x1b[31m\x7f", 10, "a\\x0d\\x0ab\\x1b[31m\\x7f");
	expect("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
	expect("\xc3", 1, "\\xc3");
	expect("\xc2\x9b!", 3, "\\xc2\\x9b!"); /* a control character of its own: CSI */
	expect("\0x", 2, "\\x00x");
}
END_TEST

START_TEST(long_text_is_cut_at_200_bytes_and_shows_it)
{
	char text[300], dst[TEXT_UPSTREAM_SIZE];

	memset(text, 'x', sizeof(text));
	text_clean(dst, text, sizeof(text), NULL, 0);
	ck_assert_uint_eq(strlen(dst), 200 + strlen("…"));
	ck_assert_str_eq(dst + 200, "…");
	text_clean(dst, text, 200, NULL, 0);
	ck_assert_uint_eq(strlen(dst), 200);
}
END_TEST

START_TEST(a_cut_never_splits_a_character)
{
	char text[300], dst[TEXT_UPSTREAM_SIZE];

	for (size_t i = 0; i < sizeof(text); i += 3) {
		memcpy(text + i, "€", 3);
	}
	text_clean(dst, text, sizeof(text), NULL, 0);
	ck_assert(text_is_utf8(dst, strlen(dst)));
}
END_TEST

START_TEST(known_secrets_are_replaced_wherever_they_stand)
{
	struct secret *secret = secret_new("hunter2!", 8), *tiny = secret_new("ab", 2);
	const struct secret *const secrets[] = {secret, NULL, tiny};
	char dst[TEXT_UPSTREAM_SIZE];
	const char *text = "bad client_secret=hunter2! (hunter2!hunter2) ab";

	text_clean(dst, text, strlen(text), secrets, 3);
	ck_assert_str_eq(dst, "bad client_secret=*** (***hunter2) ab");
	secret_free(secret);
	secret_free(tiny);
}
END_TEST

START_TEST(utf8_is_what_rfc_3629_says)
{
	ck_assert(text_is_utf8("", 0));
	ck_assert(text_is_utf8("\xf0\x9f\x98\x80", 4));
	ck_assert(text_is_utf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10));
	ck_assert(!text_is_utf8("\xc0\xaf", 2)); /* overlong */
	ck_assert(!text_is_utf8("\xe0\x80\xaf", 3));
	ck_assert(!text_is_utf8("\xf0\x80\x80\xaf", 4));
	ck_assert(!text_is_utf8("\xed\xa0\x80", 3));     /* a surrogate */
	ck_assert(!text_is_utf8("\xf4\x90\x80\x80", 4)); /* above U+10FFFF */
	ck_assert(!text_is_utf8("\x80", 1));
	ck_assert(!text_is_utf8("\xe2\x82", 2));
}
END_TEST

UNIT_MAIN("text", control_characters_and_broken_utf8_are_escaped,
	long_text_is_cut_at_200_bytes_and_shows_it, a_cut_never_splits_a_character,
	known_secrets_are_replaced_wherever_they_stand, utf8_is_what_rfc_3629_says)
