#include "core/audit.h"

#include "unit.h"

enum { ALICE = 1000, BOB = 1001, TELLINGS_MAX = 8 };

/* What was told to be left out. */
static struct {
	uid_t uid;
	enum audit_kind kind;
	uint64_t lines;
} tellings[TELLINGS_MAX];
static unsigned n_tellings;

static void note(void *context, uid_t uid, enum audit_kind kind, uint64_t lines)
{
	ck_assert_uint_lt(n_tellings, TELLINGS_MAX);
	tellings[n_tellings].uid = uid;
	tellings[n_tellings].kind = kind;
	tellings[n_tellings++].lines = lines;
}

/* How many of n lines are written. */
static unsigned take(struct audit *audit, uid_t uid, enum audit_kind kind, int64_t now_ms, int n)
{
	unsigned written = 0;

	for (int i = 0; i < n; i++) {
		written += audit_take(audit, uid, kind, now_ms);
	}
	return written;
}

START_TEST(noisy_user_takes_nothing_of_another)
{
	struct audit *audit = audit_new(note, NULL);

	ck_assert_uint_eq(
		take(audit, ALICE, AUDIT_DENIAL, 0, AUDIT_LINES_MAX + 1000), AUDIT_LINES_MAX);
	ck_assert_uint_eq(take(audit, BOB, AUDIT_DENIAL, 1, AUDIT_LINES_MAX), AUDIT_LINES_MAX);
	ck_assert_uint_eq(n_tellings, 0);
	audit_free(audit);
}
END_TEST

START_TEST(tokens_take_nothing_of_denials)
{
	struct audit *audit = audit_new(note, NULL);

	take(audit, ALICE, AUDIT_TOKEN, 0, AUDIT_LINES_MAX + 1);
	ck_assert_uint_eq(take(audit, ALICE, AUDIT_DENIAL, 0, AUDIT_LINES_MAX), AUDIT_LINES_MAX);
	audit_free(audit);
}
END_TEST

START_TEST(what_was_left_out_is_told_when_the_window_ends)
{
	struct audit *audit = audit_new(note, NULL);

	take(audit, ALICE, AUDIT_DENIAL, 100, 1);
	ck_assert_int_eq(audit_next(audit), INT64_MAX);
	take(audit, ALICE, AUDIT_DENIAL, 5000, AUDIT_LINES_MAX + 6);
	take(audit, ALICE, AUDIT_TOKEN, 6000, AUDIT_LINES_MAX + 2);
	ck_assert_int_eq(audit_next(audit), 100 + AUDIT_WINDOW_MS);
	audit_tick(audit, 99 + AUDIT_WINDOW_MS);
	ck_assert_uint_eq(n_tellings, 0);
	ck_assert_int_eq(audit_next(audit), 100 + AUDIT_WINDOW_MS);
	audit_tick(audit, 100 + AUDIT_WINDOW_MS);
	ck_assert_uint_eq(n_tellings, 2);
	ck_assert_int_eq(tellings[0].uid, ALICE);
	ck_assert_int_eq(tellings[0].kind, AUDIT_TOKEN);
	ck_assert_uint_eq(tellings[0].lines, 2);
	ck_assert_int_eq(tellings[1].kind, AUDIT_DENIAL);
	ck_assert_uint_eq(tellings[1].lines, 7);
	ck_assert_int_eq(audit_next(audit), INT64_MAX);
	ck_assert(audit_take(audit, ALICE, AUDIT_DENIAL, 100 + AUDIT_WINDOW_MS));
	audit_free(audit);
	ck_assert_uint_eq(n_tellings, 2);
}
END_TEST

START_TEST(next_telling_is_the_earliest_of_all_users)
{
	struct audit *audit = audit_new(note, NULL);

	take(audit, ALICE, AUDIT_DENIAL, 0, AUDIT_LINES_MAX);
	take(audit, BOB, AUDIT_DENIAL, 1000, AUDIT_LINES_MAX + 1);
	ck_assert_int_eq(audit_next(audit), 1000 + AUDIT_WINDOW_MS);
	take(audit, ALICE, AUDIT_DENIAL, 2000, 1);
	ck_assert_int_eq(audit_next(audit), AUDIT_WINDOW_MS);
	audit_tick(audit, AUDIT_WINDOW_MS);
	ck_assert_uint_eq(n_tellings, 1);
	ck_assert_int_eq(tellings[0].uid, ALICE);
	ck_assert_int_eq(audit_next(audit), 1000 + AUDIT_WINDOW_MS);
	audit_free(audit);
}
END_TEST

START_TEST(what_is_not_told_yet_is_told_at_the_end)
{
	struct audit *audit = audit_new(note, NULL);

	take(audit, ALICE, AUDIT_TOKEN, 0, AUDIT_LINES_MAX + 3);
	audit_free(audit);
	ck_assert_uint_eq(n_tellings, 1);
	ck_assert_uint_eq(tellings[0].lines, 3);
	audit_free(NULL);
}
END_TEST

START_TEST(users_beyond_the_limit_are_counted_together)
{
	struct audit *audit = audit_new(note, NULL);

	for (uid_t uid = 0; uid < AUDIT_USERS_MAX; uid++) {
		ck_assert(audit_take(audit, uid, AUDIT_TOKEN, 0));
	}
	for (uid_t uid = AUDIT_USERS_MAX; uid < AUDIT_USERS_MAX + AUDIT_LINES_MAX; uid++) {
		ck_assert(audit_take(audit, uid, AUDIT_TOKEN, 0));
	}
	ck_assert(!audit_take(audit, 2 * AUDIT_USERS_MAX, AUDIT_TOKEN, 0));
	ck_assert(audit_take(audit, 1, AUDIT_TOKEN, 0));
	audit_tick(audit, AUDIT_WINDOW_MS);
	ck_assert_uint_eq(n_tellings, 1);
	ck_assert_uint_eq(tellings[0].uid, AUDIT_UID_OTHERS);
	ck_assert_uint_eq(tellings[0].lines, 1);
	audit_free(audit);
}
END_TEST

UNIT_MAIN("audit", noisy_user_takes_nothing_of_another, tokens_take_nothing_of_denials,
	what_was_left_out_is_told_when_the_window_ends, next_telling_is_the_earliest_of_all_users,
	what_is_not_told_yet_is_told_at_the_end, users_beyond_the_limit_are_counted_together)
