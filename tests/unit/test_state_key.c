#include "io/state_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "state_fixture.h"

enum { KEY_LEN = 32 };

static char credentials[4096];

/* Passes these bytes on as the credential. */
static void pass_credential(const char *bytes, size_t len)
{
	snprintf(credentials, sizeof(credentials), "%s", state_fixture_path("credentials"));
	mkdir(credentials, 0700);
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	state_fixture_write("credentials/" STATE_KEY_CREDENTIAL, bytes, len);
}

static void check_refused(int error, const char *reason)
{
	struct state *state = NULL;

	ck_assert_int_eq(
		state_open(state_fixture_base, state_fixture_path(""), &state, state_fixture_why),
		-error);
	ck_assert_ptr_null(state);
	ck_assert_msg(strstr(state_fixture_why, reason), "\"%s\" does not say \"%s\"",
		state_fixture_why, reason);
}

/* Leaves a record there, and the key that it was written with. */
static void leave_record(void)
{
	struct state *state = state_fixture_open();

	state_fixture_save(state, "a", "record");
	state_free(state);
}

static void check_record(void)
{
	struct state *state = state_fixture_open();

	state_fixture_check(state, "a", STATE_FOUND, "record");
	state_free(state);
}

START_TEST(key_is_made_once_for_its_owner_alone)
{
	char first[KEY_LEN + 1], second[KEY_LEN + 1];
	struct stat status;

	umask(0);
	state_free(state_fixture_open());
	ck_assert_int_eq(state_fixture_read("key", first, sizeof(first)), KEY_LEN);
	ck_assert_int_eq(stat(state_fixture_path("key"), &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0600);
	state_free(state_fixture_open());
	ck_assert_int_eq(state_fixture_read("key", second, sizeof(second)), KEY_LEN);
	ck_assert_mem_eq(first, second, KEY_LEN);
}
END_TEST

START_TEST(each_directory_has_a_key_of_its_own)
{
	char first[KEY_LEN], second[KEY_LEN];

	state_free(state_fixture_open());
	ck_assert_int_eq(state_fixture_read("key", first, sizeof(first)), KEY_LEN);
	unlink(state_fixture_path("key"));
	state_free(state_fixture_open());
	ck_assert_int_eq(state_fixture_read("key", second, sizeof(second)), KEY_LEN);
	ck_assert_mem_ne(first, second, KEY_LEN);
}
END_TEST

START_TEST(lost_key_is_not_replaced_while_there_are_records)
{
	leave_record();
	unlink(state_fixture_path("key"));
	check_refused(ENOKEY, "/key is missing, without which the records there cannot be read: "
			      "put it back, or pass it as the credential gctokend.state-key");
	ck_assert_int_eq(access(state_fixture_path("key"), F_OK), -1);
	/* Files that were kept aside are no reason. */
	ck_assert_int_eq(chdir(state_fixture_path("")), 0);
	ck_assert_int_eq(rename("a.state", "a.state.damaged-1"), 0);
	state_free(state_fixture_open());
}
END_TEST

START_TEST(damaged_key_is_not_replaced)
{
	static const char bytes[100];
	static const size_t lengths[] = {0, KEY_LEN - 1, KEY_LEN + 1, sizeof(bytes)};
	char left[sizeof(bytes)];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		state_fixture_write("key", bytes, lengths[i]);
		check_refused(EINVAL, "/key is damaged, it has not 32 bytes: put back a copy");
		ck_assert_int_eq(state_fixture_read("key", left, sizeof(left)), (long)lengths[i]);
	}
}
END_TEST

START_TEST(key_that_others_may_read_is_refused)
{
	leave_record();
	chmod(state_fixture_path("key"), 0640);
	check_refused(EPERM, "/key is not its owner's alone: chmod 600 it");
	chmod(state_fixture_path("key"), 0600);
	check_record();
}
END_TEST

START_TEST(key_of_another_user_is_refused)
{
	/* Only root can give files away, or has files that are not root's. */
	if (geteuid() == 0) {
		leave_record();
		ck_assert_int_eq(chown(state_fixture_path("key"), 65534, 65534), 0);
		check_refused(EPERM, "/key belongs to the user 65534 and not to 0");
	}
}
END_TEST

START_TEST(key_that_is_no_file_is_refused)
{
	ck_assert_int_eq(symlink("elsewhere", state_fixture_path("key")), 0);
	check_refused(ELOOP, "/key cannot be read");
	unlink(state_fixture_path("key"));
	ck_assert_int_eq(mkfifo(state_fixture_path("key"), 0600), 0);
	check_refused(EINVAL, "/key cannot be read");
}
END_TEST

START_TEST(credential_goes_before_the_key_file_and_makes_none)
{
	pass_credential("a credential of more than 32 bytes\n", 35);
	leave_record();
	ck_assert_int_eq(access(state_fixture_path("key"), F_OK), -1);
	check_record();
}
END_TEST

START_TEST(key_file_may_become_the_credential)
{
	char bytes[KEY_LEN];

	leave_record();
	ck_assert_int_eq(state_fixture_read("key", bytes, sizeof(bytes)), KEY_LEN);
	unlink(state_fixture_path("key"));
	pass_credential(bytes, sizeof(bytes));
	check_record();
}
END_TEST

START_TEST(credentials_without_the_key_s_are_none)
{
	pass_credential("", 0);
	unlink(state_fixture_path("credentials/" STATE_KEY_CREDENTIAL));
	leave_record();
	ck_assert_int_eq(access(state_fixture_path("key"), F_OK), 0);
}
END_TEST

START_TEST(credential_has_a_least_and_a_greatest_length)
{
	static char bytes[4096 + 1];

	pass_credential(bytes, 31);
	check_refused(EINVAL, "/gctokend.state-key has to hold 32 to 4096 bytes: head -c 32 ");
	pass_credential(bytes, sizeof(bytes));
	check_refused(EINVAL, "/gctokend.state-key has to hold 32 to 4096 bytes: head -c 32 ");
	pass_credential(bytes, sizeof(bytes) - 1);
	leave_record();
	check_record();
}
END_TEST

START_TEST(credential_that_cannot_be_read_is_an_error_and_no_reason_to_make_a_key)
{
	pass_credential("", 0);
	unlink(state_fixture_path("credentials/" STATE_KEY_CREDENTIAL));
	ck_assert_int_eq(mkdir(state_fixture_path("credentials/" STATE_KEY_CREDENTIAL), 0700), 0);
	check_refused(EINVAL, "/gctokend.state-key cannot be read");
	ck_assert_int_eq(access(state_fixture_path("key"), F_OK), -1);
}
END_TEST

CASES_MAIN("state_key", state_fixture_set_up, state_fixture_tear_down,
	{key_is_made_once_for_its_owner_alone, 1}, {each_directory_has_a_key_of_its_own, 1},
	{lost_key_is_not_replaced_while_there_are_records, 1}, {damaged_key_is_not_replaced, 1},
	{key_that_others_may_read_is_refused, 1}, {key_of_another_user_is_refused, 1},
	{key_that_is_no_file_is_refused, 1},
	{credential_goes_before_the_key_file_and_makes_none, 1},
	{key_file_may_become_the_credential, 1}, {credentials_without_the_key_s_are_none, 1},
	{credential_has_a_least_and_a_greatest_length, 1},
	{credential_that_cannot_be_read_is_an_error_and_no_reason_to_make_a_key, 1})
