#include "io/config_endpoints.h"

#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/settings.h"

static struct settings *take(const char *lines)
{
	return config_fixture_settings(lines, "");
}

static void check_urls(const char *lines, const char *sections, const char *token_url,
	const char *token_host, const char *login_url, const char *api_url)
{
	struct settings *settings = config_fixture_settings(lines, sections);

	ck_assert_str_eq(settings->token_url, token_url);
	ck_assert_str_eq(settings->token_host, token_host);
	ck_assert_str_eq(settings->login_url, login_url);
	ck_assert_pstr_eq(settings->api_url, api_url);
	settings_unref(settings);
}

START_TEST(host_is_written_in_many_ways)
{
	static const char *const ways[] = {"mypurecloud.ie", "MyPureCloud.IE", "api.mypurecloud.ie",
		"login.mypurecloud.ie", "https://api.mypurecloud.ie", "https://api.mypurecloud.ie/",
		"https://login.mypurecloud.ie", "https://mypurecloud.ie",
		"HTTPS://API.MYPURECLOUD.IE", "eu_west_1", "eu-west-1", "EU-WEST-1"};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "host = %s", ways[i]);
		check_urls(line, "", "https://login.mypurecloud.ie/oauth/token",
			"login.mypurecloud.ie:443", "https://login.mypurecloud.ie",
			"https://api.mypurecloud.ie");
	}
}
END_TEST

START_TEST(host_is_mypurecloud_com_by_default)
{
	check_urls("", "", "https://login.mypurecloud.com/oauth/token", "login.mypurecloud.com:443",
		"https://login.mypurecloud.com", "https://api.mypurecloud.com");
	check_urls("", "[general]\nhost = usw2.pure.cloud\n",
		"https://login.usw2.pure.cloud/oauth/token", "login.usw2.pure.cloud:443",
		"https://login.usw2.pure.cloud", "https://api.usw2.pure.cloud");
}
END_TEST

START_TEST(host_that_is_none_is_told)
{
	static const char *const bad[] = {"eu_west_9", "eu-west-9", "localhost", "127.0.0.1",
		"my pure cloud", "mypurecloud..ie", ".ie", "mypurecloud.ie:443",
		"https://api.mypurecloud.ie/api/v2", "ftp://mypurecloud.ie", "api.", "https://",
		"m\xc3\xbc.de", "a@b.de"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "host = %s", bad[i]);
		config_fixture_refuse_line(line,
			"this is neither a domain nor a known region; write a domain "
			"(mypurecloud.ie), https://api.DOMAIN, or a region (eu_west_1); another "
			"server is named by token_url or [gateway] host");
	}
	config_fixture_refuse_line("host = http://api.mypurecloud.ie",
		"Genesys Cloud is reached by https; write a domain (mypurecloud.ie), "
		"https://api.DOMAIN, or a region (eu_west_1)");
}
END_TEST

START_TEST(token_url_goes_before_host_and_gateway)
{
	check_urls("token_url = https://Login.Example.com/realms/x/oauth/token", "",
		"https://Login.Example.com/realms/x/oauth/token", "login.example.com:443",
		"https://Login.Example.com/realms/x", NULL);
	check_urls("token_url = https://example.com:8443/token?x=1", "",
		"https://example.com:8443/token?x=1", "example.com:8443",
		"https://example.com:8443/token?x=1", NULL);
	check_urls("token_url = https://example.com", "", "https://example.com/", "example.com:443",
		"https://example.com", NULL);
	check_urls("token_url = https://example.com/token", "[general]\nhost = eu_west_1\n",
		"https://example.com/token", "example.com:443", "https://example.com/token",
		"https://api.mypurecloud.ie");
	check_urls("token_url = https://example.com/token", "[gateway]\nhost = gw.example.com\n",
		"https://example.com/token", "example.com:443", "https://example.com/token",
		"https://gw.example.com");
}
END_TEST

START_TEST(the_device_authorization_url_has_to_be_there_with_its_grant)
{
	struct settings *settings = config_fixture_only(
		"[profile a]\ngrant = device\nclient_id = id\n"
		"device_authorization_url = https://Login.Example.com/device\n");

	ck_assert_str_eq(settings->device_authorization_url, "https://Login.Example.com/device");
	ck_assert_str_eq(settings->token_url, "https://login.mypurecloud.com/oauth/token");
	settings_unref(settings);
	config_fixture_check("[profile a]\ngrant = device\nclient_id = id\n",
		"error FILE:1: [profile a] device_authorization_url: this is missing; write the "
		"device_authorization_endpoint of the login server's metadata\n");
	config_fixture_check("[profile a]\ngrant = device\nclient_id = id\n"
			     "device_authorization_url = http://login.example.com/device\n",
		"error FILE:4: [profile a] device_authorization_url: http is for loopback alone "
		"(localhost, 127.0.0.0/8, [::1]); write https, or set [daemon] insecure_http = "
		"true\n");
	config_fixture_refuse_line("device_authorization_url = https://login.example.com/device",
		"grant = client_credentials does not take this; take the line out, or write grant "
		"= device");
}
END_TEST

/* Those of another server are not sent to the API that is there for all. */
START_TEST(tokens_are_revoked_at_an_api_of_the_profiles_own)
{
	static const struct {
		const char *lines, *sections;
		bool revokes;
	} table[] = {
		{"", "", true},
		{"", "[general]\nhost = eu_west_1\n", true},
		{"", "[gateway]\nhost = gw.example.com\n", true},
		{"token_url = https://example.com/token", "", false},
		{"token_url = https://example.com/token", "[general]\nhost = eu_west_1\n", false},
		{"token_url = https://example.com/token", "[gateway]\nhost = gw.example.com\n",
			false},
		{"token_url = https://example.com/token\nhost = eu_west_1", "", true},
		{"token_url = https://example.com/token\ngateway_host = gw.example.com", "", true},
	};
	struct settings *settings;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		settings = config_fixture_settings(table[i].lines, table[i].sections);
		ck_assert_msg(settings->api_revokes == table[i].revokes, "%s, %s", table[i].lines,
			table[i].sections);
		settings_unref(settings);
	}
	settings = config_fixture_only("[general]\nhost = eu_west_1\n[profile a]\n"
				       "grant = implicit\nclient_id = c\n"
				       "redirect_uri = http://localhost/\n"
				       "authorize_url = https://example.com/authorize\n");
	ck_assert(!settings->api_revokes);
	settings_unref(settings);
}
END_TEST

START_TEST(revocation_url_is_taken_where_a_client_can_prove_itself)
{
	struct settings *settings = config_fixture_settings(
		"revocation_url = https://Login.Example.com/revoke", "");

	ck_assert_str_eq(settings->revocation_url, "https://Login.Example.com/revoke");
	settings_unref(settings);
	settings = config_fixture_settings("", "");
	ck_assert_ptr_null(settings->revocation_url);
	settings_unref(settings);
	config_fixture_refuse_line("revocation_url = http://login.example.com/revoke",
		"http is for loopback alone (localhost, 127.0.0.0/8, [::1]); write https, or set "
		"[daemon] insecure_http = true");
	config_fixture_check("[profile a]\ngrant = static\nrevocation_url = https://x.example/\n",
		"error FILE:3: [profile a] revocation_url: grant = static does not take this; take "
		"the line out, or write grant = authorization_code, client_credentials, device, "
		"pkce, "
		"refresh_token or saml2_bearer\n");
}
END_TEST

START_TEST(gateway_is_composed_of_its_parts)
{
	check_urls("", "[gateway]\nhost = gw.example.com\n", "https://gw.example.com/oauth/token",
		"gw.example.com:443", "https://gw.example.com", "https://gw.example.com");
	check_urls("",
		"[gateway]\nhost = gw.example.com\nprotocol = https\nport = 1443\n"
		"path_params_login = login/x\npath_params_api = /api/\n",
		"https://gw.example.com:1443/login/x/oauth/token", "gw.example.com:1443",
		"https://gw.example.com:1443/login/x", "https://gw.example.com:1443/api");
	check_urls("gateway_host = 127.0.0.1\ngateway_protocol = http\ngateway_port = 8080\n"
		   "gateway_path_params_login = /\n",
		"[gateway]\nhost = gw.example.com\npath_params_login = x\n",
		"http://127.0.0.1:8080/oauth/token", "127.0.0.1:8080", "http://127.0.0.1:8080",
		"http://127.0.0.1:8080");
	check_urls("gateway_host = ::1\ngateway_protocol = HTTP\n", "", "http://[::1]/oauth/token",
		"[::1]:80", "http://[::1]", "http://[::1]");
	check_urls("gateway_host = [::1]\n", "", "https://[::1]/oauth/token", "[::1]:443",
		"https://[::1]", "https://[::1]");
}
END_TEST

START_TEST(gateway_that_is_none_is_told)
{
	config_fixture_refuse_line("gateway_host = https://gw.example.com",
		"write the host alone, and the scheme under protocol");
	config_fixture_refuse_line("gateway_host = gw.example.com/login",
		"write the host alone, and paths under path_params_login and path_params_api");
	config_fixture_refuse_line("gateway_host = gw.example.com:443",
		"write the host alone, and its port under port");
	config_fixture_refuse_line("gateway_host = user@gw.example.com",
		"this is no host; write a name or an address alone");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "gateway_host = gw\ngateway_port = 0\n",
		"error FILE:5: [profile a] gateway_port: this is to be a whole number from 1 to "
		"65535\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "gateway_host = gw\ngateway_port = 65536\n",
		"error FILE:5: [profile a] gateway_port: this is to be a whole number from 1 to "
		"65535\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "gateway_host = gw\ngateway_protocol = ftp\n",
		"error FILE:5: [profile a] gateway_protocol: this is to be https or http\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE
		"gateway_host = gw\ngateway_path_params_login = a?b\n",
		"error FILE:5: [profile a] gateway_path_params_login: write a path alone "
		"(oauth/proxy), without ?, # and blanks\n");
}
END_TEST

START_TEST(gateway_without_a_host_is_a_warning)
{
	config_fixture_check(CONFIG_FIXTURE_PROFILE "[gateway]\nport = 443\n",
		"warning FILE:5: [gateway] port: this has no effect without the gateway's host\n");
}
END_TEST

START_TEST(unix_socket_goes_with_the_gateway)
{
	struct settings *settings = config_fixture_settings(
		"", "[gateway]\nhost = localhost\nunix_socket = /run/gw.sock\n");

	ck_assert_str_eq(settings->unix_socket, "/run/gw.sock");
	settings_unref(settings);
	/* A token_url leads past the gateway for all, but not past the profile's own. */
	settings = config_fixture_settings("token_url = https://example.com/token",
		"[gateway]\nhost = localhost\nunix_socket = /run/gw.sock\n");
	ck_assert_ptr_null(settings->unix_socket);
	settings_unref(settings);
	settings = take("token_url = http://localhost/token\ngateway_unix_socket = /run/x.sock\n");
	ck_assert_str_eq(settings->unix_socket, "/run/x.sock");
	settings_unref(settings);
	config_fixture_refuse_line("gateway_unix_socket = gw.sock",
		"the path of a socket has to be absolute (begin with /)");
}
END_TEST

START_TEST(plain_http_is_for_loopback)
{
	static const char *const loopback[] = {"localhost", "LOCALHOST", "127.0.0.1",
		"127.255.255.254", "127.1", "2130706433", "[::1]", "[0:0:0:0:0:0:0:1]"};
	static const char *const others[] = {"example.com", "128.0.0.1", "localhost.example.com",
		"localhost.", "127.0.0.1.example.com", "[::2]", "[::ffff:127.0.0.1]", "0.0.0.0"};
	char line[128];

	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		snprintf(line, sizeof(line), "token_url = http://%s:8080/token", loopback[i]);
		settings_unref(take(line));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(line, sizeof(line), "token_url = http://%s:8080/token", others[i]);
		config_fixture_refuse_line(line,
			"http is for loopback alone (localhost, 127.0.0.0/8, [::1]); "
			"write https, or set [daemon] insecure_http = true");
		settings_unref(config_fixture_settings(line, "[daemon]\ninsecure_http = true\n"));
	}
	config_fixture_check(CONFIG_FIXTURE_PROFILE "gateway_host = gw\ngateway_protocol = http\n",
		"error FILE:4: [profile a] gateway_host: http is for loopback alone (localhost, "
		"127.0.0.0/8, [::1]); write https, or set [daemon] insecure_http = true\n");
}
END_TEST

START_TEST(urls_are_strict)
{
	static const struct {
		const char *url, *why;
	} bad[] = {
		{"http://127.0.0.1@evil/",
			"a URL here has no user and password (no @ before the path)"},
		{"https://user:password@example.com/",
			"a URL here has no user and password (no @ before the path)"},
		{"https://@example.com/",
			"a URL here has no user and password (no @ before the path)"},
		{"https://example.com/#fragment",
			"a URL here has no fragment; leave out the # and what follows"},
		{"https://example.com/#",
			"a URL here has no fragment; leave out the # and what follows"},
		{"https://example.com/a b", "a URL holds no blanks, quotes or other odd "
					    "characters; percent-encode them"},
		{"https://example.com\\@evil/", "a URL holds no blanks, quotes or other odd "
						"characters; percent-encode them"},
		{"https://m\xc3\xbcnchen.de/", "a URL holds no blanks, quotes or other odd "
					       "characters; percent-encode them"},
		{"https://example.com:0/", "port 0 does not exist; write one from 1 to 65535"},
		{"https:///token", "a URL begins with https:// and a host"},
		{"https://", "a URL begins with https:// and a host"},
		{"https:/example.com/", "a URL begins with https:// and a host"},
		{"example.com/token", "a URL begins with https:// and a host"},
		{"ftp://example.com/token", "a URL begins with https:// and a host"},
		{"file:///etc/passwd", "a URL begins with https:// and a host"},
		{"https://example.com:99999/",
			"this is no URL: Port number was not a decimal number between 0 and "
			"65535"},
		{"https://exa%00mple.com/", "this is no URL: Bad hostname"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "token_url = %s", bad[i].url);
		config_fixture_refuse_line(line, bad[i].why);
	}
}
END_TEST

CASES_MAIN("config_endpoints", config_fixture_set_up, config_fixture_tear_down,
	{host_is_written_in_many_ways, 1}, {host_is_mypurecloud_com_by_default, 1},
	{host_that_is_none_is_told, 1}, {token_url_goes_before_host_and_gateway, 1},
	{the_device_authorization_url_has_to_be_there_with_its_grant, 1},
	{tokens_are_revoked_at_an_api_of_the_profiles_own, 1},
	{revocation_url_is_taken_where_a_client_can_prove_itself, 1},
	{gateway_is_composed_of_its_parts, 1}, {gateway_that_is_none_is_told, 1},
	{gateway_without_a_host_is_a_warning, 1}, {unix_socket_goes_with_the_gateway, 1},
	{plain_http_is_for_loopback, 1}, {urls_are_strict, 1})
