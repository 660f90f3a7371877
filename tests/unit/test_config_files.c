#include "io/config_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/secret.h"
#include "core/settings.h"

enum { SOMEBODY = 4711 /* a uid that nobody here has */ };

static void set_up(void)
{
	config_fixture_set_up();
	ck_assert_int_eq(mkdir(config_fixture_path("gctokend.conf.d"), 0755), 0);
}

static void write_drop_in(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "gctokend.conf.d/%s", name);
	config_fixture_write(path, text, 0600);
}

START_TEST(later_file_goes_before_an_earlier_one)
{
	struct config *config;

	write_drop_in("20.conf", "[general]\nhost = eu_central_1\n[profile a]\nscope = twenty\n");
	write_drop_in("10.conf", "[general]\nhost = eu_west_1\n[profile a]\nscope = ten\n"
				 "audience = ten\n");
	config = config_fixture_take(CONFIG_FIXTURE_PROFILE
		"scope = main\n[general]\nhost = us_west_2\n[reauthentication]\n"
		"refresh_token_wait_max = 7\n");
	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_str_eq(config->profiles[0]->login_url, "https://login.mypurecloud.de");
	ck_assert_str_eq(config->profiles[0]->scope, "twenty");
	ck_assert_str_eq(config->profiles[0]->audience, "ten");
	ck_assert_str_eq(config->profiles[0]->client_id, "id");
	ck_assert_int_eq(config->profiles[0]->wait_max_ms, 7000);
	config_free(config);
}
END_TEST

START_TEST(drop_ins_add_profiles_in_either_syntax)
{
	struct config *config;

	write_drop_in("b.conf", "{\"profile\": {\"b\": {\"client_id\": \"b\","
				"\"client_secret\": \"s\"}, \"a\": {\"scope\": \"x\"}}}");
	write_drop_in("c.conf", "[profile c]\nclient_id = c\nclient_secret = s\n");
	config = config_fixture_take(CONFIG_FIXTURE_PROFILE);
	ck_assert_uint_eq(config->n_profiles, 3);
	ck_assert_str_eq(config->profiles[0]->scope, "x");
	ck_assert_str_eq(config->profiles[1]->name, "b");
	ck_assert_str_eq(config->profiles[2]->name, "c");
	config_free(config);
}
END_TEST

START_TEST(drop_ins_do_without_the_file)
{
	struct config *config = NULL;

	write_drop_in("c.conf", CONFIG_FIXTURE_PROFILE);
	ck_assert_int_eq(
		config_fixture_load(config_fixture_path("gctokend.conf"), NULL, &config), 0);
	ck_assert_uint_eq(config->n_profiles, 1);
	ck_assert(!config->has_file);
	config_free(config);
}
END_TEST

START_TEST(what_is_no_drop_in_is_not_read)
{
	write_drop_in("a.conf.bak", "nonsense\n");
	write_drop_in(".a.conf", "nonsense\n");
	write_drop_in(".conf", "nonsense\n");
	write_drop_in("README", "nonsense\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE, "");
}
END_TEST

START_TEST(mistakes_name_the_file_that_they_are_in)
{
	write_drop_in("1.conf", "[profile a]\nscop = x\n\n[profile b]\nclient_secret = s\n");
	write_drop_in("2.conf", "{\"general\": {\n\"host\": \"nowhere\"}}");
	write_drop_in("3.conf", "\xff");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "[daemon]\nmax_waiters = x\n",
		"error FILE:5: [daemon] max_waiters: this is to be a whole number from 1 to "
		"1000000\n"
		"error FILE.d/1.conf:2: [profile a] scop: there is no such key; did you mean "
		"scope?\n"
		"error FILE.d/1.conf:4: [profile b] client_id: this is missing; write the id of "
		"the OAuth client\n"
		"error FILE.d/2.conf:2: [general] host: this is neither a domain nor a known "
		"region; write a domain (mypurecloud.ie), https://api.DOMAIN, or a region "
		"(eu_west_1); another server is named by token_url or [gateway] host\n"
		"error FILE.d/3.conf: the file is not UTF-8 text\n");
}
END_TEST

START_TEST(what_stands_twice_in_one_drop_in_is_a_mistake)
{
	write_drop_in("1.conf", "[profile a]\nscope = x\nscope = y\n[profile a]\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "scope = z\n",
		"error FILE.d/1.conf:3: [profile a] scope: this key stands twice in its section; "
		"the first is on line 2\n"
		"error FILE.d/1.conf:4: [profile a]: this section stands twice; put its keys under "
		"line 1, where it began\n");
}
END_TEST

START_TEST(later_way_to_write_a_secret_goes_before_an_earlier_one)
{
	struct config *config;

	config_fixture_write("gctokend.conf.d/secret", "other\n", 0600);
	write_drop_in("1.conf", "[profile a]\nclient_secret_file = secret\n");
	config = config_fixture_take(CONFIG_FIXTURE_PROFILE);
	/* A relative path is taken from the directory of the file that it stands in. */
	ck_assert_str_eq(
		secret_reveal(config->profiles[0]->secrets[SETTINGS_CLIENT_SECRET].value), "other");
	config_free(config);
}
END_TEST

START_TEST(each_file_is_checked_for_mode_and_owner)
{
	struct config *config = NULL;

	config_fixture_write("gctokend.conf.d/1.conf", "[general]\n", 0622);
	config_fixture_write("gctokend.conf.d/2.conf", "[profile a]\nclient_secret = s\n", 0644);
	config_fixture_write("gctokend.conf.d/3.conf", "[general]\n", 0644);
	config_fixture_check(CONFIG_FIXTURE_PROFILE,
		"error FILE.d/1.conf: others than its owner can write the file (mode 0622); chmod "
		"go-w it\n"
		"error FILE.d/2.conf:2: [profile a] client_secret: others can read this file, and "
		"so this secret; chmod 0600 the file (or 0640 with the daemon's group), or keep "
		"the secret in a file of its own\n");
	if (geteuid() != 0) {
		fprintf(stderr, "skipped: only root can give a file to another user\n");
		return;
	}
	unlink(config_fixture_path("gctokend.conf.d/1.conf"));
	unlink(config_fixture_path("gctokend.conf.d/2.conf"));
	ck_assert_int_eq(chown(config_fixture_path("gctokend.conf.d/3.conf"), SOMEBODY, 0), 0);
	ck_assert_int_eq(
		config_fixture_load(config_fixture_path("gctokend.conf"), NULL, &config), -EINVAL);
	ck_assert_ptr_nonnull(strstr(
		config_fixture_told(), "error FILE.d/3.conf: the file is owned by uid 4711"));
}
END_TEST

START_TEST(drop_ins_are_limited)
{
	char name[32];

	for (int i = 0; i < CONFIG_DROP_INS_MAX; i++) {
		snprintf(name, sizeof(name), "%d.conf", i);
		write_drop_in(name, "# nothing\n");
	}
	config_fixture_check(CONFIG_FIXTURE_PROFILE, "");
	write_drop_in("one-more.conf", "# nothing\n");
	config_fixture_refuse(CONFIG_FIXTURE_PROFILE);
	ck_assert_ptr_nonnull(
		strstr(config_fixture_told(), "error FILE: there are more than 256 files in its "));
}
END_TEST

START_TEST(all_files_together_are_limited)
{
	const size_t size = 1024 * 1024;
	char *text = malloc(size + 1), name[32];

	memset(text, '#', size);
	text[size] = '\0';
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "%02d.conf", i);
		write_drop_in(name, text);
	}
	free(text);
	config_fixture_check(CONFIG_FIXTURE_PROFILE,
		"error FILE.d/15.conf: this file and those before are longer than 16777216 bytes "
		"together\n");
}
END_TEST

CASES_MAIN("config_files", set_up, config_fixture_tear_down,
	{later_file_goes_before_an_earlier_one, 1}, {drop_ins_add_profiles_in_either_syntax, 1},
	{drop_ins_do_without_the_file, 1}, {what_is_no_drop_in_is_not_read, 1},
	{mistakes_name_the_file_that_they_are_in, 1},
	{what_stands_twice_in_one_drop_in_is_a_mistake, 1},
	{later_way_to_write_a_secret_goes_before_an_earlier_one, 1},
	{each_file_is_checked_for_mode_and_owner, 1}, {drop_ins_are_limited, 1},
	{all_files_together_are_limited, 1})
