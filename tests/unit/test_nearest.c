#include "core/nearest.h"

#include <string.h>

#include "unit.h"

static const char *nearest_to(const char *written)
{
	static const char *const names[] = {
		"client_id", "client_secret", "client_secret_file", "scope", "host"};
	struct nearest nearest;

	nearest_init(&nearest, written);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		nearest_offer(&nearest, names[i]);
	}
	return nearest.best;
}

START_TEST(slip_is_seen_through)
{
	ck_assert_pstr_eq(nearest_to("clientid"), "client_id");
	ck_assert_pstr_eq(nearest_to("cleint_id"), "client_id");
	ck_assert_pstr_eq(nearest_to("client-id"), "client_id");
	ck_assert_pstr_eq(nearest_to("Client_ID"), "client_id");
	ck_assert_pstr_eq(nearest_to("client_secrets"), "client_secret");
	ck_assert_pstr_eq(nearest_to("client_secret_fiel"), "client_secret_file");
	ck_assert_pstr_eq(nearest_to("scopes"), "scope");
	ck_assert_pstr_eq(nearest_to("hsot"), "host");
}
END_TEST

START_TEST(what_is_too_far_has_no_nearest)
{
	ck_assert_ptr_null(nearest_to(""));
	ck_assert_ptr_null(nearest_to("token"));
	ck_assert_ptr_null(nearest_to("hooooost"));
	ck_assert_ptr_null(nearest_to("secret"));
}
END_TEST

START_TEST(long_names_are_near_to_none)
{
	char name[NEAREST_NAME_MAX + 2];
	struct nearest nearest;

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	nearest_init(&nearest, name);
	nearest_offer(&nearest, name);
	ck_assert_ptr_null(nearest.best);
	name[NEAREST_NAME_MAX] = '\0';
	nearest_offer(&nearest, name);
	ck_assert_ptr_eq(nearest.best, name);
}
END_TEST

UNIT_MAIN("nearest", slip_is_seen_through, what_is_too_far_has_no_nearest,
	long_names_are_near_to_none)
