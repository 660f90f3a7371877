#include "client/loopback/page.h"

#include <string.h>

#include "unit.h"

START_TEST(text_from_outside_is_no_html)
{
	struct page page;

	ck_assert_int_eq(page_signed_in(&page, "a&b", "\"<i>x</i>\"\n", NULL), 0);
	ck_assert_int_eq(page.status, 200);
	ck_assert_ptr_nonnull(strstr(page.html, "<dd>a&amp;b</dd>"));
	ck_assert_ptr_nonnull(strstr(page.html, "<dd>&quot;&lt;i&gt;x&lt;/i&gt;&quot;\\n</dd>"));
	ck_assert_ptr_null(strstr(page.html, "Login server"));
	page_done(&page);
	ck_assert_int_eq(page_failed(&page, "p", "<script>\n", false), 0);
	ck_assert_ptr_nonnull(strstr(page.html, "<p>&lt;script&gt;\\n</p>"));
	ck_assert_ptr_nonnull(strstr(page.html, "<h1>Not signed in</h1>"));
	page_done(&page);
	ck_assert_int_eq(page_failed(&page, "p", "it goes on", true), 0);
	ck_assert_ptr_nonnull(strstr(page.html, "<h1>Not signed in yet</h1>"));
	page_done(&page);
}
END_TEST

START_TEST(each_verdict_has_its_page)
{
	for (int i = 0; i < GATE_VERDICTS; i++) {
		struct page page;

		if (i == GATE_GO_ON || i == GATE_CAME_BACK) {
			continue;
		}
		ck_assert_int_eq(page_verdict(&page, (enum gate_verdict)i), 0);
		ck_assert_int_eq(page.posts, i == GATE_FRAGMENT);
		ck_assert_int_eq(page.status >= 400, i != GATE_FRAGMENT);
		ck_assert_int_eq(!!strstr(page.html, "<script"), i == GATE_FRAGMENT);
		ck_assert_ptr_null(strstr(page.html, "(null)"));
		page_done(&page);
	}
}
END_TEST

START_TEST(no_two_pages_have_one_nonce)
{
	struct page page, other;

	ck_assert_int_eq(page_verdict(&page, GATE_OVER), 0);
	ck_assert_int_eq(page_verdict(&other, GATE_OVER), 0);
	ck_assert_uint_eq(strlen(page.nonce), RANDOM_SIZE - 1);
	ck_assert_str_ne(page.nonce, other.nonce);
	ck_assert_ptr_nonnull(strstr(page.html, page.nonce));
	page_done(&page);
	page_done(&other);
}
END_TEST

UNIT_MAIN("page", text_from_outside_is_no_html, each_verdict_has_its_page,
	no_two_pages_have_one_nonce)
