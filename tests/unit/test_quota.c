#include "core/quota.h"

#include "unit.h"

enum { ALICE = 1000, BOB = 1001, SELF = 500 };

static struct quota *quota;

static void setup_limits(unsigned connections, unsigned per_uid, unsigned waiters, unsigned rate)
{
	quota = quota_new();
	quota_set(quota, &(struct quota_limits){
				 .connections = connections,
				 .connections_per_uid = per_uid,
				 .waiters = waiters,
				 .requests = rate,
				 .quarantine_ms = 30000,
				 .own_uid = SELF,
			 });
}

/* A reload. */
static void change_rate(unsigned rate, int64_t quarantine_ms)
{
	quota_set(quota, &(struct quota_limits){
				 .connections = 10,
				 .connections_per_uid = 10,
				 .waiters = 8,
				 .requests = rate,
				 .quarantine_ms = quarantine_ms,
				 .own_uid = SELF,
			 });
}

START_TEST(one_uid_at_its_connections_does_not_keep_others_out)
{
	struct quota_user *alice[2];

	setup_limits(10, 2, 8, 0);
	alice[0] = quota_connect(quota, ALICE, 0);
	alice[1] = quota_connect(quota, ALICE, 0);
	ck_assert_ptr_eq(alice[0], alice[1]);
	ck_assert_ptr_null(quota_connect(quota, ALICE, 0));
	ck_assert_ptr_nonnull(quota_connect(quota, BOB, 0));
	ck_assert_uint_eq(quota_connections(quota), 3);
	quota_disconnect(quota, alice[0], 0);
	ck_assert_ptr_nonnull(quota_connect(quota, ALICE, 0));
	quota_free(quota);
}
END_TEST

START_TEST(root_and_the_daemons_uid_have_only_the_limit_of_all)
{
	setup_limits(4, 1, 8, 0);
	ck_assert_ptr_nonnull(quota_connect(quota, 0, 0));
	ck_assert_ptr_nonnull(quota_connect(quota, 0, 0));
	ck_assert_ptr_nonnull(quota_connect(quota, SELF, 0));
	ck_assert_ptr_nonnull(quota_connect(quota, SELF, 0));
	ck_assert_ptr_null(quota_connect(quota, 0, 0));
	quota_free(quota);
}
END_TEST

START_TEST(one_uid_may_have_a_quarter_of_those_who_wait)
{
	struct quota_user *alice, *bob, *root;

	setup_limits(10, 10, 8, 0);
	alice = quota_connect(quota, ALICE, 0);
	bob = quota_connect(quota, BOB, 0);
	root = quota_connect(quota, 0, 0);
	quota_wait(quota, alice);
	ck_assert(quota_may_wait(quota, alice));
	quota_wait(quota, alice);
	ck_assert(!quota_may_wait(quota, alice));
	ck_assert(quota_may_wait(quota, bob));
	for (int i = 0; i < 6; i++) {
		ck_assert(quota_may_wait(quota, root));
		quota_wait(quota, root);
	}
	ck_assert(!quota_may_wait(quota, root));
	ck_assert(!quota_may_wait(quota, bob));
	quota_wait_end(quota, alice);
	ck_assert(quota_may_wait(quota, alice));
	ck_assert_uint_eq(quota_waiters(quota), 7);
	quota_free(quota);
}
END_TEST

START_TEST(a_quarter_is_never_nobody)
{
	struct quota_user *alice;

	setup_limits(10, 10, 1, 0);
	alice = quota_connect(quota, ALICE, 0);
	ck_assert(quota_may_wait(quota, alice));
	quota_wait(quota, alice);
	ck_assert(!quota_may_wait(quota, alice));
	quota_free(quota);
}
END_TEST

START_TEST(who_is_over_the_rate_is_refused_until_the_quarantine_has_passed)
{
	struct quota_user *alice, *bob;

	setup_limits(10, 10, 8, 3);
	alice = quota_connect(quota, ALICE, 0);
	bob = quota_connect(quota, BOB, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(quota_request(quota, alice, 1000), 0);
	}
	ck_assert_int_eq(quota_request(quota, alice, 2000), 30000);
	ck_assert_int_eq(quota_request(quota, alice, 12000), 20000);
	ck_assert_int_eq(quota_request(quota, alice, 31999), 1);
	ck_assert_int_eq(quota_request(quota, bob, 2000), 0);
	ck_assert_int_eq(quota_request(quota, alice, 32000), 0);
	quota_free(quota);
}
END_TEST

START_TEST(a_quarantine_outlives_the_connection)
{
	struct quota_user *alice;

	setup_limits(10, 10, 8, 1);
	alice = quota_connect(quota, ALICE, 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 30000);
	quota_disconnect(quota, alice, 10);
	alice = quota_connect(quota, ALICE, 20000);
	ck_assert_int_eq(quota_request(quota, alice, 20000), 10000);
	quota_free(quota);
}
END_TEST

START_TEST(the_count_starts_anew_each_minute)
{
	struct quota_user *alice;

	setup_limits(10, 10, 8, 2);
	alice = quota_connect(quota, ALICE, 0);
	for (int minute = 0; minute < 10; minute++) {
		ck_assert_int_eq(quota_request(quota, alice, minute * 60000), 0);
		ck_assert_int_eq(quota_request(quota, alice, minute * 60000 + 59999), 0);
	}
	quota_free(quota);
}
END_TEST

START_TEST(without_a_rate_nobody_is_counted)
{
	struct quota_user *alice;

	setup_limits(10, 10, 8, 0);
	alice = quota_connect(quota, ALICE, 0);
	for (int i = 0; i < 100000; i++) {
		ck_assert_int_eq(quota_request(quota, alice, 0), 0);
	}
	quota_free(quota);
}
END_TEST

START_TEST(the_count_outlives_the_connection)
{
	struct quota_user *alice;

	setup_limits(10, 10, 8, 3);
	for (int i = 0; i < 3; i++) {
		alice = quota_connect(quota, ALICE, i);
		ck_assert_int_eq(quota_request(quota, alice, i), 0);
		quota_disconnect(quota, alice, i);
	}
	alice = quota_connect(quota, ALICE, 59999);
	ck_assert_int_eq(quota_request(quota, alice, 59999), 30000);
	quota_free(quota);
}
END_TEST

START_TEST(a_minute_begins_anew_behind_a_quarantine)
{
	struct quota_user *alice;

	setup_limits(10, 10, 8, 2);
	alice = quota_connect(quota, ALICE, 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 0);
	ck_assert_int_eq(quota_request(quota, alice, 1000), 30000);
	ck_assert_int_eq(quota_request(quota, alice, 50000), 0);
	ck_assert_int_eq(quota_request(quota, alice, 109999), 0);
	ck_assert_int_eq(quota_request(quota, alice, 109999), 30000);
	quota_free(quota);
}
END_TEST

START_TEST(requests_in_a_quarantine_do_not_make_it_longer)
{
	struct quota_user *alice;

	setup_limits(10, 10, 8, 1);
	alice = quota_connect(quota, ALICE, 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 0);
	for (int i = 0; i < 30000; i++) {
		ck_assert_int_eq(quota_request(quota, alice, i), 30000 - i);
	}
	ck_assert_int_eq(quota_request(quota, alice, 30000), 0);
	quota_free(quota);
}
END_TEST

START_TEST(a_rate_is_for_root_and_the_daemons_uid_too)
{
	static const uid_t uids[] = {0, SELF};

	setup_limits(10, 10, 8, 1);
	for (int i = 0; i < 2; i++) {
		struct quota_user *user = quota_connect(quota, uids[i], 0);

		ck_assert_int_eq(quota_request(quota, user, 0), 0);
		ck_assert_int_eq(quota_request(quota, user, 0), 30000);
	}
	quota_free(quota);
}
END_TEST

START_TEST(a_reload_changes_the_rate_and_a_quarantine_that_has_begun)
{
	struct quota_user *alice;

	setup_limits(10, 10, 8, 3);
	alice = quota_connect(quota, ALICE, 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 0);
	change_rate(1, 30000); /* she has had more already */
	ck_assert_int_eq(quota_request(quota, alice, 1000), 30000);
	change_rate(1, 10000);
	ck_assert_int_eq(quota_request(quota, alice, 5000), 6000);
	ck_assert_int_eq(quota_request(quota, alice, 11000), 0);
	ck_assert_int_eq(quota_request(quota, alice, 11000), 10000);
	change_rate(0, 10000);
	ck_assert_int_eq(quota_request(quota, alice, 11000), 0);
	change_rate(1, 3600000);
	ck_assert_int_eq(quota_request(quota, alice, 12000), 3599000);
	quota_free(quota);
}
END_TEST

START_TEST(a_reload_does_not_end_a_quarantine)
{
	struct quota_user *alice;

	setup_limits(10, 10, 8, 1);
	alice = quota_connect(quota, ALICE, 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 0);
	ck_assert_int_eq(quota_request(quota, alice, 0), 30000);
	change_rate(1000, 30000);
	ck_assert_int_eq(quota_request(quota, alice, 10000), 20000);
	quota_free(quota);
}
END_TEST

UNIT_MAIN("quota", one_uid_at_its_connections_does_not_keep_others_out,
	root_and_the_daemons_uid_have_only_the_limit_of_all,
	one_uid_may_have_a_quarter_of_those_who_wait, a_quarter_is_never_nobody,
	who_is_over_the_rate_is_refused_until_the_quarantine_has_passed,
	a_quarantine_outlives_the_connection, the_count_starts_anew_each_minute,
	without_a_rate_nobody_is_counted, the_count_outlives_the_connection,
	a_minute_begins_anew_behind_a_quarantine, requests_in_a_quarantine_do_not_make_it_longer,
	a_rate_is_for_root_and_the_daemons_uid_too,
	a_reload_changes_the_rate_and_a_quarantine_that_has_begun,
	a_reload_does_not_end_a_quarantine)
