#include "io/config_environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/secret.h"
#include "core/settings.h"

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
	ck_assert_ptr_nonnull(secret);
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

START_TEST(proxies_are_taken_and_wiped)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
		"ALL_PROXY", "no_proxy", "NO_PROXY"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		setenv(names[i], names[i], 1);
	}
	setenv("HTTP_PROXY", "HTTP_PROXY", 1);
	unsetenv("all_proxy");
	setenv("no_proxy", "", 1);
	config_environment_take(&credentials);
	ck_assert_str_eq(secret_reveal(credentials.http_proxy), "http_proxy");
	ck_assert_str_eq(secret_reveal(credentials.https_proxy), "https_proxy");
	ck_assert_str_eq(secret_reveal(credentials.all_proxy), "ALL_PROXY");
	ck_assert_str_eq(credentials.no_proxy, "NO_PROXY");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_ptr_null(getenv(names[i]));
	}
	config_environment_done(&credentials);
	/* A web server makes this one of a request's header. */
	config_environment_take(&credentials);
	ck_assert_ptr_null(credentials.http_proxy);
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
	ck_assert_str_eq(secret_reveal(config->profiles[0]->secrets[SETTINGS_CLIENT_SECRET].value),
		"s3cret");
	ck_assert_ptr_null(config->profiles[0]->secrets[SETTINGS_CLIENT_SECRET].file);
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
	config = take_with_environment(
		config_fixture_write("gctokend.conf", CONFIG_FIXTURE_PROFILE, 0600));
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
	check_environment_refused("error FILE: there is no such file; write it (see "
				  "gctokend.conf(5)), or name another with --config\n");
}
END_TEST

CASES_MAIN("config_environment", config_fixture_set_up, config_fixture_tear_down,
	{environment_is_taken_and_wiped, 1}, {variable_that_stands_twice_is_wiped_twice, 1},
	{empty_variables_are_none, 1}, {proxies_are_taken_and_wiped, 1},
	{environment_makes_the_default_profile_without_a_file, 1},
	{environment_goes_with_the_files_other_sections, 1},
	{environment_without_a_region_has_the_default_host, 1},
	{profile_in_the_file_leaves_the_environment_unused, 1},
	{mistakes_in_the_environment_are_told, 1})
