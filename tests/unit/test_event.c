#include "core/event.h"

#include "unit.h"

START_TEST(each_kind_is_found_by_its_name)
{
	for (int i = 0; i < EVENT_KINDS; i++) {
		enum event_kind kind = EVENT_KINDS;

		ck_assert(event_kind_find(event_kind_name((enum event_kind)i), &kind));
		ck_assert_int_eq((int)kind, i);
	}
}
END_TEST

START_TEST(other_names_are_not_found)
{
	static const char *const names[] = {"", "tokenrefreshed", "tokenRefreshed ", "loggedOut"};
	enum event_kind kind;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		ck_assert_msg(!event_kind_find(names[i], &kind), "%s", names[i]);
	}
}
END_TEST

UNIT_MAIN("event", each_kind_is_found_by_its_name, other_names_are_not_found)
