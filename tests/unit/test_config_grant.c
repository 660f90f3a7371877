#include "io/config_grant.h"

#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/grant.h"
#include "core/secret.h"
#include "core/settings.h"

#define CODE_PROFILE                                  \
	"[profile a]\ngrant = pkce\nclient_id = id\n" \
	"redirect_uri = https://app.example.com/callback?x=1\n"

static struct settings *take_code(const char *lines)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s%s\n", CODE_PROFILE, lines);
	return config_fixture_only(text);
}

/* Checks that the profile of a code grant with one more line (the text's fifth) is refused. */
static void refuse_code(const char *line, const char *why)
{
	char text[1024], expected[1024];

	snprintf(text, sizeof(text), "%s%s\n", CODE_PROFILE, line);
	snprintf(expected, sizeof(expected), "error FILE:5: [profile a] %.*s: %s\n",
		(int)strcspn(line, " ="), line, why);
	config_fixture_check(text, expected);
}

START_TEST(every_grant_of_the_table_is_known)
{
	static const struct {
		const char *name, *lines;
	} grants[] = {
		{"client_credentials", "client_id = id\nclient_secret = s\n"},
		{"saml2_bearer", "client_id = id\nclient_secret = s\norg_name = acme\n"
				 "assertion_file = assertion\n"},
		{"authorization_code", "client_id = id\nclient_secret = s\n"
				       "redirect_uri = http://localhost:8400/\n"},
		{"pkce", "client_id = id\nredirect_uri = com.example.app:/callback\n"},
		{"refresh_token", "client_id = id\nclient_secret = s\nrefresh_token_file = seed\n"},
		{"static", ""},
		{"implicit", "client_id = id\nredirect_uri = http://localhost/\n"},
		{"messenger", "deployment_id = d\n"},
		{"device", "client_id = id\n"
			   "device_authorization_url = https://login.example.com/device\n"},
	};
	size_t known = 0;

	config_fixture_write("assertion", "PHNhbWw+\n", 0600);
	config_fixture_write("seed", "seed\n", 0600);
	while (grant_name(known)) {
		known++;
	}
	ck_assert_uint_eq(known, sizeof(grants) / sizeof(grants[0]));
	for (size_t i = 0; i < known; i++) {
		char text[512];
		struct settings *settings;

		snprintf(text, sizeof(text), "[profile a]\ngrant = %s\n%s", grants[i].name,
			grants[i].lines);
		settings = config_fixture_only(text);
		ck_assert_int_eq(config_fixture_n_told(), 0);
		ck_assert_str_eq(settings->grant->name, grants[i].name);
		ck_assert_int_eq(settings->client_auth, settings->grant->client_auth);
		settings_unref(settings);
	}
}
END_TEST

START_TEST(grants_that_there_are_not_are_told)
{
	config_fixture_refuse_line("grant = client_credential",
		"this is not known; did you mean client_credentials? Write authorization_code, "
		"client_credentials, device, implicit, messenger, pkce, refresh_token, "
		"saml2_bearer or "
		"static");
	config_fixture_refuse_line("grant = password",
		"this is not known; write authorization_code, client_credentials, device, "
		"implicit, messenger, pkce, refresh_token, saml2_bearer or static");
}
END_TEST

START_TEST(keys_that_the_grant_does_not_take_are_mistakes)
{
	config_fixture_refuse_line("redirect_uri = https://app.example.com/",
		"grant = client_credentials does not take this; take the line out, or write "
		"grant = authorization_code, implicit, messenger or pkce");
	config_fixture_refuse_line("deployment_id = x",
		"grant = client_credentials does not take this; take the line out, or write "
		"grant = messenger");
	config_fixture_refuse_line("assertion_file = /x",
		"grant = client_credentials does not take this; take the line out, or write "
		"grant = saml2_bearer");
	config_fixture_refuse_line("refresh_token_credential = x",
		"grant = client_credentials does not take this; take the line out, or write "
		"grant = refresh_token");
	config_fixture_check("[profile a]\ngrant = static\nclient_secret = s\n",
		"error FILE:3: [profile a] client_secret: grant = static does not take this; take "
		"the line out, or write grant = authorization_code, client_credentials, device, "
		"pkce, "
		"refresh_token or saml2_bearer\n");
}
END_TEST

/* The messenger. */

START_TEST(messenger_is_asked_at_the_api_for_its_deployment)
{
	struct settings *settings = config_fixture_only(
		"[profile a]\ngrant = messenger\ndeployment_id = d-1\nhost = eu_west_1\n");

	ck_assert_str_eq(settings->client_id, "d-1");
	ck_assert_int_eq(settings->client_auth, CLIENT_AUTH_NONE);
	ck_assert_str_eq(
		settings->token_url, "https://api.mypurecloud.ie/api/v2/webdeployments/token");
	ck_assert_str_eq(settings->token_host, "api.mypurecloud.ie:443");
	ck_assert_str_eq(settings->login_url, "https://api.mypurecloud.ie");
	ck_assert_str_eq(settings->api_url, "https://api.mypurecloud.ie");
	ck_assert_ptr_null(settings->redirect_uri);
	settings_unref(settings);
	settings = config_fixture_only(
		"[profile a]\ngrant = messenger\ndeployment_id = d-1\n"
		"redirect_uri = https://brand.example/back\n"
		"[gateway]\nhost = gateway.example\nport = 8443\npath_params_api = /api\n");
	ck_assert_str_eq(settings->token_url,
		"https://gateway.example:8443/api/api/v2/webdeployments/token");
	ck_assert_str_eq(settings->token_host, "gateway.example:8443");
	ck_assert_str_eq(settings->redirect_uri, "https://brand.example/back");
	settings_unref(settings);
}
END_TEST

START_TEST(messenger_takes_its_deployment_and_nothing_of_a_client)
{
	config_fixture_check("[profile a]\ngrant = messenger\n",
		"error FILE:1: [profile a] deployment_id: this is missing; write the id of the "
		"messenger's deployment\n");
	config_fixture_check(
		"[profile a]\ngrant = messenger\ndeployment_id = d\nclient_secret = s\n",
		"error FILE:4: [profile a] client_secret: grant = messenger does not take this; "
		"take the line out, or write grant = authorization_code, client_credentials, "
		"device, pkce, refresh_token or saml2_bearer\n");
	config_fixture_check("[profile a]\ngrant = messenger\ndeployment_id = d\nprovider = x\n",
		"error FILE:4: [profile a] provider: grant = messenger does not take this; take "
		"the line out, or write grant = authorization_code, implicit or pkce\n");
	config_fixture_check("[profile a]\ngrant = messenger\ndeployment_id = d\nclient_id = x\n",
		"error FILE:4: [profile a] client_id: grant = messenger does not take this; take "
		"the line out, or write grant = authorization_code, client_credentials, device, "
		"implicit, pkce, refresh_token, saml2_bearer or static\n");
}
END_TEST

/* The assertion. */

#define SAML_PROFILE "[profile a]\ngrant = saml2_bearer\nclient_id = id\nclient_secret = s\n"

START_TEST(assertion_is_taken_less_one_newline)
{
	struct settings *settings;

	config_fixture_write("assertion", "PHNhbWw+\n\n", 0600);
	settings = config_fixture_only(
		SAML_PROFILE "org_name = acme\nassertion_file = assertion\n");
	ck_assert_str_eq(settings->org, "acme");
	ck_assert_str_eq(secret_reveal(settings->secrets[SETTINGS_ASSERTION].value), "PHNhbWw+\n");
	settings_unref(settings);
}
END_TEST

START_TEST(organization_and_assertion_are_needed)
{
	config_fixture_check(SAML_PROFILE,
		"error FILE:1: [profile a] org_name: this is missing; write the name of the "
		"organization in Genesys Cloud\n"
		"error FILE:1: [profile a] assertion_file: this is missing; write assertion_file "
		"(a path) or assertion_credential (a credential of the service), or who brings "
		"it: auth_provider_command, or a rule of allow that names "
		"authProvider.register\n");
	/* RFC 7522 knows no organization. */
	config_fixture_write("assertion", "PHNhbWw+", 0600);
	config_fixture_check(SAML_PROFILE "token_url = https://example.com/token\n"
					  "assertion_file = assertion\n",
		"");
}
END_TEST

START_TEST(raw_xml_for_an_assertion_is_told_with_the_remedy)
{
	char told[1024];

	snprintf(told, sizeof(told),
		"warning FILE:6: [profile a] assertion_file: %s holds raw XML; encode it in base64 "
		"(base64 -w0 RESPONSE.xml); the profile gets no tokens until this is mended\n",
		config_fixture_write("assertion", " \n<samlp:Response/>\n", 0600));
	config_fixture_check(SAML_PROFILE "org_name = acme\nassertion_file = assertion\n", told);
}
END_TEST

START_TEST(assertion_may_come_from_a_provider)
{
	struct settings *settings = config_fixture_only(
		SAML_PROFILE "org_name = acme\nauth_provider_command = /usr/bin/saml --name x\n");

	ck_assert_str_eq(settings->auth_provider_command, "/usr/bin/saml --name x");
	ck_assert_ptr_null(settings->secrets[SETTINGS_ASSERTION].value);
	settings_unref(settings);
	config_fixture_check(SAML_PROFILE "org_name = acme\nallow = "
					  "user:root (authProvider.register)\n",
		"");
	config_fixture_check(SAML_PROFILE "org_name = acme\nallow = user:root (*)\n",
		"error FILE:1: [profile a] assertion_file: this is missing; write assertion_file "
		"(a path) or assertion_credential (a credential of the service), or who brings "
		"it: auth_provider_command, or a rule of allow that names "
		"authProvider.register\n");
}
END_TEST

/* The codes. */

START_TEST(provider_is_a_program_by_its_path)
{
	struct settings *settings = take_code("auth_provider_command = /usr/bin/x");

	ck_assert_str_eq(settings->auth_provider_command, "/usr/bin/x");
	settings_unref(settings);
	refuse_code("auth_provider_command = x --y",
		"the path of the program has to be absolute (begin with /); its arguments follow, "
		"with blanks between");
	config_fixture_refuse_line("auth_provider_command = /x",
		"grant = client_credentials does not take this; take the line out, or write "
		"grant = authorization_code, messenger, pkce or saml2_bearer");
}
END_TEST

START_TEST(redirect_is_kept_as_it_is_written)
{
	struct settings *settings = take_code("");

	ck_assert_str_eq(settings->redirect_uri, "https://app.example.com/callback?x=1");
	ck_assert_str_eq(settings->authorize_url, "https://login.mypurecloud.com/oauth/authorize");
	ck_assert_ptr_null(settings->org);
	settings_unref(settings);
}
END_TEST

START_TEST(redirect_has_a_form)
{
	static const struct {
		const char *uri, *why;
	} bad[] = {
		{"https://app.example.com/#x",
			"a URL here has no fragment; leave out the # and what follows"},
		{"com.example.app:/x#", "a redirect has no fragment; leave out the # and what "
					"follows"},
		{"http://app.example.com/",
			"http is for loopback alone (localhost, 127.0.0.0/8, [::1]); write https, "
			"or set [daemon] insecure_http = true"},
		{"/callback", "this is to be an absolute URI: https://app.example.com/callback, "
			      "http://localhost:8400/, or com.example.app:/callback"},
		{"app.example.com/callback",
			"this is to be an absolute URI: https://app.example.com/callback, "
			"http://localhost:8400/, or com.example.app:/callback"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[512], told[512];

		snprintf(text, sizeof(text),
			"[profile a]\ngrant = pkce\nclient_id = id\nredirect_uri = %s\n",
			bad[i].uri);
		snprintf(told, sizeof(told), "error FILE:4: [profile a] redirect_uri: %s\n",
			bad[i].why);
		config_fixture_check(text, told);
	}
	config_fixture_check("[profile a]\ngrant = pkce\nclient_id = id\n",
		"error FILE:1: [profile a] redirect_uri: this is missing; write the URI that is "
		"registered for the OAuth client (https://app.example.com/callback, "
		"http://localhost:8400/)\n");
}
END_TEST

START_TEST(authorization_endpoint_is_found)
{
	struct settings *settings = take_code("host = eu_west_1\n");

	ck_assert_str_eq(settings->authorize_url, "https://login.mypurecloud.ie/oauth/authorize");
	settings_unref(settings);
	settings = take_code("gateway_host = gw.example.com\ngateway_port = 1443\n"
			     "gateway_path_params_login = login\n");
	ck_assert_str_eq(
		settings->authorize_url, "https://gw.example.com:1443/login/oauth/authorize");
	settings_unref(settings);
	settings = take_code("token_url = https://example.com/token\n"
			     "authorize_url = https://example.com/authorize?tenant=1\n");
	ck_assert_str_eq(settings->authorize_url, "https://example.com/authorize?tenant=1");
	settings_unref(settings);
	config_fixture_check(CODE_PROFILE "token_url = https://example.com/token\n",
		"error FILE:1: [profile a] authorize_url: this is missing; write the authorization "
		"endpoint that goes with token_url\n");
	refuse_code("authorize_url = http://example.com/authorize",
		"http is for loopback alone (localhost, 127.0.0.0/8, [::1]); write https, or set "
		"[daemon] insecure_http = true");
}
END_TEST

START_TEST(organization_goes_with_a_provider)
{
	struct settings *settings = take_code("org = acme\nprovider = okta\n");

	ck_assert_str_eq(settings->org, "acme");
	ck_assert_str_eq(settings->provider, "okta");
	settings_unref(settings);
	config_fixture_check(CODE_PROFILE "org = acme\n",
		"error FILE:1: [profile a] provider: this is missing; write it beside org, or "
		"neither\n");
	config_fixture_check(CODE_PROFILE "provider = okta\n",
		"error FILE:1: [profile a] org: this is missing; write it beside provider, or "
		"neither\n");
}
END_TEST

/* The first refresh token. */

#define SEED_KEYS "grant = refresh_token\nclient_id = id\nclient_secret = s\n"

START_TEST(first_refresh_token_is_needed)
{
	struct settings *settings;

	config_fixture_write("seed", "first\n", 0600);
	settings = config_fixture_only("[profile a]\n" SEED_KEYS "refresh_token_file = seed\n");
	ck_assert_str_eq(secret_reveal(settings->secrets[SETTINGS_REFRESH_TOKEN].value), "first");
	settings_unref(settings);
	config_fixture_check("[profile a]\n" SEED_KEYS,
		"error FILE:1: [profile a] refresh_token_file: this is missing; write "
		"refresh_token_file (a path) or refresh_token_credential (a credential of the "
		"service)\n");
}
END_TEST

START_TEST(two_profiles_with_one_refresh_token_are_told)
{
	config_fixture_write("one", "first\n", 0600);
	config_fixture_write("two", "first", 0600);
	config_fixture_write("three", "other", 0600);
	config_fixture_check("[profile a]\n" SEED_KEYS "refresh_token_file = one\n"
			     "[profile b]\n" SEED_KEYS "refresh_token_file = two\n"
			     "[profile c]\n" SEED_KEYS "refresh_token_file = three\n",
		"error FILE:10: [profile b] refresh_token_file: profile b begins with the same "
		"refresh token as profile a; sign in once for each, since whichever uses it second "
		"ends both sessions\n");
	/* Neither is there: that is a warning for each. */
	config_free(config_fixture_take("[profile a]\n" SEED_KEYS "refresh_token_file = x\n"
					"[profile b]\n" SEED_KEYS "refresh_token_file = x\n"));
	ck_assert_int_eq(config_fixture_n_told(), 2);
}
END_TEST

CASES_MAIN("config_grant", config_fixture_set_up, config_fixture_tear_down,
	{every_grant_of_the_table_is_known, 1}, {grants_that_there_are_not_are_told, 1},
	{keys_that_the_grant_does_not_take_are_mistakes, 1},
	{messenger_is_asked_at_the_api_for_its_deployment, 1},
	{messenger_takes_its_deployment_and_nothing_of_a_client, 1},
	{assertion_is_taken_less_one_newline, 1}, {organization_and_assertion_are_needed, 1},
	{assertion_may_come_from_a_provider, 1}, {provider_is_a_program_by_its_path, 1},
	{raw_xml_for_an_assertion_is_told_with_the_remedy, 1},
	{redirect_is_kept_as_it_is_written, 1}, {redirect_has_a_form, 1},
	{authorization_endpoint_is_found, 1}, {organization_goes_with_a_provider, 1},
	{first_refresh_token_is_needed, 1}, {two_profiles_with_one_refresh_token_are_told, 1})
