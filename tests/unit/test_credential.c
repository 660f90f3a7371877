#include "io/credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/secret.h"

static char why[CREDENTIAL_WHY_MAX];

/* What a file that holds text is read as; NULL when it is refused. */
static struct secret *read_text(const char *text)
{
	struct secret *secret = NULL;
	int status = credential_read(config_fixture_write("secret", text, 0600), &secret, why);

	ck_assert_int_eq(status == 0, secret != NULL);
	return secret;
}

static void check_text(const char *text, const char *expected)
{
	struct secret *secret = read_text(text);

	ck_assert_ptr_nonnull(secret);
	ck_assert_str_eq(secret_reveal(secret), expected);
	ck_assert_uint_eq(secret_len(secret), strlen(expected));
	secret_free(secret);
}

static void check_refused(const char *path, int error, const char *reason)
{
	struct secret *secret = NULL;

	ck_assert_int_eq(credential_read(path, &secret, why), -error);
	ck_assert_ptr_null(secret);
	ck_assert_ptr_eq(strstr(why, path), why);
	ck_assert_msg(strstr(why, reason), "\"%s\" does not say \"%s\"", why, reason);
}

START_TEST(one_newline_at_the_end_is_not_part_of_the_secret)
{
	check_text("s3cret", "s3cret");
	check_text("s3cret\n", "s3cret");
	check_text("s3cret\n\n", "s3cret\n");
	check_text("s3cret\r\n", "s3cret");
	check_text(" s3cret ", " s3cret ");
}
END_TEST

START_TEST(empty_file_is_refused)
{
	check_refused(config_fixture_write("secret", "", 0600), ENODATA, "is empty");
	check_refused(config_fixture_write("secret", "\n", 0600), ENODATA, "is empty");
}
END_TEST

START_TEST(missing_file_is_refused)
{
	check_refused(config_fixture_path("missing"), ENOENT,
		"cannot be read: No such file or directory");
}
END_TEST

START_TEST(secret_is_limited)
{
	char *text = malloc(CREDENTIAL_SIZE_MAX + 2);
	struct secret *secret;

	memset(text, 'x', CREDENTIAL_SIZE_MAX + 1);
	text[CREDENTIAL_SIZE_MAX + 1] = '\0';
	check_refused(
		config_fixture_write("secret", text, 0600), EFBIG, "is longer than 65536 bytes");
	text[CREDENTIAL_SIZE_MAX] = '\0';
	secret = read_text(text);
	ck_assert_uint_eq(secret_len(secret), CREDENTIAL_SIZE_MAX);
	secret_free(secret);
	free(text);
}
END_TEST

START_TEST(nul_is_refused)
{
	FILE *file = fopen(config_fixture_path("secret"), "we");

	ck_assert_ptr_nonnull(file);
	fwrite("a\0b", 1, 3, file);
	fclose(file);
	check_refused(config_fixture_path("secret"), EINVAL, "holds a NUL byte");
}
END_TEST

START_TEST(file_that_others_can_write_is_refused)
{
	check_refused(config_fixture_write("secret", "s3cret", 0602), EPERM,
		"can be written by others; chmod o-w it");
}
END_TEST

START_TEST(what_is_no_file_is_refused_and_not_waited_for)
{
	check_refused("/dev/null", EINVAL, "is not a regular file");
	check_refused("/tmp", EINVAL, "is not a regular file");
	ck_assert_int_eq(mkfifo(config_fixture_path("fifo"), 0600), 0);
	check_refused(config_fixture_path("fifo"), EINVAL, "is not a regular file");
}
END_TEST

START_TEST(credential_is_found_in_the_directory_of_the_service_manager)
{
	char *path;

	setenv("CREDENTIALS_DIRECTORY", "/run/credentials/gctokend.service", 1);
	path = credential_path("billing", why);
	ck_assert_pstr_eq(path, "/run/credentials/gctokend.service/billing");
	free(path);
}
END_TEST

START_TEST(credential_without_a_directory_is_refused)
{
	ck_assert_ptr_null(credential_path("billing", why));
	ck_assert_ptr_nonnull(strstr(why, "add LoadCredential=billing:/PATH to the unit"));
	setenv("CREDENTIALS_DIRECTORY", "relative", 1);
	ck_assert_ptr_null(credential_path("billing", why));
}
END_TEST

START_TEST(credential_is_a_name_and_not_a_path)
{
	setenv("CREDENTIALS_DIRECTORY", "/run", 1);
	ck_assert_ptr_null(credential_path("", why));
	ck_assert_ptr_null(credential_path("..", why));
	ck_assert_ptr_null(credential_path("../etc/shadow", why));
	ck_assert_ptr_nonnull(strstr(why, "\"../etc/shadow\" is no name of a credential"));
}
END_TEST

CASES_MAIN("credential", config_fixture_set_up, config_fixture_tear_down,
	{one_newline_at_the_end_is_not_part_of_the_secret, 1}, {empty_file_is_refused, 1},
	{missing_file_is_refused, 1}, {secret_is_limited, 1}, {nul_is_refused, 1},
	{file_that_others_can_write_is_refused, 1},
	{what_is_no_file_is_refused_and_not_waited_for, 1},
	{credential_is_found_in_the_directory_of_the_service_manager, 1},
	{credential_without_a_directory_is_refused, 1}, {credential_is_a_name_and_not_a_path, 1})
