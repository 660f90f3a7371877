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

#define PROFILE "[profile default]\nclient_id = id\nclient_secret = s3cret\n"

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
	struct config *config = config_fixture_take(PROFILE);

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_uint_eq(config->n_profiles, 1);
	ck_assert_str_eq(config->profiles[0]->name, "default");
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
	struct config *config = config_fixture_take(PROFILE);

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
	struct config *config = config_fixture_take(PROFILE "[daemon]\n"
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

START_TEST(connections_of_one_uid_are_a_quarter_and_at_least_one)
{
	struct config *config = config_fixture_take(PROFILE "[daemon]\nmax_connections = 1\n");

	ck_assert_uint_eq(config->max_connections_per_uid, 1);
	config_free(config);
	config = config_fixture_take(PROFILE "[daemon]\nmax_connections = 100\n");
	ck_assert_uint_eq(config->max_connections_per_uid, 25);
	config_free(config);
}
END_TEST

START_TEST(limits_of_the_daemon_have_bounds)
{
	config_fixture_check(PROFILE "[daemon]\n"
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
	config_fixture_check(PROFILE "[daemon]\nmax_connections = 8\nmax_connections_per_uid = 9\n",
		"error FILE:6: [daemon] max_connections_per_uid: this is to be a whole number from "
		"1 to 8\n");
	config_fixture_check(PROFILE "[daemon]\nmax_waiters = 1e3\nrate_limit = 10 \n"
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

	config_fixture_check(PROFILE "[daemon]\nsocket = x.sock\n",
		"error FILE:5: [daemon] socket: the path of a socket has to be absolute (begin "
		"with /)\n");
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[108] = '\0';
	snprintf(text, sizeof(text), "%s[daemon]\nsocket = %s\n", PROFILE, name);
	config_fixture_check(text,
		"error FILE:5: [daemon] socket: the path of a socket has at most 107 bytes\n");
	name[107] = '\0';
	snprintf(text, sizeof(text), "%s[daemon]\nsocket = %s\n", PROFILE, name);
	config_fixture_check(text, "");
}
END_TEST

/* The syntax. */

START_TEST(values_are_taken_whole)
{
	char value[2001];
	char text[4096];
	struct config *config;

	memset(value, 'v', sizeof(value));
	value[2000] = '\0';
	value[10] = ';';
	value[20] = '#';
	value[30] = '=';
	value[40] = '"';
	value[50] = ' ';
	snprintf(text, sizeof(text),
		"# comment\n; comment\n\n[profile a]\nclient_id=x\n client_secret\t=  %s  \n",
		value);
	config_fixture_refuse(text);
	snprintf(text, sizeof(text),
		"# comment\n; comment\n\n[ profile a ]\nclient_id=x\nclient_secret\t=  %s  \n",
		value);
	config = config_fixture_take(text);
	ck_assert_str_eq(secret_reveal(config->profiles[0]->client_secret), value);
	config_free(config);
}
END_TEST

START_TEST(indented_lines_continue_a_value)
{
	struct config *config = config_fixture_take(
		PROFILE "scope = a\n  b\n\tc\nallow = user:0 (auth.getJwtToken,\n"
			"   auth.refresh)\n");

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_str_eq(config->profiles[0]->scope, "a b c");
	config_free(config);
}
END_TEST

START_TEST(other_line_ends_and_a_byte_order_mark_are_taken)
{
	struct config *config = config_fixture_take(
		"\xef\xbb\xbf[profile a]\r\nclient_id = x\r\nclient_secret = y\r\n\r\n");

	ck_assert_str_eq(config->profiles[0]->client_id, "x");
	ck_assert_str_eq(secret_reveal(config->profiles[0]->client_secret), "y");
	config_free(config);
}
END_TEST

START_TEST(every_mistake_is_told_at_once_in_the_order_of_the_lines)
{
	config_fixture_check("host = x\n"
			     "[general]\n"
			     "host = eu_west_9\n"
			     "no equals sign\n"
			     "[profile a]\n"
			     "client_id = x\n"
			     "= no key\n"
			     "client_secret = y\n"
			     "refresh_token_wait_max = 301\n"
			     "[daemon\n"
			     "max_waiters = x\n"
			     "[]\n"
			     "[reauthentication]\n"
			     "  indented = 1\n"
			     "refresh_token_wait_max = x\n"
			     "refresh! = 1\n"
			     "[tls]\n"
			     "ca_file = /nonexistent/ca.pem\n",
		"error FILE:1: this line stands before the first [SECTION]\n"
		"error FILE:3: [general] host: this is neither a domain nor a known region; write "
		"a domain (mypurecloud.ie), https://api.DOMAIN, or a region (eu_west_1); another "
		"server is named by token_url or [gateway] host\n"
		"error FILE:4: the equals sign is missing; write KEY = VALUE, and # in front of a "
		"comment\n"
		"error FILE:7: there is no key before the equals sign\n"
		"error FILE:9: [profile a] refresh_token_wait_max: this is to be a whole number of "
		"seconds from 0 to 300\n"
		"error FILE:10: the closing bracket is missing; write [SECTION] and nothing behind "
		"it\n"
		"error FILE:12: there is no name between the brackets\n"
		"error FILE:14: a line that begins with a blank continues the value above it, and "
		"there is none here\n"
		"error FILE:15: [reauthentication] refresh_token_wait_max: this is to be a whole "
		"number of seconds from 0 to 300\n"
		"error FILE:16: a name may hold printable ASCII characters alone, and no \"!\"\n"
		"error FILE:18: [tls] ca_file: /nonexistent/ca.pem cannot be read: No such file or "
		"directory\n");
}
END_TEST

START_TEST(lines_that_continue_a_mistake_are_not_told_again)
{
	config_fixture_check("[profile a]\n"
			     "client_id = x\n"
			     "nonsense\n"
			     "   and more\n"
			     "client_secret = y\n",
		"error FILE:3: the equals sign is missing; write KEY = VALUE, and # in front of a "
		"comment\n");
}
END_TEST

START_TEST(what_stands_twice_is_told_with_both_lines)
{
	config_fixture_check("[profile a]\n"
			     "client_id = x\n"
			     "scope = a\n"
			     "client_secret = y\n"
			     "client_id = z\n"
			     "[general]\n"
			     "host = eu_west_1\n"
			     "[profile  a]\n"
			     "client_id = x\n"
			     "[general]\n",
		"error FILE:5: [profile a] client_id: this key stands twice in its section; the "
		"first is on line 2\n"
		"error FILE:8: [profile  a]: this section stands twice; put its keys under line 1, "
		"where it began\n"
		"error FILE:10: [general]: this section stands twice; put its keys under line 6, "
		"where it began\n");
}
END_TEST

START_TEST(unknown_names_are_told_with_the_nearest)
{
	config_fixture_check(PROFILE "[generl]\n"
				     "[Profile x]\n"
				     "[profiles]\n"
				     "[database]\n"
				     "[general]\n"
				     "hots = x\n"
				     "CLIENT_ID = x\n"
				     "client_id = x\n"
				     "xyzzy = x\n",
		"error FILE:4: [generl]: there is no such section; did you mean [general]?\n"
		"error FILE:5: [Profile x]: there is no such section; did you mean [profile "
		"NAME]?\n"
		"error FILE:6: [profiles]: there is no such section; did you mean [profile "
		"NAME]?\n"
		"error FILE:7: [database]: there is no such section\n"
		"error FILE:9: [general] hots: there is no such key; did you mean host?\n"
		"error FILE:10: [general] CLIENT_ID: there is no such key\n"
		"error FILE:11: [general] client_id: this key stands in [profile NAME]\n"
		"error FILE:12: [general] xyzzy: there is no such key\n");
	config_fixture_check(PROFILE "Client_Id = x\n"
				     "ca_file = /x\n"
				     "port = 1\n"
				     "max_waiters = 3\n"
				     "clientsecret = x\n",
		"error FILE:4: [profile default] Client_Id: there is no such key; did you mean "
		"client_id?\n"
		"error FILE:5: [profile default] ca_file: there is no such key; in a profile it is "
		"called tls_ca_file\n"
		"error FILE:6: [profile default] port: there is no such key; in a profile it is "
		"called gateway_port\n"
		"error FILE:7: [profile default] max_waiters: this key stands in [daemon]\n"
		"error FILE:8: [profile default] clientsecret: there is no such key; did you mean "
		"client_secret?\n");
}
END_TEST

START_TEST(names_of_profiles_have_a_form)
{
	static const char *const bad[] = {"", "-a", ".a", "a b", "a/b", "a:b",
		"a23456789012345678901234567890123456789012345678901234567890123456"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256], told[512];

		snprintf(text, sizeof(text), "%s[profile %s]\n", PROFILE, bad[i]);
		snprintf(told, sizeof(told),
			"error FILE:4: [profile%s%s]: write [profile NAME]; a name has 1 to 64 "
			"letters, digits, \".\", \"_\" and \"-\", and begins with a letter or "
			"digit\n",
			*bad[i] ? " " : "", bad[i]);
		config_fixture_check(text, told);
	}
	config_fixture_check(
		"[profile a234567890123456789012345678901234567890123456789012345678901234]\n"
		"client_id = x\nclient_secret = y\n",
		"");
}
END_TEST

START_TEST(profiles_are_limited)
{
	char *text = malloc(64 * 1026);
	struct config *config;
	size_t len = 0, limit = 0;

	for (int i = 0; i < 1026; i++) {
		limit = i == 1024 ? len : limit;
		len += (size_t)sprintf(
			text + len, "[profile p%d]\nclient_id = x\nclient_secret = y\n", i);
	}
	config_fixture_check(
		text, "error FILE:3073: [profile p1024]: there are more than 1024 profiles\n");
	text[limit] = '\0';
	config = config_fixture_take(text);
	ck_assert_uint_eq(config->n_profiles, 1024);
	config_free(config);
	free(text);
}
END_TEST

START_TEST(keys_and_values_are_limited)
{
	char *text = malloc(32 * 1024);
	size_t len = (size_t)sprintf(text, "%s[general]\n", PROFILE);

	for (int i = 0; i < 201; i++) {
		len += (size_t)sprintf(text + len, "key%d = 1\n", i);
	}
	config_fixture_check(text, "error FILE:4: there are too many keys in this section\n");
	len = (size_t)sprintf(text, "%saudience = ", PROFILE);
	memset(text + len, 'a', 16 * 1024 + 1);
	text[len + 16 * 1024 + 1] = '\0';
	config_fixture_check(text,
		"error FILE:4: [profile default] audience: the value is longer than 16384 bytes\n");
	text[len + 16 * 1024] = '\0';
	config_fixture_check(text, "");
	free(text);
}
END_TEST

START_TEST(empty_value_is_told)
{
	config_fixture_check(PROFILE "scope =\n",
		"error FILE:4: [profile default] scope: there is no value; write one, or take the "
		"line out\n");
}
END_TEST

START_TEST(quotation_marks_are_told)
{
	config_fixture_check(PROFILE "audience = \"https://api.example.com\"\n",
		"warning FILE:4: [profile default] audience: the quotation marks are taken as a "
		"part of the value\n");
}
END_TEST

START_TEST(no_value_is_told_of_an_unknown_key)
{
	config_fixture_refuse(
		"[profile a]\nclient_id = x\nclientsecret = hunter2\n"
		"clientsecret2 hunter2\n= hunter2\n  hunter2\n[x]\nhunter2 = hunter2");
	ck_assert_ptr_null(strstr(config_fixture_told(), ": hunter2"));
	ck_assert_ptr_null(strstr(config_fixture_told(), "\"hunter2"));
	ck_assert_ptr_null(strstr(config_fixture_told(), " hunter2\n"));
}
END_TEST

START_TEST(names_are_told_in_readable_bytes)
{
	config_fixture_check(PROFILE "[\x1b[31m]\nx=1\n",
		"error FILE:4: a name may hold printable ASCII characters alone, and no \"!\"\n");
	config_fixture_check(PROFILE "allow = user:\x1b[31m\n",
		"warning FILE:4: [profile default] allow: there is no user \"?[31m\"; the rule "
		"matches nobody\n");
}
END_TEST

START_TEST(text_that_is_none_is_told)
{
	config_fixture_check(
		"[general]\nhost = \xff\n", "error FILE: the file is not UTF-8 text\n");
	config_fixture_check(" \n {\"general\": {}}\n",
		"error FILE: JSON is not yet supported by this version; write INI\n");
}
END_TEST

static int refusals;

static void count_refusal(void *context, enum log_level level, const char *text)
{
	ck_assert_str_eq(text, "FILE: the file is not UTF-8 text");
	refusals++;
}

START_TEST(text_with_nul_is_told)
{
	const struct config_environment nothing = {0};
	char text[] = "[general]\n\0host = mypurecloud.de\n";
	struct config *config = NULL;

	ck_assert_int_eq(config_parse("FILE", text, sizeof(text) - 1, &nothing, count_refusal, NULL,
				 &config),
		-EINVAL);
	ck_assert_int_eq(refusals, 1);
}
END_TEST

/* What comes later. */

START_TEST(what_is_not_yet_supported_says_so)
{
	size_t checked = 0;

	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];
		char text[512], told[512];

		if (key->supported) {
			continue;
		}
		checked++;
		snprintf(text, sizeof(text), "%s[%s]\n%s = unheard-of\n", PROFILE, key->section,
			key->name);
		snprintf(told, sizeof(told),
			"error FILE:5: [%s] %s: this is not yet supported by this version\n",
			key->section, key->name);
		config_fixture_check(text, told);
		if (key->in_profile) {
			snprintf(text, sizeof(text), "%s%s = unheard-of\n", PROFILE,
				key->in_profile);
			snprintf(told, sizeof(told),
				"error FILE:4: [profile default] %s: this is not yet supported by "
				"this version\n",
				key->in_profile);
			config_fixture_check(text, told);
		}
	}
	ck_assert_uint_gt(checked, 0);
}
END_TEST

START_TEST(unsupported_keys_may_say_their_default)
{
	config_fixture_check(PROFILE "[logging]\n"
				     "log_level = info\n"
				     "log_format = text\n"
				     "log_to_console = yes\n"
				     "log_request_body = off\n"
				     "log_response_body = 0\n"
				     "log_file_path =\n"
				     "[proxy]\n"
				     "url =\n"
				     "[daemon]\n"
				     "persist_tokens = no\n",
		"");
}
END_TEST

START_TEST(live_reload_is_a_warning)
{
	config_fixture_check(PROFILE "[general]\nlive_reload_config = true\n",
		"warning FILE:5: [general] live_reload_config: to read a changed file by itself is "
		"not yet supported by this version; send SIGHUP or call gctoken reload\n");
	config_fixture_check(PROFILE "[general]\nlive_reload_config = false\n", "");
}
END_TEST

START_TEST(gateways_password_is_one_warning)
{
	config_fixture_check(PROFILE "gateway_username = c\n"
				     "[gateway]\n"
				     "username = a\n"
				     "password = b\n",
		"warning FILE:4: [profile default] gateway_username: a gateway's username and "
		"password are taken, but never sent\n");
}
END_TEST

/* The file. */

START_TEST(file_with_a_secret_is_for_the_owner_and_the_daemons_group)
{
	const char *others = "error FILE:3: [profile default] client_secret: others can read this "
			     "file, and so this secret; chmod 0600 the file (or 0640 with the "
			     "daemon's group), or keep the secret in a file of its own\n";

	check_mode(PROFILE, 0400, "");
	check_mode(PROFILE, 0600, "");
	check_mode(PROFILE, 0640, "");
	check_mode(PROFILE, 0644, others);
	check_mode(PROFILE, 0604, others);
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
	const char *path = config_fixture_write("gctokend.conf", PROFILE, 0640);
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
	check_mode(PROFILE, 0602,
		"error FILE: others than its owner can write the file (mode 0602); chmod go-w "
		"it\n");
	check_mode(PROFILE, 0620,
		"error FILE: others than its owner can write the file (mode 0620); chmod go-w "
		"it\n");
}
END_TEST

START_TEST(file_of_another_user_is_refused)
{
	const char *path = config_fixture_write("gctokend.conf", PROFILE, 0600);
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

	snprintf(target, sizeof(target), "%s", config_fixture_write("real.conf", PROFILE, 0600));
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
	memcpy(text, PROFILE, strlen(PROFILE));
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
	char *text = malloc(lines + strlen(PROFILE) + 1);
	char *end = stpcpy(text, PROFILE);

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
		"error FILE: the file cannot be read: No such file or directory\n");
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
	config_fixture_write("gctokend/gctokend.conf", PROFILE, 0644);
	config_fixture_write(".config/gctokend/gctokend.conf", PROFILE, 0644);
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

/* The environment. */

static struct config_environment credentials;

static void set_credentials(const char *id, const char *secret, const char *region)
{
	credentials = (struct config_environment){
		.client_id = id ? secret_new_locked(id, strlen(id)) : NULL,
		.client_secret = secret ? secret_new_locked(secret, strlen(secret)) : NULL,
		.region = region ? strdup(region) : NULL,
	};
}

static struct config *take_with_environment(const char *path)
{
	struct config *config = NULL;
	int status = config_fixture_load(path, &credentials, &config);

	ck_assert_msg(status == 0, "refused: %s", config_fixture_told());
	config_environment_done(&credentials);
	return config;
}

START_TEST(environment_is_taken_and_wiped)
{
	const char *secret;

	setenv("GENESYSCLOUD_OAUTHCLIENT_ID", "id", 1);
	setenv("GENESYSCLOUD_OAUTHCLIENT_SECRET", "s3cret", 1);
	setenv("GENESYSCLOUD_REGION", "eu-west-1", 1);
	secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
	config_environment_take(&credentials);
	ck_assert_str_eq(secret_reveal(credentials.client_id), "id");
	ck_assert_str_eq(secret_reveal(credentials.client_secret), "s3cret");
	ck_assert_str_eq(credentials.region, "eu-west-1");
	ck_assert_mem_eq(secret, "\0\0\0\0\0\0", strlen("s3cret"));
	ck_assert_ptr_null(getenv("GENESYSCLOUD_OAUTHCLIENT_ID"));
	ck_assert_ptr_null(getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET"));
	ck_assert_ptr_null(getenv("GENESYSCLOUD_REGION"));
	config_environment_done(&credentials);
}
END_TEST

START_TEST(variable_that_stands_twice_is_wiped_twice)
{
	static char first[] = "GENESYSCLOUD_OAUTHCLIENT_SECRET=one";
	static char second[] = "GENESYSCLOUD_OAUTHCLIENT_SECRET=two";
	static char *both[] = {first, second, NULL};

	environ = both;
	config_environment_take(&credentials);
	ck_assert_str_eq(secret_reveal(credentials.client_secret), "one");
	ck_assert_str_eq(first, "GENESYSCLOUD_OAUTHCLIENT_SECRET=");
	ck_assert_str_eq(second, "GENESYSCLOUD_OAUTHCLIENT_SECRET=");
	ck_assert_ptr_null(getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET"));
	config_environment_done(&credentials);
}
END_TEST

START_TEST(empty_variables_are_none)
{
	setenv("GENESYSCLOUD_OAUTHCLIENT_ID", "", 1);
	unsetenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
	setenv("GENESYSCLOUD_REGION", "", 1);
	config_environment_take(&credentials);
	ck_assert_ptr_null(credentials.client_id);
	ck_assert_ptr_null(credentials.client_secret);
	ck_assert_ptr_null(credentials.region);
	config_environment_done(&credentials);
}
END_TEST

START_TEST(environment_makes_the_default_profile_without_a_file)
{
	struct config *config;

	set_credentials("id", "s3cret", "eu-west-1");
	config = take_with_environment(config_fixture_path("missing"));
	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_uint_eq(config->n_profiles, 1);
	ck_assert_str_eq(config->profiles[0]->name, "default");
	ck_assert_str_eq(config->profiles[0]->client_id, "id");
	ck_assert_str_eq(secret_reveal(config->profiles[0]->client_secret), "s3cret");
	ck_assert_ptr_null(config->profiles[0]->client_secret_file);
	ck_assert_str_eq(
		config->profiles[0]->token_url, "https://login.mypurecloud.ie/oauth/token");
	ck_assert_ptr_null(config->profiles[0]->allow);
	config_free(config);
}
END_TEST

START_TEST(environment_goes_with_the_files_other_sections)
{
	struct config *config;

	set_credentials("id", "s3cret", "eu-west-1");
	config = take_with_environment(config_fixture_write("gctokend.conf",
		"[general]\nhost = mypurecloud.de\n[reauthentication]\n"
		"refresh_token_wait_max = 3\n",
		0644));
	ck_assert_uint_eq(config->n_profiles, 1);
	/* A file's host wins. */
	ck_assert_str_eq(config->profiles[0]->login_url, "https://login.mypurecloud.de");
	ck_assert_int_eq(config->profiles[0]->wait_max_ms, 3000);
	config_free(config);
}
END_TEST

START_TEST(environment_without_a_region_has_the_default_host)
{
	struct config *config;

	set_credentials("id", "s3cret", NULL);
	config = take_with_environment(config_fixture_path("missing"));
	ck_assert_str_eq(config->profiles[0]->login_url, "https://login.mypurecloud.com");
	config_free(config);
}
END_TEST

START_TEST(profile_in_the_file_leaves_the_environment_unused)
{
	struct config *config;

	set_credentials("other", "other", "eu-west-1");
	config = take_with_environment(config_fixture_write("gctokend.conf", PROFILE, 0600));
	ck_assert_uint_eq(config->n_profiles, 1);
	ck_assert_str_eq(config->profiles[0]->client_id, "id");
	ck_assert_str_eq(config->profiles[0]->login_url, "https://login.mypurecloud.com");
	config_free(config);
}
END_TEST

static void check_environment_refused(const char *told)
{
	struct config *config = NULL;

	ck_assert_int_eq(config_fixture_load(config_fixture_path("missing"), &credentials, &config),
		-EINVAL);
	ck_assert_str_eq(config_fixture_told(), told);
	config_environment_done(&credentials);
}

START_TEST(mistakes_in_the_environment_are_told)
{
	set_credentials("id", NULL, NULL);
	check_environment_refused("error GENESYSCLOUD_OAUTHCLIENT_SECRET: this is not set, but "
				  "GENESYSCLOUD_OAUTHCLIENT_ID is\n");
	set_credentials(NULL, "s3cret", NULL);
	check_environment_refused("error GENESYSCLOUD_OAUTHCLIENT_ID: this is not set, but "
				  "GENESYSCLOUD_OAUTHCLIENT_SECRET is\n");
	set_credentials("id", "s3cret", "eu-west-9");
	check_environment_refused(
		"error GENESYSCLOUD_REGION: this is neither a domain nor a known region; write a "
		"domain (mypurecloud.ie), https://api.DOMAIN, or a region (eu_west_1); another "
		"server is named by token_url or [gateway] host\n");
	/* A region alone is for gctoken's clients, and no credential. */
	set_credentials(NULL, NULL, "eu-west-1");
	check_environment_refused("error FILE: the file cannot be read: No such file or "
				  "directory\n");
}
END_TEST

CASES_MAIN("config", config_fixture_set_up, config_fixture_tear_down,
	{file_of_one_profile_is_taken_in_silence, 1}, {profiles_are_sorted_by_name, 1},
	{daemon_has_its_defaults, 1}, {daemon_has_what_is_written, 1},
	{connections_of_one_uid_are_a_quarter_and_at_least_one, 1},
	{limits_of_the_daemon_have_bounds, 1}, {socket_is_an_absolute_path_that_fits, 1},
	{values_are_taken_whole, 1}, {indented_lines_continue_a_value, 1},
	{other_line_ends_and_a_byte_order_mark_are_taken, 1},
	{every_mistake_is_told_at_once_in_the_order_of_the_lines, 1},
	{lines_that_continue_a_mistake_are_not_told_again, 1},
	{what_stands_twice_is_told_with_both_lines, 1},
	{unknown_names_are_told_with_the_nearest, 1}, {names_of_profiles_have_a_form, 1},
	{profiles_are_limited, 1}, {keys_and_values_are_limited, 1}, {empty_value_is_told, 1},
	{quotation_marks_are_told, 1}, {no_value_is_told_of_an_unknown_key, 1},
	{names_are_told_in_readable_bytes, 1}, {text_that_is_none_is_told, 1},
	{text_with_nul_is_told, 1}, {what_is_not_yet_supported_says_so, 1},
	{unsupported_keys_may_say_their_default, 1}, {live_reload_is_a_warning, 1},
	{gateways_password_is_one_warning, 1},
	{file_with_a_secret_is_for_the_owner_and_the_daemons_group, 1},
	{password_of_a_gateway_is_a_secret, 1}, {file_with_a_secret_is_not_for_another_group, 1},
	{file_without_a_secret_may_be_read_by_all, 1}, {file_that_others_can_write_is_refused, 1},
	{file_of_another_user_is_refused, 1}, {link_is_followed_and_its_file_is_judged, 1},
	{what_is_no_file_is_refused_and_not_waited_for, 1}, {file_is_limited, 1},
	{sections_are_limited, 1}, {missing_file_is_refused, 1},
	{file_without_a_profile_is_a_warning, 1},
	{file_is_named_by_the_option_then_by_the_environment, 1},
	{ordinary_users_have_a_file_of_their_own, 1}, {environment_is_taken_and_wiped, 1},
	{variable_that_stands_twice_is_wiped_twice, 1}, {empty_variables_are_none, 1},
	{environment_makes_the_default_profile_without_a_file, 1},
	{environment_goes_with_the_files_other_sections, 1},
	{environment_without_a_region_has_the_default_host, 1},
	{profile_in_the_file_leaves_the_environment_unused, 1},
	{mistakes_in_the_environment_are_told, 1})
