#include "io/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/access.h"
#include "core/secret.h"
#include "core/settings.h"

enum { SOMEBODY = 4711 /* a uid and gid that nobody here has */ };

/* The mode of a file, loaded with text in it; told and status. */
static void check_mode(const char *text, mode_t mode, const char *told)
{
	struct config *config = NULL;
	int status = config_fixture_load(
		config_fixture_write("gctokend.conf", text, mode), NULL, &config);

	ck_assert_str_eq(config_fixture_told(), told);
	ck_assert_int_eq(status, *told ? -EINVAL : 0);
	config_free(config);
}

START_TEST(file_of_one_profile_is_taken_in_silence)
{
	struct config *config = config_fixture_take(CONFIG_FIXTURE_PROFILE);

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_uint_eq(config->n_profiles, 1);
	ck_assert_str_eq(config->profiles[0]->name, "a");
	config_free(config);
	config_free(NULL);
}
END_TEST

START_TEST(profiles_are_sorted_by_name)
{
	struct config *config = config_fixture_take(
		"[profile b]\nclient_id = b\nclient_secret = b\n"
		"[profile a.2]\nclient_id = a\nclient_secret = a\n"
		"[profile B]\nclient_id = B\nclient_secret = B\n"
		"[profile a-1_]\nclient_id = a\nclient_secret = a\n");

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_uint_eq(config->n_profiles, 4);
	ck_assert_str_eq(config->profiles[0]->name, "B");
	ck_assert_str_eq(config->profiles[0]->client_id, "B");
	ck_assert_str_eq(config->profiles[1]->name, "a-1_");
	ck_assert_str_eq(config->profiles[2]->name, "a.2");
	ck_assert_str_eq(config->profiles[3]->name, "b");
	config_free(config);
}
END_TEST

START_TEST(daemon_has_its_defaults)
{
	struct config *config = config_fixture_take(CONFIG_FIXTURE_PROFILE);

	ck_assert_ptr_null(config->socket);
	ck_assert_uint_eq(config->max_connections, 4096);
	ck_assert_uint_eq(config->max_connections_per_uid, 1024);
	ck_assert_uint_eq(config->max_waiters, 32768);
	ck_assert_uint_eq(config->rate_limit, 0);
	ck_assert_int_eq(config->rate_limit_quarantine_delay_ms, 30000);
	ck_assert_ptr_null(config->allow);
	config_free(config);
}
END_TEST

START_TEST(daemon_has_what_is_written)
{
	const struct access_subject subject = {SOMEBODY, NULL, 0, false};
	struct config *config = config_fixture_take(
		CONFIG_FIXTURE_PROFILE "[daemon]\n"
				       "socket = /run/x/y.sock\n"
				       "max_connections = 10\n"
				       "max_connections_per_uid = 10\n"
				       "max_waiters = 7\n"
				       "rate_limit = 60\n"
				       "rate_limit_quarantine_delay = 5\n"
				       "allow = user:4711\n");

	ck_assert_str_eq(config->socket, "/run/x/y.sock");
	ck_assert_uint_eq(config->max_connections, 10);
	ck_assert_uint_eq(config->max_connections_per_uid, 10);
	ck_assert_uint_eq(config->max_waiters, 7);
	ck_assert_uint_eq(config->rate_limit, 60);
	ck_assert_int_eq(config->rate_limit_quarantine_delay_ms, 5000);
	ck_assert(access_allows(config->allow, &subject, ACCESS_RELOAD));
	config_free(config);
}
END_TEST

START_TEST(logging_has_its_defaults)
{
	struct config *config = config_fixture_take(CONFIG_FIXTURE_PROFILE);

	ck_assert(config->live_reload);
	ck_assert_str_eq(config->log_level, "info");
	ck_assert_str_eq(config->log_format, "text");
	ck_assert(config->log_to_console);
	ck_assert_ptr_null(config->log_file_path);
	ck_assert(!config->log_request_body);
	ck_assert(!config->log_response_body);
	config_free(config);
}
END_TEST

START_TEST(logging_has_what_is_written)
{
	struct config *config = config_fixture_take(
		CONFIG_FIXTURE_PROFILE "[logging]\nlog_level = trace\nlog_format = json\n"
				       "log_to_console = false\nlog_file_path = log/x.log\n"
				       "log_request_body = true\nlog_response_body = true\n"
				       "[general]\nlive_reload_config = false\n");

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert(!config->live_reload);
	ck_assert_str_eq(config->log_level, "trace");
	ck_assert_str_eq(config->log_format, "json");
	ck_assert(!config->log_to_console);
	ck_assert_str_eq(config->log_file_path, config_fixture_path("log/x.log"));
	ck_assert(config->log_request_body);
	ck_assert(config->log_response_body);
	config_free(config);
	config_fixture_check(CONFIG_FIXTURE_PROFILE
		"[logging]\nlog_level = warming\nlog_format = xml\n",
		"error FILE:5: [logging] log_level: this is not known; did you mean warning? "
		"Write error, warning, info, debug, trace or none\n"
		"error FILE:6: [logging] log_format: this is not known; write text or json\n");
}
END_TEST

START_TEST(connections_of_one_uid_are_a_quarter_and_at_least_one)
{
	struct config *config = config_fixture_take(
		CONFIG_FIXTURE_PROFILE "[daemon]\nmax_connections = 1\n");

	ck_assert_uint_eq(config->max_connections_per_uid, 1);
	config_free(config);
	config = config_fixture_take(CONFIG_FIXTURE_PROFILE "[daemon]\nmax_connections = 100\n");
	ck_assert_uint_eq(config->max_connections_per_uid, 25);
	config_free(config);
}
END_TEST

START_TEST(limits_of_the_daemon_have_bounds)
{
	config_fixture_check(CONFIG_FIXTURE_PROFILE "[daemon]\n"
						    "max_connections = 0\n"
						    "max_waiters = 1000001\n"
						    "rate_limit = -1\n"
						    "rate_limit_quarantine_delay = 3601\n",
		"error FILE:5: [daemon] max_connections: this is to be a whole number from 1 to "
		"1000000\n"
		"error FILE:6: [daemon] max_waiters: this is to be a whole number from 1 to "
		"1000000\n"
		"error FILE:7: [daemon] rate_limit: this is to be a whole number from 0 to "
		"1000000\n"
		"error FILE:8: [daemon] rate_limit_quarantine_delay: this is to be a whole number "
		"of seconds from 1 to 3600\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE
		"[daemon]\nmax_connections = 8\nmax_connections_per_uid = 9\n",
		"error FILE:6: [daemon] max_connections_per_uid: this is to be a whole number from "
		"1 to 8\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE
		"[daemon]\nmax_waiters = 1e3\nrate_limit = 10 \n"
		"max_connections = 99999999999999999999999\n",
		"error FILE:5: [daemon] max_waiters: this is to be a whole number from 1 to "
		"1000000\n"
		"error FILE:7: [daemon] max_connections: this is to be a whole number from 1 to "
		"1000000\n");
}
END_TEST

START_TEST(socket_is_an_absolute_path_that_fits)
{
	char text[512], name[109];

	config_fixture_check(CONFIG_FIXTURE_PROFILE "[daemon]\nsocket = x.sock\n",
		"error FILE:5: [daemon] socket: the path of a socket has to be absolute (begin "
		"with /)\n");
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[108] = '\0';
	snprintf(text, sizeof(text), "%s[daemon]\nsocket = %s\n", CONFIG_FIXTURE_PROFILE, name);
	config_fixture_check(text,
		"error FILE:5: [daemon] socket: the path of a socket has at most 107 bytes\n");
	name[107] = '\0';
	snprintf(text, sizeof(text), "%s[daemon]\nsocket = %s\n", CONFIG_FIXTURE_PROFILE, name);
	config_fixture_check(text, "");
}
END_TEST

/* The file. */

START_TEST(file_with_a_secret_is_for_the_owner_and_the_daemons_group)
{
	const char *others = "error FILE:3: [profile a] client_secret: others can read this "
			     "file, and so this secret; chmod 0600 the file (or 0640 with the "
			     "daemon's group), or keep the secret in a file of its own\n";

	check_mode(CONFIG_FIXTURE_PROFILE, 0400, "");
	check_mode(CONFIG_FIXTURE_PROFILE, 0600, "");
	check_mode(CONFIG_FIXTURE_PROFILE, 0640, "");
	check_mode(CONFIG_FIXTURE_PROFILE, 0644, others);
	check_mode(CONFIG_FIXTURE_PROFILE, 0604, others);
}
END_TEST

START_TEST(password_of_a_gateway_is_a_secret)
{
	struct config *config = NULL;
	const char *path = config_fixture_write(
		"gctokend.conf", "[gateway]\nhost = localhost\npassword = hunter2\n", 0644);

	ck_assert_int_eq(config_fixture_load(path, NULL, &config), -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(config_fixture_told(), "error FILE:3: [gateway] password: others can read"));
	ck_assert_ptr_null(strstr(config_fixture_told(), "hunter2"));
}
END_TEST

START_TEST(file_with_a_secret_is_not_for_another_group)
{
	const char *path = config_fixture_write("gctokend.conf", CONFIG_FIXTURE_PROFILE, 0640);
	struct config *config = NULL;

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: only root can give a file to another group\n");
		return;
	}
	ck_assert_int_eq(chown(path, 0, SOMEBODY), 0);
	ck_assert_int_eq(config_fixture_load(path, NULL, &config), -EINVAL);
	ck_assert_ptr_nonnull(strstr(config_fixture_told(), "others can read this file"));
}
END_TEST

START_TEST(file_without_a_secret_may_be_read_by_all)
{
	struct config *config = NULL;
	char text[512];

	config_fixture_write("secret", "s3cret\n", 0600);
	snprintf(text, sizeof(text), "[profile a]\nclient_id = x\nclient_secret_file = %s\n",
		config_fixture_path("secret"));
	ck_assert_int_eq(config_fixture_load(
				 config_fixture_write("gctokend.conf", text, 0444), NULL, &config),
		0);
	ck_assert_int_eq(config_fixture_n_told(), 0);
	config_free(config);
}
END_TEST

START_TEST(file_that_others_can_write_is_refused)
{
	check_mode(CONFIG_FIXTURE_PROFILE, 0602,
		"error FILE: others than its owner can write the file (mode 0602); chmod go-w "
		"it\n");
	check_mode(CONFIG_FIXTURE_PROFILE, 0620,
		"error FILE: others than its owner can write the file (mode 0620); chmod go-w "
		"it\n");
}
END_TEST

START_TEST(file_of_another_user_is_refused)
{
	const char *path = config_fixture_write("gctokend.conf", CONFIG_FIXTURE_PROFILE, 0600);
	struct config *config = NULL;

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: only root can give a file to another user\n");
		return;
	}
	ck_assert_int_eq(chown(path, SOMEBODY, 0), 0);
	ck_assert_int_eq(config_fixture_load(path, NULL, &config), -EINVAL);
	ck_assert_str_eq(config_fixture_told(),
		"error FILE: the file is owned by uid 4711; it has to be owned by root or the "
		"daemon (uid 0)\n");
}
END_TEST

START_TEST(link_is_followed_and_its_file_is_judged)
{
	char target[512];
	struct config *config = NULL;

	snprintf(target, sizeof(target), "%s",
		config_fixture_write("real.conf", CONFIG_FIXTURE_PROFILE, 0600));
	ck_assert_int_eq(symlink(target, config_fixture_path("link.conf")), 0);
	ck_assert_int_eq(config_fixture_load(config_fixture_path("link.conf"), NULL, &config), 0);
	config_free(config);
	config = NULL;
	ck_assert_int_eq(chmod(target, 0666), 0);
	ck_assert_int_eq(
		config_fixture_load(config_fixture_path("link.conf"), NULL, &config), -EINVAL);
}
END_TEST

START_TEST(what_is_no_file_is_refused_and_not_waited_for)
{
	struct config *config = NULL;

	ck_assert_int_eq(config_fixture_load("/dev/null", NULL, &config), -EINVAL);
	ck_assert_str_eq(config_fixture_told(), "error FILE: this is not a regular file\n");
	ck_assert_int_eq(mkfifo(config_fixture_path("fifo"), 0600), 0);
	ck_assert_int_eq(config_fixture_load(config_fixture_path("fifo"), NULL, &config), -EINVAL);
	ck_assert_str_eq(config_fixture_told(), "error FILE: this is not a regular file\n");
}
END_TEST

START_TEST(file_is_limited)
{
	size_t size = 1024 * 1024;
	char *text = malloc(size + 2);

	memset(text, '#', size + 1);
	memcpy(text, CONFIG_FIXTURE_PROFILE, strlen(CONFIG_FIXTURE_PROFILE));
	text[size + 1] = '\0';
	config_fixture_check(text, "error FILE: the file is longer than 1048576 bytes\n");
	text[size] = '\0';
	config_fixture_check(text, "");
	free(text);
}
END_TEST

START_TEST(sections_are_limited)
{
	size_t lines = 10000;
	char *text = malloc(lines + strlen(CONFIG_FIXTURE_PROFILE) + 1);
	char *end = stpcpy(text, CONFIG_FIXTURE_PROFILE);

	memset(end, '\n', lines - 2);
	end[lines - 2] = '\0';
	config_fixture_check(text, "error FILE:1: there are too many lines in this section\n");
	end[lines - 3] = '\0';
	config_fixture_check(text, "");
	free(text);
}
END_TEST

START_TEST(missing_file_is_refused)
{
	struct config *config = NULL;

	ck_assert_int_eq(
		config_fixture_load(config_fixture_path("missing"), NULL, &config), -EINVAL);
	ck_assert_str_eq(config_fixture_told(),
		"error FILE: there is no such file; write it (see gctokend.conf(5)), or name "
		"another with --config\n");
}
END_TEST

START_TEST(file_without_a_profile_is_a_warning)
{
	config_fixture_check("# nothing yet\n",
		"warning FILE: there is no [profile NAME], and neither GENESYSCLOUD_OAUTHCLIENT_ID "
		"nor GENESYSCLOUD_OAUTHCLIENT_SECRET is set, so there are no tokens to give "
		"out\n");
}
END_TEST

/* Which file. */

static void check_path(const char *path, const char *expected)
{
	char *found = config_path(path);

	ck_assert_pstr_eq(found, expected);
	free(found);
}

START_TEST(file_is_named_by_the_option_then_by_the_environment)
{
	setenv("GCTOKEND_CONFIG", "/some/file", 1);
	check_path("/other/file", "/other/file");
	check_path(NULL, "/some/file");
	setenv("GCTOKEND_CONFIG", "", 1);
	if (geteuid() == 0) {
		setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
		check_path(NULL, "/etc/gctokend/gctokend.conf");
	}
}
END_TEST

START_TEST(ordinary_users_have_a_file_of_their_own)
{
	char home[512], expected[600];

	unsetenv("GCTOKEND_CONFIG");
	snprintf(home, sizeof(home), "%s", config_fixture_path(""));
	home[strlen(home) - 1] = '\0';
	ck_assert_int_eq(mkdir(config_fixture_path("gctokend"), 0755), 0);
	ck_assert_int_eq(mkdir(config_fixture_path(".config"), 0755), 0);
	ck_assert_int_eq(mkdir(config_fixture_path(".config/gctokend"), 0755), 0);
	config_fixture_write("gctokend/gctokend.conf", CONFIG_FIXTURE_PROFILE, 0644);
	config_fixture_write(".config/gctokend/gctokend.conf", CONFIG_FIXTURE_PROFILE, 0644);
	ck_assert_int_eq(chmod(home, 0755), 0);
	setenv("HOME", home, 1);
	setenv("XDG_CONFIG_HOME", home, 1);
	if (geteuid() == 0) {
		check_path(NULL, "/etc/gctokend/gctokend.conf");
		ck_assert_int_eq(seteuid(SOMEBODY), 0);
	}
	snprintf(expected, sizeof(expected), "%s/gctokend/gctokend.conf", home);
	check_path(NULL, expected);
	unsetenv("XDG_CONFIG_HOME");
	snprintf(expected, sizeof(expected), "%s/.config/gctokend/gctokend.conf", home);
	check_path(NULL, expected);
	setenv("HOME", "/nonexistent", 1);
	check_path(NULL, "/etc/gctokend/gctokend.conf");
	ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

CASES_MAIN("config", config_fixture_set_up, config_fixture_tear_down,
	{file_of_one_profile_is_taken_in_silence, 1}, {profiles_are_sorted_by_name, 1},
	{daemon_has_its_defaults, 1}, {daemon_has_what_is_written, 1},
	{logging_has_its_defaults, 1}, {logging_has_what_is_written, 1},
	{connections_of_one_uid_are_a_quarter_and_at_least_one, 1},
	{limits_of_the_daemon_have_bounds, 1}, {socket_is_an_absolute_path_that_fits, 1},
	{file_with_a_secret_is_for_the_owner_and_the_daemons_group, 1},
	{password_of_a_gateway_is_a_secret, 1}, {file_with_a_secret_is_not_for_another_group, 1},
	{file_without_a_secret_may_be_read_by_all, 1}, {file_that_others_can_write_is_refused, 1},
	{file_of_another_user_is_refused, 1}, {link_is_followed_and_its_file_is_judged, 1},
	{what_is_no_file_is_refused_and_not_waited_for, 1}, {file_is_limited, 1},
	{sections_are_limited, 1}, {missing_file_is_refused, 1},
	{file_without_a_profile_is_a_warning, 1},
	{file_is_named_by_the_option_then_by_the_environment, 1},
	{ordinary_users_have_a_file_of_their_own, 1})
