#include "client/loopback/place.h"

#include <stdlib.h>

#include "unit.h"

START_TEST(place_is_taken_apart)
{
	static const struct {
		const char *uri, *host;
		int port;
		const char *path;
		size_t path_len;
	} cases[] = {
		{"http://localhost", "localhost", 0, "", 0},
		{"http://localhost/", "localhost", 0, "/", 1},
		{"http://localhost:8400/a/b?c=d", "localhost", 8400, "/a/b?c=d", 4},
		{"http://localhost?c=d", "localhost", 0, "?c=d", 0},
		{"http://127.0.0.1:1/", "127.0.0.1", 1, "/", 1},
		{"http://127.255.255.255:65535", "127.255.255.255", 65535, "", 0},
		{"http://[::1]:80/x", "[::1]", 80, "/x", 2},
		{"http://[::1]/x", "[::1]", 0, "/x", 2},
	};
	struct place place;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_msg(place_read(&place, cases[i].uri), "%s", cases[i].uri);
		ck_assert_str_eq(place.host, cases[i].host);
		ck_assert_int_eq(place.port, cases[i].port);
		ck_assert_str_eq(place.path, cases[i].path);
		ck_assert_uint_eq(place.path_len, cases[i].path_len);
	}
}
END_TEST

START_TEST(what_leads_elsewhere_is_no_place)
{
	static const char *const others[] = {"", "http://", "http:///", "https://localhost/",
		"HTTP://localhost/", "http://localhost.example/", "http://localhostx",
		"http://LOCALHOST/", "http://user@localhost/", "http://127.0.0.1.example/",
		"http://127.1/", "http://128.0.0.1/", "http://[::1", "http://[::1]x/",
		"http://[::2]/", "http://localhost:/", "http://localhost:0/",
		"http://localhost:65536/", "http://localhost:123456/", "http://localhost:8x/",
		"http://localhost:-1/", "app:/back"};
	struct place place;

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		ck_assert_msg(!place_read(&place, others[i]), "%s", others[i]);
	}
}
END_TEST

START_TEST(place_gets_a_port)
{
	struct place place;
	char *uri;

	ck_assert(place_read(&place, "http://localhost/back?a=b"));
	place.port = 1234;
	uri = place_uri(&place);
	ck_assert_str_eq(uri, "http://localhost:1234/back?a=b");
	free(uri);
}
END_TEST

START_TEST(browsers_leave_port_80_out)
{
	char authority[PLACE_AUTHORITY_SIZE], origin[PLACE_ORIGIN_SIZE];
	struct place place;

	ck_assert(place_read(&place, "http://[::1]:8080/"));
	place_authority(&place, authority);
	place_origin(&place, origin);
	ck_assert_str_eq(authority, "[::1]:8080");
	ck_assert_str_eq(origin, "http://[::1]:8080");
	place.port = 80;
	place_authority(&place, authority);
	place_origin(&place, origin);
	ck_assert_str_eq(authority, "[::1]");
	ck_assert_str_eq(origin, "http://[::1]");
}
END_TEST

START_TEST(path_is_compared_whole)
{
	struct place place;

	ck_assert(place_read(&place, "http://localhost/back?a=b"));
	ck_assert(place_is_path(&place, "/back"));
	ck_assert(!place_is_path(&place, "/back?a=b"));
	ck_assert(!place_is_path(&place, "/bac"));
	ck_assert(!place_is_path(&place, "/back/"));
	ck_assert(!place_is_path(&place, "/"));
	ck_assert(place_read(&place, "http://localhost"));
	ck_assert(place_is_path(&place, "/"));
	ck_assert(!place_is_path(&place, ""));
}
END_TEST

UNIT_MAIN("place", place_is_taken_apart, what_leads_elsewhere_is_no_place, place_gets_a_port,
	browsers_leave_port_80_out, path_is_compared_whole)
