#include "client/loopback/gate.h"

#include <string.h>

#include "unit.h"

#define PAGE   "11111111111111111111111111111111"
#define COOKIE "22222222222222222222222222222222"
#define STATE  "the-state"
#define HOST   "localhost:8400"
#define KNOWN  "gctoken_login_8400=" COOKIE

static struct place place;
static struct gate gate;
static struct redirect redirect;

/* Asks a new gate; opened: a browser has been sent off by it. */
static void begin(bool opened)
{
	ck_assert(place_read(&place, "http://" HOST "/back"));
	gate_init(&gate, &place, STATE, false, PAGE, COOKIE);
	gate.opened = opened;
}

static enum gate_verdict ask(const char *path, const char *cookie, const char *query)
{
	static char copy[256];
	const struct gate_request request = {.ours = true,
		.host = HOST,
		.path = path,
		.cookie = cookie,
		.query = query ? strcpy(copy, query) : NULL};

	return gate_judge(&gate, &request, &redirect);
}

START_TEST(browser_goes_on_and_comes_back_once)
{
	begin(false);
	ck_assert_int_eq(ask("/" PAGE, NULL, NULL), GATE_GO_ON);
	ck_assert_int_eq(
		ask("/back", "a=b; " KNOWN "; c", "code=c%20d&state=" STATE), GATE_CAME_BACK);
	ck_assert_str_eq(redirect.code, "c d");
	ck_assert_int_eq(ask("/back", KNOWN, "code=c&state=" STATE), GATE_OVER);
	ck_assert_int_eq(ask("/" PAGE, KNOWN, NULL), GATE_OVER);
}
END_TEST

START_TEST(refusal_comes_back_too)
{
	begin(true);
	ck_assert_int_eq(ask("/back", KNOWN, "error=access_denied&state=" STATE), GATE_CAME_BACK);
	ck_assert_str_eq(redirect.error, "access_denied");
}
END_TEST

START_TEST(nothing_comes_back_before_a_browser_was_sent_off)
{
	begin(false);
	ck_assert_int_eq(ask("/back", KNOWN, "code=c&state=" STATE), GATE_NO_COOKIE);
}
END_TEST

START_TEST(page_is_for_one_browser)
{
	begin(true);
	ck_assert_int_eq(ask("/" PAGE, KNOWN, NULL), GATE_OPENED);
	ck_assert_int_eq(ask("/" PAGE, NULL, NULL), GATE_OPENED);
	ck_assert_int_eq(ask("/back", KNOWN, "code=c&state=" STATE), GATE_CAME_BACK);
}
END_TEST

START_TEST(page_is_found_by_its_whole_name)
{
	begin(false);
	ck_assert_int_eq(ask("/", NULL, NULL), GATE_NOT_FOUND);
	ck_assert_int_eq(ask("", NULL, NULL), GATE_NOT_FOUND);
	ck_assert_int_eq(ask("/" PAGE "1", NULL, NULL), GATE_NOT_FOUND);
	ck_assert_int_eq(ask(PAGE, NULL, NULL), GATE_NOT_FOUND);
	ck_assert(!gate.opened);
}
END_TEST

START_TEST(cookie_is_compared_whole)
{
	static const char *const others[] = {NULL, "", ";", " ; ;", COOKIE, "gctoken_login_8400",
		"gctoken_login_8400=", "gctoken_login_8400=" PAGE, KNOWN "3", "x" KNOWN,
		"gctoken_login_8401=" COOKIE, "Gctoken_login_8400=" COOKIE, KNOWN " "};

	begin(true);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		ck_assert_int_eq(ask("/back", others[i], "code=c&state=" STATE), GATE_NO_COOKIE);
	}
	ck_assert_int_eq(
		ask("/back", "gctoken_login_8400=x;" KNOWN, "code=c&state=" STATE), GATE_CAME_BACK);
}
END_TEST

START_TEST(state_is_compared_whole)
{
	static const char *const others[] = {"code=c", "code=c&state=", "code=c&state=the-stat",
		"code=c&state=the-state2", "code=c&state=The-state"};

	begin(true);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		ck_assert_int_eq(ask("/back", KNOWN, others[i]), GATE_WRONG_STATE);
	}
	ck_assert_int_eq(ask("/back", KNOWN, "code=c&state=%74he-state"), GATE_CAME_BACK);
}
END_TEST

START_TEST(answer_has_a_code_or_an_error)
{
	static const char *const others[] = {NULL, "", "state=" STATE, "code=a&code=b&state=" STATE,
		"code=%&state=" STATE, "codes=c&state=" STATE};

	begin(true);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		ck_assert_int_eq(ask("/back", KNOWN, others[i]), GATE_NO_ANSWER);
	}
}
END_TEST

static enum gate_verdict post(const char *origin, const char *cookie, const char *body)
{
	static char copy[256];
	const struct gate_request request = {.ours = true,
		.post = true,
		.host = HOST,
		.path = "/back",
		.cookie = cookie,
		.origin = origin,
		.body = body ? strcpy(copy, body) : NULL};

	return gate_judge(&gate, &request, &redirect);
}

START_TEST(fragment_is_posted_by_its_own_page)
{
	begin(true);
	gate.takes_token = true;
	ck_assert_int_eq(ask("/back", KNOWN, NULL), GATE_FRAGMENT);
	ck_assert_int_eq(ask("/back", KNOWN, "x=y"), GATE_FRAGMENT);
	ck_assert_int_eq(ask("/back", NULL, NULL), GATE_NO_COOKIE);
	ck_assert_int_eq(post(NULL, KNOWN, "access_token=t&state=" STATE), GATE_WRONG_ORIGIN);
	ck_assert_int_eq(post("null", KNOWN, "access_token=t&state=" STATE), GATE_WRONG_ORIGIN);
	ck_assert_int_eq(post("http://" HOST, NULL, "access_token=t&state=" STATE), GATE_NO_COOKIE);
	ck_assert_int_eq(post("http://" HOST, KNOWN, NULL), GATE_NO_ANSWER);
	ck_assert_int_eq(post("http://" HOST, KNOWN, "access_token=t"), GATE_WRONG_STATE);
	ck_assert_int_eq(
		post("http://" HOST, KNOWN, "access_token=t+%2B&expires_in=9&state=" STATE),
		GATE_CAME_BACK);
	ck_assert_str_eq(redirect.token, "t +");
	ck_assert_str_eq(redirect.expires_in, "9");
}
END_TEST

START_TEST(nothing_is_posted_where_a_code_comes_back)
{
	begin(true);
	ck_assert_int_eq(post("http://" HOST, KNOWN, "code=c&state=" STATE), GATE_NOT_FOUND);
}
END_TEST

START_TEST(host_is_compared_whole)
{
	static const char *const others[] = {NULL, "", "localhost", "localhost:840",
		"localhost:84000", "127.0.0.1:8400", "a.example"};

	begin(false);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		const struct gate_request request = {
			.ours = true, .host = others[i], .path = "/" PAGE};

		ck_assert_int_eq(gate_judge(&gate, &request, &redirect), GATE_WRONG_HOST);
	}
	ck_assert(!gate.opened);
}
END_TEST

START_TEST(nothing_is_for_other_users)
{
	const struct gate_request request = {.host = HOST, .path = "/" PAGE};

	begin(false);
	ck_assert_int_eq(gate_judge(&gate, &request, &redirect), GATE_WRONG_USER);
	ck_assert(!gate.opened);
}
END_TEST

START_TEST(cookie_is_given_and_taken_back)
{
	char text[GATE_COOKIE_SIZE];

	begin(false);
	gate_set_cookie(&gate, true, text);
	ck_assert_str_eq(text, KNOWN "; Path=/; Max-Age=660; HttpOnly; SameSite=Lax");
	gate_set_cookie(&gate, false, text);
	ck_assert_str_eq(text, "gctoken_login_8400=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
}
END_TEST

UNIT_MAIN("gate", browser_goes_on_and_comes_back_once, refusal_comes_back_too,
	nothing_comes_back_before_a_browser_was_sent_off, page_is_for_one_browser,
	page_is_found_by_its_whole_name, cookie_is_compared_whole, state_is_compared_whole,
	answer_has_a_code_or_an_error, fragment_is_posted_by_its_own_page,
	nothing_is_posted_where_a_code_comes_back, host_is_compared_whole,
	nothing_is_for_other_users, cookie_is_given_and_taken_back)
