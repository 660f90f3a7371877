#include "io/config_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/access.h"
#include "core/grant.h"
#include "core/secret.h"
#include "core/settings.h"

static struct settings *take(const char *lines)
{
	return config_fixture_settings(lines, "");
}

START_TEST(profile_has_its_defaults)
{
	struct settings *settings = take("");

	ck_assert_str_eq(settings->name, "a");
	ck_assert_ptr_eq(settings->grant, grant_find("client_credentials"));
	ck_assert_str_eq(settings->client_id, "id");
	ck_assert_str_eq(secret_reveal(settings->secrets[SETTINGS_CLIENT_SECRET].value), "s3cret");
	ck_assert_ptr_null(settings->secrets[SETTINGS_CLIENT_SECRET].file);
	ck_assert_ptr_null(settings->secrets[SETTINGS_CLIENT_SECRET].problem);
	ck_assert_int_eq(settings->client_auth, CLIENT_AUTH_BASIC);
	ck_assert_ptr_null(settings->scope);
	ck_assert_ptr_null(settings->audience);
	ck_assert_ptr_null(settings->resource);
	ck_assert_int_eq(settings->default_lifetime_ms, 0);
	ck_assert(settings->refresh_access_token);
	ck_assert(!settings->persist_tokens);
	ck_assert_int_eq(settings->wait_max_ms, 10000);
	ck_assert_ptr_null(settings->allow);
	ck_assert_ptr_null(settings->ca_file);
	ck_assert_ptr_null(settings->unix_socket);
	ck_assert_int_eq(settings->auth_code_timeout_ms, 30000);
	ck_assert_int_eq(settings->sign_in_timeout_ms, 600000);
	ck_assert_int_eq(settings->connect_timeout_ms, 5000);
	ck_assert_int_eq(settings->request_timeout_ms, 30000);
	settings_unref(settings);
}
END_TEST

START_TEST(profile_has_what_is_written)
{
	struct settings *settings = take("grant = client_credentials\n"
					 "client_auth = post\n"
					 "scope = read  write\n"
					 "audience = https://api.example.com\n"
					 "resource = urn:example:api\n"
					 "default_lifetime = 3600\n"
					 "refresh_access_token = no\n"
					 "refresh_token_wait_max = 0\n"
					 "auth_code_timeout = 300\n"
					 "sign_in_timeout = 3600\n"
					 "connect_timeout = 1\n"
					 "request_timeout = 300\n"
					 "allow = user:4711 (auth.getJwtToken)\n");
	const struct access_subject subject = {4711, NULL, 0, false};

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_int_eq(settings->client_auth, CLIENT_AUTH_POST);
	ck_assert_str_eq(settings->scope, "read write");
	ck_assert_str_eq(settings->audience, "https://api.example.com");
	ck_assert_str_eq(settings->resource, "urn:example:api");
	ck_assert_int_eq(settings->default_lifetime_ms, 3600000);
	ck_assert(!settings->refresh_access_token);
	ck_assert_int_eq(settings->wait_max_ms, 0);
	ck_assert_int_eq(settings->auth_code_timeout_ms, 300000);
	ck_assert_int_eq(settings->sign_in_timeout_ms, 3600000);
	ck_assert_int_eq(settings->connect_timeout_ms, 1000);
	ck_assert_int_eq(settings->request_timeout_ms, 300000);
	ck_assert(access_allows(settings->allow, &subject, ACCESS_GET_JWT_TOKEN));
	settings_unref(settings);
}
END_TEST

START_TEST(profile_goes_before_the_sections_for_all)
{
	const char *sections = "[reauthentication]\n"
			       "refresh_access_token = false\n"
			       "refresh_token_wait_max = 300\n"
			       "[daemon]\n"
			       "persist_tokens = true\n"
			       "connect_timeout = 7\n"
			       "request_timeout = 8\n";
	struct settings *settings = config_fixture_settings("", sections);

	ck_assert(!settings->refresh_access_token);
	ck_assert(settings->persist_tokens);
	ck_assert_int_eq(settings->wait_max_ms, 300000);
	ck_assert_int_eq(settings->connect_timeout_ms, 7000);
	ck_assert_int_eq(settings->request_timeout_ms, 8000);
	settings_unref(settings);
	settings = config_fixture_settings(
		"refresh_access_token = true\nrefresh_token_wait_max = 1\n"
		"persist_tokens = no\n"
		"connect_timeout = 2\nrequest_timeout = 3\n",
		sections);
	ck_assert(settings->refresh_access_token);
	ck_assert(!settings->persist_tokens);
	ck_assert_int_eq(settings->wait_max_ms, 1000);
	ck_assert_int_eq(settings->connect_timeout_ms, 2000);
	ck_assert_int_eq(settings->request_timeout_ms, 3000);
	settings_unref(settings);
}
END_TEST

START_TEST(sections_for_all_may_stand_anywhere)
{
	struct config *config = config_fixture_take(
		"[profile a]\nclient_id = x\nclient_secret = y\n[general]\nhost = eu_west_1\n"
		"[profile b]\nclient_id = x\nclient_secret = y\nhost = eu_central_1\n");

	ck_assert_str_eq(config->profiles[0]->login_url, "https://login.mypurecloud.ie");
	ck_assert_str_eq(config->profiles[1]->login_url, "https://login.mypurecloud.de");
	config_free(config);
}
END_TEST

START_TEST(booleans_have_eight_words)
{
	static const char *const words[] = {
		"false", "true", "no", "yes", "off", "on", "0", "1", "FALSE", "True"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char line[64];
		struct settings *settings;

		snprintf(line, sizeof(line), "refresh_access_token = %s", words[i]);
		settings = take(line);
		ck_assert_int_eq(settings->refresh_access_token, i % 2);
		settings_unref(settings);
	}
	config_fixture_refuse_line("refresh_access_token = maybe",
		"this is to be true or false (or yes, no, on, off, 1, 0)");
	config_fixture_refuse_line("refresh_access_token = 2",
		"this is to be true or false (or yes, no, on, off, 1, 0)");
}
END_TEST

START_TEST(seconds_are_whole_and_have_bounds)
{
	config_fixture_refuse_line("refresh_token_wait_max = 301",
		"this is to be a whole number of seconds from 0 to 300");
	config_fixture_refuse_line("refresh_token_wait_max = -1",
		"this is to be a whole number of seconds from 0 to 300");
	config_fixture_refuse_line("refresh_token_wait_max = 1.5",
		"this is to be a whole number of seconds from 0 to 300");
	config_fixture_refuse_line("refresh_token_wait_max = 10s",
		"this is to be a whole number of seconds from 0 to 300");
	config_fixture_refuse_line(
		"connect_timeout = 0", "this is to be a whole number of seconds from 1 to 300");
	config_fixture_refuse_line(
		"request_timeout = 301", "this is to be a whole number of seconds from 1 to 300");
	config_fixture_refuse_line("default_lifetime = 0",
		"this is to be a whole number of seconds from 1 to 2678400");
	config_fixture_refuse_line("default_lifetime = 2678401",
		"this is to be a whole number of seconds from 1 to 2678400");
}
END_TEST

START_TEST(mistake_for_all_is_told_once)
{
	config_fixture_check("[reauthentication]\nrefresh_token_wait_max = x\n"
			     "[profile a]\nclient_id = x\nclient_secret = y\n"
			     "[profile b]\nclient_id = x\nclient_secret = y\n",
		"error FILE:2: [reauthentication] refresh_token_wait_max: this is to be a whole "
		"number of seconds from 0 to 300\n");
}
END_TEST

START_TEST(scope_and_resource_have_a_form)
{
	config_fixture_refuse_line("scope = a\\b",
		"a scope holds printable ASCII characters without quotes and "
		"backslashes; write them with spaces between");
	config_fixture_refuse_line("scope = caf\xc3\xa9",
		"a scope holds printable ASCII characters without quotes and backslashes; write "
		"them with spaces between");
	config_fixture_refuse_line("resource = api",
		"this is to be an absolute URI (https://api.example.com/) "
		"without blanks and #");
	config_fixture_refuse_line("resource = https://a/#b",
		"this is to be an absolute URI "
		"(https://api.example.com/) without blanks and #");
}
END_TEST

START_TEST(mistakes_in_allow_are_told)
{
	config_fixture_refuse_line("allow = unit:a", "\"unit:a\": write unit:a.service");
	config_fixture_refuse_line("allow = * (auth.getJwtTokn)",
		"there is no endpoint \"auth.getJwtTokn\"; did you mean auth.getJwtToken?");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "allow = user:nosuch-user, group:root\n",
		"warning FILE:4: [profile a] allow: there is no user \"nosuch-user\"; the rule "
		"matches nobody\n");
}
END_TEST

/* The credentials. */

START_TEST(client_is_needed)
{
	config_fixture_check("[profile a]\n",
		"error FILE:1: [profile a] client_id: this is missing; write the id of the OAuth "
		"client\n"
		"error FILE:1: [profile a] client_secret: this is missing; write "
		"client_secret_file (a path), client_secret_credential (a credential of the "
		"service) or client_secret\n");
}
END_TEST

START_TEST(one_secret_is_enough)
{
	config_fixture_refuse_line("client_secret_file = /x",
		"there is client_secret on line 3 too; write one of them");
	config_fixture_check("[profile a]\nclient_id = x\nclient_secret_credential = a\n"
			     "client_secret_file = /x\n",
		"error FILE:3: [profile a] client_secret_credential: there is "
		"client_secret_file on line 4 too; write one of them\n");
}
END_TEST

static struct settings *take_file(const char *key, const char *value)
{
	char text[1024];
	struct config *config;
	struct settings *settings;

	snprintf(text, sizeof(text), "[profile a]\nclient_id = x\n%s = %s\n", key, value);
	config = config_fixture_take(text);
	settings = config->profiles[0];
	config->profiles[0] = NULL;
	config_free(config);
	return settings;
}

START_TEST(secret_is_read_from_a_file)
{
	char path[512];
	struct settings *settings;

	snprintf(path, sizeof(path), "%s", config_fixture_write("secret", "s3cret\n", 0600));
	settings = take_file("client_secret_file", path);
	ck_assert_str_eq(secret_reveal(settings->secrets[SETTINGS_CLIENT_SECRET].value), "s3cret");
	ck_assert_str_eq(settings->secrets[SETTINGS_CLIENT_SECRET].file, path);
	ck_assert_ptr_null(settings->secrets[SETTINGS_CLIENT_SECRET].problem);
	settings_unref(settings);
	/* A relative path is taken from the directory of the file that it stands in. */
	settings = take_file("client_secret_file", "secret");
	ck_assert_str_eq(secret_reveal(settings->secrets[SETTINGS_CLIENT_SECRET].value), "s3cret");
	ck_assert_str_eq(settings->secrets[SETTINGS_CLIENT_SECRET].file, path);
	settings_unref(settings);
}
END_TEST

START_TEST(secret_file_that_cannot_be_read_is_a_warning)
{
	struct settings *settings = take_file("client_secret_file", "/nonexistent/secret");

	ck_assert_ptr_null(settings->secrets[SETTINGS_CLIENT_SECRET].value);
	ck_assert_str_eq(settings->secrets[SETTINGS_CLIENT_SECRET].file, "/nonexistent/secret");
	ck_assert_str_eq(settings->secrets[SETTINGS_CLIENT_SECRET].problem,
		"/nonexistent/secret cannot be read: No such file or directory");
	ck_assert_str_eq(config_fixture_told(),
		"warning FILE:3: [profile a] client_secret_file: /nonexistent/secret cannot be "
		"read: No such file or directory; the profile gets no tokens until this is "
		"mended\n");
	settings_unref(settings);
}
END_TEST

START_TEST(secret_is_read_from_a_credential)
{
	char directory[512], path[512];
	struct settings *settings;

	snprintf(path, sizeof(path), "%s", config_fixture_write("billing", "s3cret", 0400));
	snprintf(directory, sizeof(directory), "%s", path);
	*strrchr(directory, '/') = '\0';
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	settings = take_file("client_secret_credential", "billing");
	ck_assert_str_eq(secret_reveal(settings->secrets[SETTINGS_CLIENT_SECRET].value), "s3cret");
	ck_assert_str_eq(settings->secrets[SETTINGS_CLIENT_SECRET].file, path);
	settings_unref(settings);
}
END_TEST

START_TEST(credential_that_is_not_there_is_a_warning)
{
	struct settings *settings = take_file("client_secret_credential", "billing");

	ck_assert_ptr_null(settings->secrets[SETTINGS_CLIENT_SECRET].value);
	ck_assert_ptr_null(settings->secrets[SETTINGS_CLIENT_SECRET].file);
	ck_assert_str_eq(settings->secrets[SETTINGS_CLIENT_SECRET].problem,
		"the service manager passed on no credentials; add "
		"LoadCredential=billing:/PATH to the unit");
	ck_assert_int_eq(config_fixture_n_told(), 1);
	settings_unref(settings);
	config_fixture_check("[profile a]\nclient_id = x\nclient_secret_credential = a/b\n",
		"error FILE:3: [profile a] client_secret_credential: this is to be the name of a "
		"credential; a path is written under client_secret_file\n");
}
END_TEST

START_TEST(no_secret_is_told)
{
	config_fixture_refuse("[profile a]\nclient_id = x\nclient_secret = hunter2\n"
			      "client_secret = hunter3\nclient_secret_file = /x\n"
			      "scope = \x01\n[gateway]\npassword = hunter4\nport = hunter5\n");
	ck_assert_ptr_null(strstr(config_fixture_told(), "hunter"));
}
END_TEST

/* Of an authority that signed nothing. */
static const char certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBcDCCARWgAwIBAgIUf/KDC7/P4bK3DBMkMhIiUwqkSKMwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBYTAgFw0yNjExMjEyMTI2MDFaGA8yMTI2MTAyODIxMjYwMVow\n"
	"DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIm1AyOhOe+8\n"
	"5T00VMQOMXKq2Y+nBAmo+F7i1+tjFh5qgGCld5FbLMGUe/z2IkATpRTrb2/daKwY\n"
	"Dlp1I8pxiP2jUzBRMB0GA1UdDgQWBBTzHtvwiBMfQHWWRthMLdQAhd5PGzAfBgNV\n"
	"HSMEGDAWgBTzHtvwiBMfQHWWRthMLdQAhd5PGzAPBgNVHRMBAf8EBTADAQH/MAoG\n"
	"CCqGSM49BAMCA0kAMEYCIQCq6jnrkCFWrmHyUVj7Qd9ox7rZjLndLFhpx5I9Ae1d\n"
	"3gIhAN8we9bu9fOgdfN/u7NhE91jCbW8/cv3qGvBeds9NC+E\n"
	"-----END CERTIFICATE-----\n";

START_TEST(certificates_are_found)
{
	char path[512], line[600];
	struct settings *settings;

	snprintf(path, sizeof(path), "%s", config_fixture_write("ca.pem", certificate, 0644));
	settings = config_fixture_settings("", "[tls]\nca_file = ca.pem\n");
	ck_assert_str_eq(settings->ca_file, path);
	settings_unref(settings);
	snprintf(line, sizeof(line), "tls_ca_file = %s", path);
	settings = config_fixture_settings(line, "");
	ck_assert_str_eq(settings->ca_file, path);
	settings_unref(settings);
	config_fixture_refuse_line("tls_ca_file = /nonexistent.pem",
		"/nonexistent.pem cannot be read: No such file or directory");
	config_fixture_refuse_line("tls_ca_file = /dev/null", "/dev/null is not a regular file");
}
END_TEST

START_TEST(certificates_are_looked_into_and_told_once)
{
	config_fixture_write("ca.pem", "no PEM\n", 0644);
	config_fixture_refuse(CONFIG_FIXTURE_PROFILE
		"[profile b]\nclient_id = id\nclient_secret = s3cret\n[tls]\nca_file = ca.pem\n");
	ck_assert_int_eq(config_fixture_n_told(), 1);
	ck_assert_ptr_nonnull(
		strstr(config_fixture_told(), "error FILE:8: [tls] ca_file: cannot read"));
}
END_TEST

CASES_MAIN("config_profile", config_fixture_set_up, config_fixture_tear_down,
	{profile_has_its_defaults, 1}, {profile_has_what_is_written, 1},
	{profile_goes_before_the_sections_for_all, 1}, {sections_for_all_may_stand_anywhere, 1},
	{booleans_have_eight_words, 1}, {seconds_are_whole_and_have_bounds, 1},
	{mistake_for_all_is_told_once, 1}, {scope_and_resource_have_a_form, 1},
	{mistakes_in_allow_are_told, 1}, {client_is_needed, 1}, {one_secret_is_enough, 1},
	{secret_is_read_from_a_file, 1}, {secret_file_that_cannot_be_read_is_a_warning, 1},
	{secret_is_read_from_a_credential, 1}, {credential_that_is_not_there_is_a_warning, 1},
	{no_secret_is_told, 1}, {certificates_are_found, 1},
	{certificates_are_looked_into_and_told_once, 1})
