#include "core/encode.h"

#include <string.h>

#include "core/secret.h"
#include "unit.h"

static void expect_form(struct form *form, const char *text)
{
	struct secret *secret = form_take(form);

	ck_assert_ptr_nonnull(secret);
	ck_assert_str_eq(secret_reveal(secret), text);
	secret_free(secret);
}

START_TEST(form_escapes_all_but_letters_digits_and_four_marks)
{
	struct form form = {0};

	form_add(&form, "a b", "c&d=e+f%/~*-._");
	form_add(&form, "none", NULL);
	form_add(&form, "ü", "\x01");
	expect_form(&form, "a+b=c%26d%3De%2Bf%25%2F%7E*-._&%C3%BC=%01");
}
END_TEST

START_TEST(form_grows_past_its_first_room)
{
	static char value[5000];
	struct form form = {0};
	struct secret *secret;

	memset(value, '&', sizeof(value) - 1);
	form_add(&form, "v", value);
	secret = form_take(&form);
	ck_assert_uint_eq(secret_len(secret), 2 + 3 * (sizeof(value) - 1));
	ck_assert_str_eq(secret_reveal(secret) + secret_len(secret) - 6, "%26%26");
	secret_free(secret);
}
END_TEST

START_TEST(an_empty_form_is_an_empty_text)
{
	struct form form = {0};

	expect_form(&form, "");
}
END_TEST

/* RFC 4648 section 10. */
START_TEST(base64_is_that_of_rfc_4648)
{
	static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct form form = {0};

		form_add_base64(&form, vectors[i][0], strlen(vectors[i][0]));
		expect_form(&form, vectors[i][1]);
	}
}
END_TEST

/* RFC 7515 appendix C, and the digits that differ. */
START_TEST(base64url_has_no_padding_and_two_digits_of_its_own)
{
	static const char *const vectors[][2] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"},
		{"foo", "Zm9v"}, {"\x03\xec\xff\xe0\xc1", "A-z_4ME"}};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct form form = {0};

		form_add_base64url(&form, vectors[i][0], strlen(vectors[i][0]));
		expect_form(&form, vectors[i][1]);
	}
}
END_TEST

START_TEST(base64url_is_decoded_and_anything_else_refused)
{
	char out[16];

	ck_assert_int_eq(encode_unbase64url(out, "Zm9vYg", 6), 4);
	ck_assert_mem_eq(out, "foob", 4);
	ck_assert_int_eq(encode_unbase64url(out, "__79", 4), 3);
	ck_assert_mem_eq(out, "\xff\xfe\xfd", 3);
	ck_assert_int_eq(encode_unbase64url(out, "", 0), 0);
	ck_assert_int_eq(encode_unbase64url(out, "A", 1), -1);
	ck_assert_int_eq(encode_unbase64url(out, "Zg==", 4), -1);
	ck_assert_int_eq(encode_unbase64url(out, "//79", 4), -1);
}
END_TEST

UNIT_MAIN("encode", form_escapes_all_but_letters_digits_and_four_marks,
	form_grows_past_its_first_room, an_empty_form_is_an_empty_text, base64_is_that_of_rfc_4648,
	base64url_has_no_padding_and_two_digits_of_its_own,
	base64url_is_decoded_and_anything_else_refused)
