#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/secret.h"
#include "core/settings.h"
#include "io/config.h"

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
	ck_assert_str_eq(
		secret_reveal(config->profiles[0]->secrets[SETTINGS_CLIENT_SECRET].value), value);
	config_free(config);
}
END_TEST

START_TEST(indented_lines_continue_a_value)
{
	struct config *config = config_fixture_take(
		CONFIG_FIXTURE_PROFILE "scope = a\n  b\n\tc\nallow = user:0 (auth.getJwtToken,\n"
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
	ck_assert_str_eq(
		secret_reveal(config->profiles[0]->secrets[SETTINGS_CLIENT_SECRET].value), "y");
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

START_TEST(comments_of_c_are_none)
{
	config_fixture_check(CONFIG_FIXTURE_PROFILE "/* no\nscope = b\n*/\n",
		"error FILE:4: the equals sign is missing; write KEY = VALUE, and # in front of a "
		"comment\n"
		"error FILE:6: the equals sign is missing; write KEY = VALUE, and # in front of a "
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
	config_fixture_check(CONFIG_FIXTURE_PROFILE "[generl]\n"
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
	config_fixture_check(CONFIG_FIXTURE_PROFILE "Client_Id = x\n"
						    "ca_file = /x\n"
						    "port = 1\n"
						    "max_waiters = 3\n"
						    "clientsecret = x\n",
		"error FILE:4: [profile a] Client_Id: there is no such key; did you mean "
		"client_id?\n"
		"error FILE:5: [profile a] ca_file: there is no such key; in a profile it is "
		"called tls_ca_file\n"
		"error FILE:6: [profile a] port: there is no such key; in a profile it is "
		"called gateway_port\n"
		"error FILE:7: [profile a] max_waiters: this key stands in [daemon]\n"
		"error FILE:8: [profile a] clientsecret: there is no such key; did you mean "
		"client_secret?\n");
}
END_TEST

START_TEST(names_of_profiles_have_a_form)
{
	static const char *const bad[] = {"", "-a", ".a", "a b", "a/b", "a:b",
		"a23456789012345678901234567890123456789012345678901234567890123456"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256], told[512];

		snprintf(text, sizeof(text), "%s[profile %s]\n", CONFIG_FIXTURE_PROFILE, bad[i]);
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
	size_t len = (size_t)sprintf(text, "%s[general]\n", CONFIG_FIXTURE_PROFILE);

	for (int i = 0; i < 201; i++) {
		len += (size_t)sprintf(text + len, "key%d = 1\n", i);
	}
	config_fixture_check(text, "error FILE:4: there are too many keys in this section\n");
	len = (size_t)sprintf(text, "%saudience = ", CONFIG_FIXTURE_PROFILE);
	memset(text + len, 'a', 16 * 1024 + 1);
	text[len + 16 * 1024 + 1] = '\0';
	config_fixture_check(
		text, "error FILE:4: [profile a] audience: the value is longer than 16384 bytes\n");
	text[len + 16 * 1024] = '\0';
	config_fixture_check(text, "");
	free(text);
}
END_TEST

START_TEST(empty_value_is_told)
{
	config_fixture_check(CONFIG_FIXTURE_PROFILE "scope =\n",
		"error FILE:4: [profile a] scope: there is no value; write one, or take the "
		"line out\n");
}
END_TEST

START_TEST(quotation_marks_are_told)
{
	config_fixture_check(CONFIG_FIXTURE_PROFILE "audience = \"https://api.example.com\"\n",
		"warning FILE:4: [profile a] audience: the quotation marks are taken as a "
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
	config_fixture_check(CONFIG_FIXTURE_PROFILE "[\x1b[31m]\nx=1\n",
		"error FILE:4: a name may hold printable ASCII characters alone, and no \"!\"\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "allow = user:\x1b[31m\n",
		"warning FILE:4: [profile a] allow: there is no user \"?[31m\"; the rule "
		"matches nobody\n");
}
END_TEST

START_TEST(text_that_is_none_is_told)
{
	config_fixture_check(
		"[general]\nhost = \xff\n", "error FILE: the file is not UTF-8 text\n");
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

START_TEST(empty_keys_of_the_sdk_are_none)
{
	config_fixture_check(CONFIG_FIXTURE_PROFILE "[logging]\n"
						    "log_level =\n"
						    "log_file_path =\n"
						    "[reauthentication]\n"
						    "refresh_token_wait_max =\n"
						    "[general]\n"
						    "host =\n"
						    "[gateway]\n"
						    "host = localhost\n"
						    "protocol =\n"
						    "port =\n"
						    "path_params_login =\n",
		"");
}
END_TEST

START_TEST(gateways_password_is_one_warning)
{
	config_fixture_check(CONFIG_FIXTURE_PROFILE "gateway_username = c\n"
						    "[gateway]\n"
						    "username = a\n"
						    "password = b\n",
		"warning FILE:4: [profile a] gateway_username: a gateway's username and "
		"password are taken, but never sent\n");
}
END_TEST

CASES_MAIN("config_sections", config_fixture_set_up, config_fixture_tear_down,
	{values_are_taken_whole, 1}, {indented_lines_continue_a_value, 1},
	{other_line_ends_and_a_byte_order_mark_are_taken, 1},
	{every_mistake_is_told_at_once_in_the_order_of_the_lines, 1},
	{lines_that_continue_a_mistake_are_not_told_again, 1}, {comments_of_c_are_none, 1},
	{what_stands_twice_is_told_with_both_lines, 1},
	{unknown_names_are_told_with_the_nearest, 1}, {names_of_profiles_have_a_form, 1},
	{profiles_are_limited, 1}, {keys_and_values_are_limited, 1}, {empty_value_is_told, 1},
	{quotation_marks_are_told, 1}, {no_value_is_told_of_an_unknown_key, 1},
	{names_are_told_in_readable_bytes, 1}, {text_that_is_none_is_told, 1},
	{text_with_nul_is_told, 1}, {empty_keys_of_the_sdk_are_none, 1},
	{gateways_password_is_one_warning, 1})
