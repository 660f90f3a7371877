#include "io/state.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "core/secret.h"
#include "state_fixture.h"

static unsigned char bytes[STATE_SEALED_MAX + 1];

static void check_why(const char *text)
{
	ck_assert_msg(strstr(state_fixture_why, text), "\"%s\" does not say \"%s\"",
		state_fixture_why, text);
}

START_TEST(record_is_found_again_by_the_next_process)
{
	struct state *state = state_fixture_open();

	state_fixture_check(state, "a", STATE_NONE, NULL);
	ck_assert_int_eq(state_fixture_save(state, "a", "first"), 0);
	state_fixture_check(state, "a", STATE_FOUND, "first");
	ck_assert_int_eq(state_fixture_save(state, "a", "second"), 0);
	state_free(state);
	state = state_fixture_open();
	state_fixture_check(state, "a", STATE_FOUND, "second");
	state_fixture_check(state, "b", STATE_NONE, NULL);
	state_free(state);
}
END_TEST

static void check_round_trip(struct state *state, const char *text, size_t len)
{
	struct state_binding binding = state_fixture_binding("a");
	struct secret *record = secret_new(text, len), *found = NULL;
	enum state_found how = STATE_NONE;

	ck_assert_int_eq(state_save(state, &binding, record, NULL, NULL, NULL), 0);
	ck_assert_int_eq(state_load(state, &binding, &found, &how, state_fixture_why), 0);
	ck_assert_int_eq(how, STATE_FOUND);
	ck_assert(secret_equal(record, found));
	secret_free(record);
	secret_free(found);
}

START_TEST(record_is_any_bytes_up_to_its_limit)
{
	struct state *state = state_fixture_open();
	struct state_binding binding = state_fixture_binding("a");
	char *longest = malloc(STATE_RECORD_MAX + 1);
	struct secret *record;

	memset(longest, 'x', STATE_RECORD_MAX + 1);
	check_round_trip(state, "", 0);
	check_round_trip(state, "a\0b\n", 4);
	check_round_trip(state, longest, STATE_RECORD_MAX);
	record = secret_new(longest, STATE_RECORD_MAX + 1);
	ck_assert_int_eq(state_save(state, &binding, record, NULL, NULL, NULL), -EMSGSIZE);
	secret_free(record);
	free(longest);
	state_free(state);
}
END_TEST

START_TEST(binding_has_a_limit)
{
	struct state *state = state_fixture_open();
	struct state_binding binding = state_fixture_binding("a");
	struct secret *record = secret_new("r", 1);
	char *url = malloc(STATE_BINDING_MAX + 1);

	memset(url, 'x', STATE_BINDING_MAX);
	url[STATE_BINDING_MAX] = '\0';
	binding.token_url = url;
	ck_assert_int_eq(state_save(state, &binding, record, NULL, NULL, NULL), -EMSGSIZE);
	free(url);
	secret_free(record);
	state_free(state);
}
END_TEST

START_TEST(removed_record_is_gone_and_may_be_removed_again)
{
	struct state *state = state_fixture_open();

	state_fixture_save(state, "a", "record");
	ck_assert_int_eq(state_fixture_save(state, "a", NULL), 0);
	state_fixture_check(state, "a", STATE_NONE, NULL);
	ck_assert_int_eq(state_fixture_save(state, "a", NULL), 0);
	ck_assert_int_eq(state_fixture_count(".state"), 0);
	state_free(state);
}
END_TEST

START_TEST(writes_are_done_in_the_order_of_the_calls)
{
	enum { WRITES = 50 };
	struct state *state = state_fixture_open();
	char text[16];

	for (int i = 1; i <= WRITES; i++) {
		snprintf(text, sizeof(text), "%d", i);
		state_fixture_begin(state, i % 2 ? "odd" : "even", text);
	}
	state_fixture_begin(state, "odd", NULL);
	state_fixture_begin(state, "odd", "after");
	/* Also those that have not been told of yet. */
	state_fixture_check(state, "even", STATE_FOUND, "50");
	state_fixture_check(state, "odd", STATE_FOUND, "after");
	ck_assert_int_eq(state_fixture_n_done, 0);
	state_fixture_wait(WRITES + 2);
	state_free(state);
}
END_TEST

START_TEST(cancelled_write_happens_and_nobody_is_told)
{
	struct state *state = state_fixture_open();

	state_write_cancel(state_fixture_begin(state, "a", "record"));
	state_write_cancel(NULL);
	state_fixture_save(state, "b", "other");
	ck_assert_int_eq(state_fixture_n_done, 1);
	state_fixture_check(state, "a", STATE_FOUND, "record");
	state_free(state);
}
END_TEST

START_TEST(write_that_is_on_the_disk_can_still_be_cancelled)
{
	struct state *state = state_fixture_open();
	struct state_write *write = state_fixture_begin(state, "a", "record");

	ck_assert(state_flush(state, 10000));
	state_write_cancel(write);
	event_base_loop(state_fixture_base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(state_fixture_n_done, 0);
	state_free(state);
}
END_TEST

static void free_in_done(void *context, int error, const char *why)
{
	state_fixture_n_done++;
	state_free(context);
}

START_TEST(state_may_be_freed_when_a_write_is_done)
{
	struct state *state = state_fixture_open();
	struct state_binding binding = state_fixture_binding("a");
	struct secret *record = secret_new("record", 6);

	ck_assert_int_eq(state_save(state, &binding, record, free_in_done, state, NULL), 0);
	state_fixture_begin(state, "b", "never told of, but saved");
	state_fixture_wait(1);
	event_base_loop(state_fixture_base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(state_fixture_n_done, 1);
	secret_free(record);
	state = state_fixture_open();
	state_fixture_check(state, "b", STATE_FOUND, "never told of, but saved");
	state_free(state);
}
END_TEST

START_TEST(what_waits_is_saved_when_the_state_is_freed)
{
	struct state *state = state_fixture_open();

	for (int i = 0; i < 20; i++) {
		state_fixture_begin(state, "a", i == 19 ? "last" : "earlier");
	}
	state_free(state);
	ck_assert_int_eq(state_fixture_n_done, 0);
	state = state_fixture_open();
	state_fixture_check(state, "a", STATE_FOUND, "last");
	state_free(state);
	state_free(NULL);
}
END_TEST

/* Saves as one binding, and checks that it is kept aside for another, and comes back for the first.
 */
static void check_foreign(struct state_binding other)
{
	struct state *state = state_fixture_open();
	struct secret *record = NULL;
	enum state_found found = STATE_NONE;
	char kept[4096];

	state_fixture_save(state, "a", "mine");
	other.profile = "a";
	ck_assert_int_eq(state_load(state, &other, &record, &found, state_fixture_why), 0);
	ck_assert_int_eq(found, STATE_FOREIGN);
	ck_assert_ptr_null(record);
	check_why("/a.state is of another token_url or client_id than the profile has now; it is "
		  "kept as a.state.foreign-1");
	state_fixture_check(state, "a", STATE_NONE, NULL);
	snprintf(kept, sizeof(kept), "%s", state_fixture_path("a.state.foreign-1"));
	ck_assert_int_eq(rename(kept, state_fixture_path("a.state")), 0);
	state_fixture_check(state, "a", STATE_FOUND, "mine");
	state_free(state);
}

START_TEST(record_of_another_binding_is_foreign_and_kept)
{
	struct state_binding binding = state_fixture_binding("a");

	check_foreign((struct state_binding){"a", "https://other.example/", binding.client_id});
	check_foreign((struct state_binding){"a", binding.token_url, "another"});
	/* The same bytes, split elsewhere. */
	check_foreign((struct state_binding){"a", "https://login.example/oauth/tokenc", "lient"});
}
END_TEST

START_TEST(record_of_another_profile_is_foreign)
{
	struct state *state = state_fixture_open();
	char from[4096];

	state_fixture_save(state, "a", "record");
	snprintf(from, sizeof(from), "%s", state_fixture_path("a.state"));
	ck_assert_int_eq(rename(from, state_fixture_path("b.state")), 0);
	state_fixture_check(state, "b", STATE_FOREIGN, NULL);
	state_free(state);
}
END_TEST

START_TEST(kept_files_are_bounded_and_the_oldest_goes_first)
{
	enum { KEPT_MAX = 8 };
	struct state *state = state_fixture_open();
	char text[64];

	for (int i = 1; i <= KEPT_MAX + 2; i++) {
		snprintf(text, sizeof(text), "damaged %d", i);
		state_fixture_write("a.state", text, strlen(text));
		ck_assert_int_eq(utimensat(0, state_fixture_path("a.state"),
					 (struct timespec[]){{i, 0}, {i, 0}}, 0),
			0);
		state_fixture_check(state, "a", STATE_DAMAGED, NULL);
	}
	ck_assert_int_eq(state_fixture_count("a.state"), KEPT_MAX);
	ck_assert_int_eq(state_fixture_read("a.state.damaged-1", text, sizeof(text)), 9);
	ck_assert_mem_eq(text, "damaged 9", 9);
	ck_assert_int_eq(state_fixture_read("a.state.damaged-2", text, sizeof(text)), 10);
	ck_assert_mem_eq(text, "damaged 10", 10);
	ck_assert_int_eq(state_fixture_read("a.state.damaged-3", text, sizeof(text)), 9);
	ck_assert_mem_eq(text, "damaged 3", 9);
	state_free(state);
}
END_TEST

START_TEST(damaged_record_is_kept_and_the_next_one_saved)
{
	struct state *state = state_fixture_open();
	long len;

	state_fixture_save(state, "a", "record");
	len = state_fixture_read("a.state", bytes, sizeof(bytes));
	bytes[len - 1] ^= 1;
	state_fixture_write("a.state", bytes, (size_t)len);
	state_fixture_check(state, "a", STATE_DAMAGED, NULL);
	check_why("/a.state is damaged; it is kept as a.state.damaged-1");
	ck_assert_int_eq(state_fixture_save(state, "a", "next"), 0);
	state_fixture_check(state, "a", STATE_FOUND, "next");
	ck_assert_int_eq(state_fixture_count("damaged"), 1);
	state_free(state);
}
END_TEST

START_TEST(file_that_is_too_long_is_damaged)
{
	struct state *state = state_fixture_open();

	state_fixture_write("a.state", bytes, sizeof(bytes));
	state_fixture_check(state, "a", STATE_DAMAGED, NULL);
	state_free(state);
}
END_TEST

static void check_load_fails(struct state *state, int error)
{
	struct state_binding binding = state_fixture_binding("a");
	struct secret *record = NULL;
	enum state_found found;

	ck_assert_int_eq(state_load(state, &binding, &record, &found, state_fixture_why), -error);
	ck_assert_ptr_null(record);
	ck_assert_int_eq(state_fixture_count("a.state"), 1);
}

START_TEST(what_is_no_file_is_left_alone_and_not_waited_for)
{
	struct state *state = state_fixture_open();

	ck_assert_int_eq(mkfifo(state_fixture_path("a.state"), 0600), 0);
	check_load_fails(state, EINVAL);
	check_why("/a.state cannot be read: Invalid argument");
	unlink(state_fixture_path("a.state"));
	ck_assert_int_eq(symlink("b.state", state_fixture_path("a.state")), 0);
	state_fixture_save(state, "b", "record");
	check_load_fails(state, ELOOP);
	check_why("a symbolic link is not followed: put a file there");
	/* The link is replaced, not what it leads to. */
	ck_assert_int_eq(state_fixture_save(state, "a", "of a"), 0);
	state_fixture_check(state, "a", STATE_FOUND, "of a");
	state_fixture_check(state, "b", STATE_FOUND, "record");
	state_free(state);
}
END_TEST

START_TEST(record_of_a_later_version_is_left_alone)
{
	struct state *state = state_fixture_open();
	long len;

	state_fixture_save(state, "a", "record");
	len = state_fixture_read("a.state", bytes, sizeof(bytes));
	bytes[7]++;
	state_fixture_write("a.state", bytes, (size_t)len);
	check_load_fails(state, ENOTSUP);
	check_why("/a.state was written by a later version of gctokend: install that one");
	state_free(state);
}
END_TEST

START_TEST(record_of_another_key_is_left_alone)
{
	struct state *state = state_fixture_open();

	state_fixture_save(state, "a", "record");
	state_free(state);
	state_fixture_write("key", "0123456789abcdef0123456789abcdef", 32);
	state = state_fixture_open();
	check_load_fails(state, ENOKEY);
	check_why("/a.state was written with another key: put that one back as ");
	check_why("/key or the credential gctokend.state-key");
	state_free(state);
}
END_TEST

START_TEST(file_shows_nothing_of_the_record_and_is_its_owner_s_alone)
{
	static const char record[] = "A RECORD THAT NOBODY MAY SEE";
	static unsigned char again[STATE_SEALED_MAX];
	struct state *state;
	struct stat status;
	long len;

	umask(0);
	state = state_fixture_open();
	state_fixture_save(state, "a", record);
	len = state_fixture_read("a.state", bytes, sizeof(bytes));
	ck_assert_int_gt(len, (long)strlen(record));
	for (size_t i = 0; i + 4 <= strlen(record); i++) {
		ck_assert_ptr_null(memmem(bytes, (size_t)len, record + i, 4));
	}
	ck_assert_int_eq(stat(state_fixture_path("a.state"), &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0600);
	/* The same record never looks the same. */
	state_fixture_save(state, "a", record);
	ck_assert_int_eq(state_fixture_read("a.state", again, sizeof(again)), len);
	ck_assert_mem_ne(again + len - 32, bytes + len - 32, 32);
	ck_assert_mem_ne(again + 16, bytes + 16, 12);
	state_free(state);
}
END_TEST

START_TEST(profile_may_have_the_name_of_any_other_file)
{
	static const char *const names[] = {"key", "lock", "key.tmp", "a.state", "a",
		"a.state.foreign-1",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
	struct state *state = state_fixture_open();

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		ck_assert_int_eq(state_fixture_save(state, names[i], names[i]), 0);
	}
	state_free(state);
	state = state_fixture_open();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		state_fixture_check(state, names[i], STATE_FOUND, names[i]);
	}
	state_free(state);
}
END_TEST

CASES_MAIN("state", state_fixture_set_up, state_fixture_tear_down,
	{record_is_found_again_by_the_next_process, 1}, {record_is_any_bytes_up_to_its_limit, 1},
	{binding_has_a_limit, 1}, {removed_record_is_gone_and_may_be_removed_again, 1},
	{writes_are_done_in_the_order_of_the_calls, 1},
	{cancelled_write_happens_and_nobody_is_told, 1},
	{write_that_is_on_the_disk_can_still_be_cancelled, 1},
	{state_may_be_freed_when_a_write_is_done, 1},
	{what_waits_is_saved_when_the_state_is_freed, 1},
	{record_of_another_binding_is_foreign_and_kept, 1},
	{record_of_another_profile_is_foreign, 1},
	{kept_files_are_bounded_and_the_oldest_goes_first, 1},
	{damaged_record_is_kept_and_the_next_one_saved, 1}, {file_that_is_too_long_is_damaged, 1},
	{what_is_no_file_is_left_alone_and_not_waited_for, 1},
	{record_of_a_later_version_is_left_alone, 1}, {record_of_another_key_is_left_alone, 1},
	{file_shows_nothing_of_the_record_and_is_its_owner_s_alone, 1},
	{profile_may_have_the_name_of_any_other_file, 1})
