#include "io/config_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/access.h"
#include "core/secret.h"
#include "core/settings.h"

#define PROFILE "\"profile\": {\"a\": {\"client_id\": \"id\", \"client_secret\": \"s3cret\"}}"

START_TEST(json_says_what_ini_says)
{
	const struct access_subject subject = {4711, NULL, 0, false};
	struct config *config = config_fixture_take(
		"\n {\n"
		"\"general\": {\"host\": \"eu_west_1\", \"live_reload_config\": false},\n"
		"\"reauthentication\": {\"refresh_access_token\": \"no\","
		" \"refresh_token_wait_max\": 7},\n"
		"\"daemon\": {\"max_connections\": 100, \"max_waiters\": \"9\"},\n"
		"\"profile\": {\n"
		"  \"b\": {\"client_id\": \"i\\u0064\", \"client_secret\": \"\\\"\\\\\",\n"
		"    \"allow\": [\"user:4711 (auth.getJwtToken, auth.refresh)\", \"group:0\"],\n"
		"    \"scope\": [\"read\", \"write\"]},\n"
		"  \"a\": {\"client_id\": \"x\", \"client_secret\": \"y\", \"scope\": \"x y\",\n"
		"    \"proxy_url\": \"http://proxy:3128\", \"proxy_no_proxy\": [\"x\", \"y\"]}\n"
		"}}\n");
	struct settings *a = config->profiles[0], *b = config->profiles[1];

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert(!config->live_reload);
	ck_assert_uint_eq(config->max_connections, 100);
	ck_assert_uint_eq(config->max_waiters, 9);
	ck_assert_uint_eq(config->n_profiles, 2);
	ck_assert_str_eq(a->name, "a");
	ck_assert_str_eq(a->scope, "x y");
	ck_assert_str_eq(a->no_proxy, "x, y");
	ck_assert_str_eq(a->login_url, "https://login.mypurecloud.ie");
	ck_assert(!a->refresh_access_token);
	ck_assert_int_eq(a->wait_max_ms, 7000);
	ck_assert_str_eq(b->client_id, "id");
	ck_assert_str_eq(secret_reveal(b->secrets[SETTINGS_CLIENT_SECRET].value), "\"\\");
	ck_assert_str_eq(b->scope, "read write");
	ck_assert(access_allows(b->allow, &subject, ACCESS_GET_JWT_TOKEN));
	ck_assert(access_allows(b->allow, &subject, ACCESS_REFRESH));
	config_free(config);
}
END_TEST

START_TEST(pem_in_json_has_its_lines)
{
	struct config *config = config_fixture_take(
		"{" PROFILE ",\"tls\": {\"client_cert\": \"-----BEGIN X-----\\nQQ==\\n-----END "
		"X-----\\n\", \"client_key\": \"-----BEGIN X-----\\nQg==\\n-----END X-----\\n\"}}");

	ck_assert_str_eq(secret_reveal(config->profiles[0]->secrets[SETTINGS_TLS_KEY].value),
		"-----BEGIN X-----\nQg==\n-----END X-----\n");
	config_free(config);
}
END_TEST

START_TEST(every_mistake_is_told_at_once_with_its_line)
{
	config_fixture_check(
		"{\n"
		"\"general\": {\"hosst\": \"x\",\n"
		"  \"live_reload_config\": \"maybe\"},\n"
		"\"generel\": {},\n"
		"\"daemon\": {\"max_connections\": 1.5,\n"
		"  \"socket\": [\"/x\"],\n"
		"  \"max_waiters\": null,\n"
		"  \"rate_limit\": {\"x\": 1, \"x\": 2},\n"
		"  \"insecure_http\": 1},\n"
		"\"logging\": 7,\n"
		"\"profile\": {\"a\": {\"client_id\": true, \"client_secret\": \"hunter2\",\n"
		"    \"unheard\": [], \"scope\": [1]},\n"
		"  \"b!\": {},\n"
		"  \" c\": {\"client_id\": \"x\"},\n"
		"  \"d\": []},\n"
		"\"profile e\": {}\n"
		"}\n",
		"error FILE:2: [general] hosst: there is no such key; did you mean host?\n"
		"error FILE:3: [general] live_reload_config: this is to be true or false (or yes, "
		"no, on, off, 1, 0)\n"
		"error FILE:4: [generel]: there is no such section; did you mean [general]?\n"
		"error FILE:5: [daemon] max_connections: this is to be a whole number from 1 to "
		"1000000\n"
		"error FILE:6: [daemon] socket: this is an array, but the key takes one value\n"
		"error FILE:7: [daemon] max_waiters: null is no value; write one, or leave the "
		"member out\n"
		"error FILE:8: [daemon] rate_limit: this is an object; write a string, a number, "
		"true or false\n"
		"error FILE:10: [logging]: this is to be an object: {\"KEY\": VALUE, …}\n"
		"error FILE:11: [profile a] client_id: this is neither true nor false; write a "
		"string in double quotes\n"
		"error FILE:11: [profile a] client_id: this is missing; write the id of the OAuth "
		"client\n"
		"error FILE:12: [profile a] unheard: this is an array, but the key takes one "
		"value\n"
		"error FILE:12: [profile a] scope: the elements of this array are to be strings\n"
		"error FILE:13: [profile b!]: write [profile NAME]; a name has 1 to 64 letters, "
		"digits, \".\", \"_\" and \"-\", and begins with a letter or digit\n"
		"error FILE:14: [profile]: a profile's name begins with no blank\n"
		"error FILE:15: [profile d]: this is to be an object: {\"KEY\": VALUE, …}\n"
		"error FILE:16: [profile e]: in JSON a profile is written \"profile\": {\"NAME\": "
		"{…}}\n");
}
END_TEST

START_TEST(what_stands_twice_is_told_with_both_lines)
{
	config_fixture_check("{\"profile\": {\"a\": {\n"
			     "\"client_id\": \"x\",\n"
			     "\"client_secret\": \"y\",\n"
			     "\"client\\u005fid\": \"z\"},\n"
			     "\"a\": {}}, \"profile\": {},\n"
			     "\"general\": {},\n"
			     "\"general\": {}}",
		"error FILE:4: [profile a] client_id: this key stands twice in its section; the "
		"first is on line 2\n"
		"error FILE:5: [profile a]: this section stands twice; put its keys under line 1, "
		"where it began\n"
		"error FILE:7: [general]: this section stands twice; put its keys under line 6, "
		"where it began\n");
}
END_TEST

START_TEST(syntax_is_strict_and_its_mistake_is_told_with_the_line)
{
	static const struct {
		const char *text, *line, *why;
	} bad[] = {
		{"{", "1",
			"a name in double quotes is missing here (JSON has no comments, and no "
			"comma behind the last member)"},
		{"{\n\"general\": {},\n}", "3",
			"a name in double quotes is missing here (JSON has no comments, and no "
			"comma behind the last member)"},
		{"{\n// x\n}", "2",
			"a name in double quotes is missing here (JSON has no comments, and no "
			"comma behind the last member)"},
		{"{\n\"general\" {}}", "2", "a colon is missing between the name and its value"},
		{"{\"general\": {}\n\"daemon\": {}}", "2",
			"a comma or a closing brace is missing here"},
		{"{\"general\": {\n\"host\": 'x'}}", "2",
			"this is no JSON value; look for a missing quote, or a comma behind the "
			"last one"},
		{"{\"general\": {\n\"host\": 01}}", "2",
			"a comma or a closing brace is missing here"},
		{"{\"daemon\": {\"allow\": [\n\"x\",\n]}}", "3",
			"this is no JSON value; look for a missing quote, or a comma behind the "
			"last one"},
		{"{\"general\": {\"host\": \"x\ny\"}}", "1",
			"this is no JSON value; look for a missing quote, or a comma behind the "
			"last one"},
		{"{\"general\": {}\n}\n{}", "3", "something stands behind the closing brace"},
		{"{\"general\": {\"host\": \"\\u0000\"}}", "1", "the text holds a NUL character"},
		{"{\"general\":\n[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}", "2", NULL},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char told[512];

		config_fixture_refuse(bad[i].text);
		snprintf(told, sizeof(told), "error FILE:%s: %s", bad[i].line,
			bad[i].why ? bad[i].why : "");
		ck_assert_msg(strstr(config_fixture_told(), told), "%s: %s", bad[i].text,
			config_fixture_told());
	}
}
END_TEST

START_TEST(json_has_as_many_profiles_as_ini)
{
	char *text = malloc(1024 * 100), *end = stpcpy(text, "{\"profile\": {");
	struct config *config;

	for (int i = 0; i < 1024; i++) {
		end += sprintf(end, "%s\"p%d\": {\"client_id\": \"x\", \"client_secret\": \"y\"}",
			i > 0 ? "," : "", i);
	}
	strcpy(end, "}}");
	config = config_fixture_take(text);
	ck_assert_uint_eq(config->n_profiles, 1024);
	config_free(config);
	free(text);
}
END_TEST

START_TEST(byte_order_mark_is_taken)
{
	config_fixture_check("\xef\xbb\xbf{" PROFILE "}", "");
}
END_TEST

/* The files of the SDK's own documentation, with the client in the environment. */

#define SDK_INI                                        \
	"[logging]\n"                                  \
	"log_level = trace\n"                          \
	"log_format = text\n"                          \
	"log_to_console = false\n"                     \
	"log_file_path = /var/log/javascriptsdk.log\n" \
	"log_response_body = false\n"                  \
	"log_request_body = false\n"                   \
	"[reauthentication]\n"                         \
	"refresh_access_token = true\n"                \
	"refresh_token_wait_max = 10\n"                \
	"[general]\n"                                  \
	"live_reload_config = true\n"                  \
	"host = https://api.mypurecloud.ie\n"

#define SDK_JSON                                                       \
	"{\n"                                                          \
	"    \"logging\": {\n"                                         \
	"        \"log_level\": \"trace\",\n"                          \
	"        \"log_format\": \"text\",\n"                          \
	"        \"log_to_console\": false,\n"                         \
	"        \"log_file_path\": \"/var/log/javascriptsdk.log\",\n" \
	"        \"log_response_body\": false,\n"                      \
	"        \"log_request_body\": false\n"                        \
	"    },\n"                                                     \
	"    \"reauthentication\": {\n"                                \
	"        \"refresh_access_token\": true,\n"                    \
	"        \"refresh_token_wait_max\": 10\n"                     \
	"    },\n"                                                     \
	"    \"general\": {\n"                                         \
	"        \"live_reload_config\": true,\n"                      \
	"        \"host\": \"https://api.mypurecloud.ie\"\n"           \
	"    }"

#define SDK_INI_GATEWAY                                  \
	"[gateway]\n"                                    \
	"host = mygateway.mydomain.myextension\n"        \
	"protocol = https\n"                             \
	"port = 1443\n"                                  \
	"path_params_login = myadditionalpathforlogin\n" \
	"path_params_api = myadditionalpathforapi\n"     \
	"username = username\n"                          \
	"password = password\n"

#define SDK_JSON_GATEWAY                                                 \
	",\n"                                                            \
	"    \"gateway\": {\n"                                           \
	"        \"host\": \"mygateway.mydomain.myextension\",\n"        \
	"        \"protocol\": \"https\",\n"                             \
	"        \"port\": 1443,\n"                                      \
	"        \"path_params_login\": \"myadditionalpathforlogin\",\n" \
	"        \"path_params_api\": \"myadditionalpathforapi\",\n"     \
	"        \"username\": \"username\",\n"                          \
	"        \"password\": \"password\"\n"                           \
	"    }"

static struct config *load_sdk(const char *text)
{
	struct config_environment environment = {
		.client_id = secret_new_locked("id", 2),
		.client_secret = secret_new_locked("s3cret", 6),
		.region = strdup("eu_central_1"),
	};
	struct config *config = NULL;
	int status = config_fixture_load(
		config_fixture_write("config", text, 0600), &environment, &config);

	ck_assert_msg(status == 0, "refused: %s", config_fixture_told());
	config_environment_done(&environment);
	ck_assert_uint_eq(config->n_profiles, 1);
	ck_assert_str_eq(config->profiles[0]->name, "default");
	ck_assert_str_eq(config->profiles[0]->client_id, "id");
	ck_assert(config->profiles[0]->refresh_access_token);
	ck_assert_int_eq(config->profiles[0]->wait_max_ms, 10000);
	ck_assert(config->live_reload);
	ck_assert_str_eq(config->log_level, "trace");
	ck_assert_str_eq(config->log_format, "text");
	ck_assert(!config->log_to_console);
	ck_assert_str_eq(config->log_file_path, "/var/log/javascriptsdk.log");
	return config;
}

START_TEST(file_of_the_sdk_works_unchanged)
{
	static const char *const texts[] = {SDK_INI, SDK_JSON "\n}\n"};
	struct config *config = load_sdk(texts[_i]);

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_str_eq(
		config->profiles[0]->token_url, "https://login.mypurecloud.ie/oauth/token");
	ck_assert_str_eq(config->profiles[0]->api_url, "https://api.mypurecloud.ie");
	config_free(config);
}
END_TEST

START_TEST(file_of_the_sdk_with_a_gateway_works_unchanged)
{
	static const char *const texts[] = {
		SDK_INI SDK_INI_GATEWAY, SDK_JSON SDK_JSON_GATEWAY "\n}\n"};
	struct config *config = load_sdk(texts[_i]);

	ck_assert_int_eq(config_fixture_n_told(), 1);
	ck_assert_ptr_nonnull(strstr(config_fixture_told(), "are taken, but never sent"));
	ck_assert_str_eq(config->profiles[0]->token_url,
		"https://mygateway.mydomain.myextension:1443/myadditionalpathforlogin/oauth/"
		"token");
	ck_assert_str_eq(config->profiles[0]->api_url,
		"https://mygateway.mydomain.myextension:1443/myadditionalpathforapi");
	config_free(config);
}
END_TEST

CASES_MAIN("config_json", config_fixture_set_up, config_fixture_tear_down,
	{json_says_what_ini_says, 1}, {pem_in_json_has_its_lines, 1},
	{every_mistake_is_told_at_once_with_its_line, 1},
	{what_stands_twice_is_told_with_both_lines, 1},
	{syntax_is_strict_and_its_mistake_is_told_with_the_line, 1},
	{json_has_as_many_profiles_as_ini, 1}, {byte_order_mark_is_taken, 1},
	{file_of_the_sdk_works_unchanged, 2}, {file_of_the_sdk_with_a_gateway_works_unchanged, 2})
