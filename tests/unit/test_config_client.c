#include "io/config_client.h"

#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/secret.h"
#include "core/settings.h"

#define CLIENT "[profile a]\nclient_id = id\n"
#define PEM    "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"

START_TEST(client_authenticates_in_five_ways)
{
	static const struct {
		const char *lines;
		enum client_auth auth;
	} ways[] = {
		{"client_secret = s\n", CLIENT_AUTH_BASIC},
		{"client_secret = s\nclient_auth = basic\n", CLIENT_AUTH_BASIC},
		{"client_secret = s\nclient_auth = post\n", CLIENT_AUTH_POST},
		{"client_auth = private_key_jwt\nprivate_key_file = key.pem\n",
			CLIENT_AUTH_PRIVATE_KEY_JWT},
		{"client_auth = tls_client_auth\ntls_client_cert_file = key.pem\n"
		 "tls_client_key_file = key.pem\n",
			CLIENT_AUTH_TLS},
		{"client_auth = none\n", CLIENT_AUTH_NONE},
		{"grant = pkce\nredirect_uri = http://localhost/\n", CLIENT_AUTH_NONE},
		{"grant = pkce\nredirect_uri = http://localhost/\nclient_auth = basic\n"
		 "client_secret = s\n",
			CLIENT_AUTH_BASIC},
	};

	config_fixture_write("key.pem", PEM, 0600);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char text[512];
		struct settings *settings;

		snprintf(text, sizeof(text), CLIENT "%s", ways[i].lines);
		settings = config_fixture_only(text);
		ck_assert_int_eq(config_fixture_n_told(), 0);
		ck_assert_int_eq(settings->client_auth, ways[i].auth);
		settings_unref(settings);
	}
}
END_TEST

START_TEST(key_of_a_client_has_a_name_and_an_algorithm)
{
	struct settings *settings;

	config_fixture_write("key.pem", PEM, 0600);
	settings = config_fixture_only(
		CLIENT "client_auth = private_key_jwt\nprivate_key_file = key.pem\n");
	ck_assert_ptr_nonnull(strstr(
		secret_reveal(settings->secrets[SETTINGS_PRIVATE_KEY].value), "PRIVATE KEY"));
	ck_assert_ptr_null(settings->private_key_id);
	ck_assert_int_eq(settings->signing_alg, SIGNING_RS256);
	settings_unref(settings);
	settings = config_fixture_only(
		CLIENT "client_auth = private_key_jwt\nprivate_key_file = key.pem\n"
		       "private_key_id = 2026\nsigning_alg = ES256\n");
	ck_assert_str_eq(settings->private_key_id, "2026");
	ck_assert_int_eq(settings->signing_alg, SIGNING_ES256);
	settings_unref(settings);
	config_fixture_check(CLIENT "client_auth = private_key_jwt\nprivate_key_file = key.pem\n"
				    "signing_alg = HS256\n",
		"error FILE:5: [profile a] signing_alg: this is not known; did you mean RS256? "
		"Write RS256 or ES256\n");
}
END_TEST

START_TEST(each_way_tells_what_it_lacks)
{
	config_fixture_check("[profile a]\n",
		"error FILE:1: [profile a] client_id: this is missing; write the id of the OAuth "
		"client\n"
		"error FILE:1: [profile a] client_secret: this is missing; write "
		"client_secret_file (a path), client_secret_credential (a credential of the "
		"service) or client_secret\n");
	config_fixture_check(CLIENT "client_auth = private_key_jwt\n",
		"error FILE:1: [profile a] private_key_file: this is missing; write "
		"private_key_file (a path) or private_key_credential (a credential of the "
		"service)\n");
	config_fixture_check(CLIENT "client_auth = tls_client_auth\n",
		"error FILE:3: [profile a] client_auth: tls_client_auth needs a certificate; write "
		"tls_client_cert_file and tls_client_key_file too\n");
}
END_TEST

START_TEST(what_the_way_does_not_take_is_a_mistake)
{
	config_fixture_check(CLIENT "client_auth = none\nclient_secret = s\n",
		"error FILE:4: [profile a] client_secret: client_auth = none does not take this; "
		"take the line out, or write client_auth = basic or post\n");
	config_fixture_check(CLIENT
		"grant = pkce\nredirect_uri = http://localhost/\nclient_secret = s\n",
		"error FILE:5: [profile a] client_secret: client_auth = none (this grant's "
		"default) does not take this; take the line out, or write client_auth = basic or "
		"post\n");
	config_fixture_refuse_line("signing_alg = ES256",
		"client_auth = basic (this grant's default) does not take this; take the line out, "
		"or write client_auth = private_key_jwt");
}
END_TEST

START_TEST(ways_that_come_later_or_never_are_told)
{
	config_fixture_refuse_line("client_auth = client_secret_jwt",
		"client_secret_jwt is not yet supported by this version; write basic, post, "
		"private_key_jwt, tls_client_auth or none");
	config_fixture_refuse_line("client_auth = self_signed_tls_client_auth",
		"self_signed_tls_client_auth is not yet supported by this version; write basic, "
		"post, private_key_jwt, tls_client_auth or none");
	config_fixture_refuse_line("client_auth = Basic",
		"this is not known; did you mean basic? Write basic, post, private_key_jwt, "
		"tls_client_auth or none");
	config_fixture_refuse_line("client_auth = digest",
		"this is not known; write basic, post, private_key_jwt, tls_client_auth or none");
}
END_TEST

START_TEST(static_profile_needs_no_client)
{
	struct settings *settings = config_fixture_only("[profile a]\ngrant = static\n");

	ck_assert_int_eq(config_fixture_n_told(), 0);
	ck_assert_ptr_null(settings->client_id);
	settings_unref(settings);
	settings = config_fixture_only("[profile a]\ngrant = static\nclient_id = id\n");
	ck_assert_str_eq(settings->client_id, "id");
	settings_unref(settings);
}
END_TEST

CASES_MAIN("config_client", config_fixture_set_up, config_fixture_tear_down,
	{client_authenticates_in_five_ways, 1}, {key_of_a_client_has_a_name_and_an_algorithm, 1},
	{each_way_tells_what_it_lacks, 1}, {what_the_way_does_not_take_is_a_mistake, 1},
	{ways_that_come_later_or_never_are_told, 1}, {static_profile_needs_no_client, 1})
