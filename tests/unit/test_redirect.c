#include "client/redirect.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define BACK "http://localhost/back"

static void expect_text(const char *from, const char *text, const char *expected)
{
	ck_assert_msg(!text == !expected && (!text || strcmp(text, expected) == 0),
		"%s: %s, not %s", from, text, expected);
}

START_TEST(answer_is_read_from_an_address)
{
	static const struct {
		const char *address, *code, *token, *state, *error;
	} cases[] = {
		{BACK "?code=c&state=s", "c", NULL, "s", NULL},
		{BACK "?state=s&code=c&iss=https%3A%2F%2Fx#_=_", "c", NULL, "s", NULL},
		{"?code=c", "c", NULL, NULL, NULL},
		{"app:/back?code=c", "c", NULL, NULL, NULL},
		{BACK "?code=a%2Fb+c%25", "a/b c%", NULL, NULL, NULL},
		{BACK "?code=", "", NULL, NULL, NULL},
		{BACK "#access_token=t&state=s", NULL, "t", "s", NULL},
		{BACK "?x=y#access_token=t", NULL, "t", NULL, NULL},
		{"#access_token=t", NULL, "t", NULL, NULL},
		{BACK "?error=access_denied&state=s", NULL, NULL, "s", "access_denied"},
	};
	struct redirect redirect;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = strdup(cases[i].address);

		ck_assert_msg(redirect_read(&redirect, text), "%s", cases[i].address);
		ck_assert(redirect.is_address);
		expect_text(cases[i].address, redirect.code, cases[i].code);
		expect_text(cases[i].address, redirect.token, cases[i].token);
		expect_text(cases[i].address, redirect.state, cases[i].state);
		expect_text(cases[i].address, redirect.error, cases[i].error);
		free(text);
	}
}
END_TEST

START_TEST(text_that_is_no_address_is_a_code)
{
	static const char *const codes[] = {"c0de", "4/0A-b_c~d.e", "a%2Fb", "a=b&c=d", "a/b+c=="};
	struct redirect redirect;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		char *text = strdup(codes[i]);

		ck_assert(redirect_read(&redirect, text));
		ck_assert(!redirect.is_address);
		expect_text(codes[i], redirect.code, codes[i]);
		free(text);
	}
}
END_TEST

START_TEST(address_without_an_answer_is_none)
{
	static const char *const others[] = {BACK, BACK "?", BACK "#", BACK "?#", "?", "#", "?code",
		"https://login.example/", BACK "?state=s", BACK "?code=a&code=b",
		BACK "?code=a#code=b", BACK "?code=%", BACK "?code=%4", BACK "?code=%4g",
		BACK "?code=%00", BACK "?xcode=c"};
	struct redirect redirect;

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		char *text = strdup(others[i]);

		ck_assert_msg(!redirect_read(&redirect, text), "%s", others[i]);
		free(text);
	}
}
END_TEST

START_TEST(parts_are_read_alone)
{
	char good[] = "access_token=t&expires_in=60&state=s&error_description=d";
	char empty[] = "";
	struct redirect redirect;

	ck_assert(redirect_read_part(&redirect, good));
	expect_text("a part", redirect.token, "t");
	expect_text("a part", redirect.expires_in, "60");
	expect_text("a part", redirect.error_description, "d");
	ck_assert(!redirect_read_part(&redirect, empty));
}
END_TEST

UNIT_MAIN("redirect", answer_is_read_from_an_address, text_that_is_no_address_is_a_code,
	address_without_an_answer_is_none, parts_are_read_alone)
