#include "io/config_proxy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/secret.h"
#include "core/settings.h"

static void check_proxy(const struct settings *settings, const char *url, const char *username,
	const char *password)
{
	const struct secret *value = settings->secrets[SETTINGS_PROXY_PASSWORD].value;

	ck_assert_pstr_eq(settings->proxy_url, url);
	ck_assert_pstr_eq(settings->proxy_username, username);
	ck_assert_pstr_eq(value ? secret_reveal(value) : NULL, password);
}

START_TEST(proxy_is_taken_for_all_and_for_one)
{
	static const char sections[] = "[proxy]\n"
				       "url = http://proxy.example.com:3128\n"
				       "username = u\npassword = p\n"
				       "no_proxy = .example.net, 10.0.0.0/8\n";
	struct settings *settings = config_fixture_settings("", sections);

	ck_assert_int_eq(config_fixture_n_told(), 0);
	check_proxy(settings, "http://proxy.example.com:3128", "u", "p");
	ck_assert_str_eq(settings->no_proxy, ".example.net, 10.0.0.0/8");
	settings_unref(settings);
	/* The user and password for all are not for a profile's own proxy. */
	settings = config_fixture_settings("proxy_url = socks5h://[::1]:1080\n", sections);
	check_proxy(settings, "socks5h://[::1]:1080", NULL, NULL);
	settings_unref(settings);
	settings = config_fixture_settings(
		"proxy_url = https://p:443/\nproxy_username = v\nproxy_password = q\n", sections);
	check_proxy(settings, "https://p:443", "v", "q");
	settings_unref(settings);
	settings = config_fixture_settings("proxy_username = v\nproxy_password = q\n", sections);
	check_proxy(settings, "http://proxy.example.com:3128", "v", "q");
	settings_unref(settings);
}
END_TEST

START_TEST(loopback_and_sockets_have_no_proxy)
{
	static const char sections[] =
		"[proxy]\nurl = http://proxy.example.com:3128\nusername = u\npassword = p\n";
	static const char *const lines[] = {"token_url = http://localhost:8080/token",
		"token_url = https://127.1.2.3/token", "token_url = https://[::1]:8443/token",
		"gateway_host = localhost", "gateway_unix_socket = /run/gw.sock"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct settings *settings = config_fixture_settings(lines[i], sections);

		check_proxy(settings, NULL, NULL, NULL);
		ck_assert_ptr_null(settings->no_proxy);
		settings_unref(settings);
	}
}
END_TEST

#define FORMS "write http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT"

START_TEST(proxy_that_is_none_is_told)
{
	static const struct {
		const char *url, *why;
	} bad[] = {
		{"http://u:hunter2@proxy:3128",
			"write the user and password under username and password"},
		{"http://proxy", "the port is missing; " FORMS},
		{"http://proxy:0", "the port is missing; " FORMS},
		{"http://proxy:3128/x", "a proxy has a host and a port alone; " FORMS},
		{"http://proxy:3128/?x", "a proxy has a host and a port alone; " FORMS},
		{"socks5://proxy:1080", "a proxy speaks http, https or socks5h; " FORMS},
		{"ftp://proxy:21", "a proxy speaks http, https or socks5h; " FORMS},
		{"proxy:3128", "the scheme is missing; " FORMS},
		{"http://pro xy:3128", "a URL holds no blanks, quotes, # or other odd characters; "
				       "percent-encode them"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "proxy_url = %s", bad[i].url);
		config_fixture_refuse_line(line, bad[i].why);
	}
	config_fixture_refuse_line("proxy_no_proxy = https://login.example.com",
		"write hosts with commas between them, without a scheme (login.example.com, "
		".example.com, 10.0.0.0/8), or *");
	config_fixture_check(CONFIG_FIXTURE_PROFILE
		"[proxy]\nurl = http://proxy:3128\npassword = p\n",
		"error FILE: [proxy] username: this is missing; write it beside the password\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "[proxy]\nusername = u\n",
		"warning FILE:5: [proxy] username: this has no effect without the proxy's url\n");
}
END_TEST

/* The environment. */

static struct secret *secret(const char *text)
{
	return text ? secret_new_locked(text, strlen(text)) : NULL;
}

/* Loads the profile with more lines under these variables; the config, or what was told. */
static struct config *load(const char *lines, const char *http_proxy, const char *https_proxy,
	const char *all_proxy, const char *no_proxy)
{
	struct config_environment environment = {
		.http_proxy = secret(http_proxy),
		.https_proxy = secret(https_proxy),
		.all_proxy = secret(all_proxy),
		.no_proxy = no_proxy ? strdup(no_proxy) : NULL,
	};
	struct config *config = NULL;
	char text[1024];

	snprintf(text, sizeof(text), CONFIG_FIXTURE_PROFILE "%s\n", lines);
	config_fixture_load(
		config_fixture_write("gctokend.conf", text, 0600), &environment, &config);
	config_environment_done(&environment);
	return config;
}

START_TEST(environment_names_a_proxy_by_the_scheme)
{
	struct config *config = load("", "http://plain:1", "http://secure:2/", "http://any:3", "x");

	check_proxy(config->profiles[0], "http://secure:2", NULL, NULL);
	ck_assert_str_eq(config->profiles[0]->no_proxy, "x");
	config_free(config);
	config = load("token_url = http://example.com/token\n[daemon]\ninsecure_http = true",
		"http://plain:1", "http://secure:2", "http://any:3", NULL);
	check_proxy(config->profiles[0], "http://plain:1", NULL, NULL);
	config_free(config);
	config = load("", "http://plain:1", NULL, "socks5h://any:3", NULL);
	check_proxy(config->profiles[0], "socks5h://any:3", NULL, NULL);
	config_free(config);
	config = load("", "http://plain:1", NULL, NULL, "x");
	check_proxy(config->profiles[0], NULL, NULL, NULL);
	config_free(config);
}
END_TEST

START_TEST(file_goes_before_the_environment)
{
	struct config *config = load("proxy_url = http://file:1\nproxy_no_proxy = y", NULL,
		"http://u:p@secure:2", NULL, "x");

	check_proxy(config->profiles[0], "http://file:1", NULL, NULL);
	ck_assert_str_eq(config->profiles[0]->no_proxy, "y");
	config_free(config);
	config = load("token_url = https://localhost/token", NULL, "http://secure:2", NULL, NULL);
	check_proxy(config->profiles[0], NULL, NULL, NULL);
	config_free(config);
}
END_TEST

START_TEST(user_of_the_environments_proxy_is_split_out)
{
	struct config *config = load("", NULL, "u%40x:p%3a%2fq@secure:2", NULL, NULL);

	check_proxy(config->profiles[0], "http://secure:2", "u@x", "p:/q");
	config_free(config);
	config = load("", NULL, "http://u@secure:2", NULL, NULL);
	check_proxy(config->profiles[0], "http://secure:2", "u", NULL);
	config_free(config);
}
END_TEST

START_TEST(mistakes_in_the_environments_proxy_name_the_variable)
{
	ck_assert_ptr_null(load("", NULL, "socks4://u:hunter2@secure:2", NULL, NULL));
	ck_assert_str_eq(config_fixture_told(),
		"error https_proxy: a proxy speaks http, https or socks5h; " FORMS "\n");
	ck_assert_ptr_null(load("", NULL, NULL, "http://u:hunter2@any", NULL));
	ck_assert_str_eq(
		config_fixture_told(), "error all_proxy: the port is missing; " FORMS "\n");
}
END_TEST

CASES_MAIN("config_proxy", config_fixture_set_up, config_fixture_tear_down,
	{proxy_is_taken_for_all_and_for_one, 1}, {loopback_and_sockets_have_no_proxy, 1},
	{proxy_that_is_none_is_told, 1}, {environment_names_a_proxy_by_the_scheme, 1},
	{file_goes_before_the_environment, 1}, {user_of_the_environments_proxy_is_split_out, 1},
	{mistakes_in_the_environments_proxy_name_the_variable, 1})
