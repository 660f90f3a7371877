#include "io/config_secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "config_fixture.h"
#include "core/secret.h"
#include "core/settings.h"
#include "io/config_secret_file.h"

#define CERT "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"
#define KEY  "-----BEGIN EC PRIVATE KEY-----\nQQ==\nQg==\n-----END EC PRIVATE KEY-----\n"

static void check_secret(
	const struct settings *settings, enum settings_secret_number number, const char *expected)
{
	const struct secret *value = settings->secrets[number].value;

	if (!expected) {
		ck_assert_ptr_null(value);
		return;
	}
	ck_assert_ptr_nonnull(value);
	ck_assert_str_eq(secret_reveal(value), expected);
}

START_TEST(certificate_and_key_are_read_in_each_way)
{
	struct settings *settings;
	char directory[512];

	config_fixture_write("cert.pem", CERT, 0644);
	snprintf(directory, sizeof(directory), "%s", config_fixture_write("key", KEY, 0600));
	*strrchr(directory, '/') = '\0';
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	settings = config_fixture_settings("",
		"[tls]\nclient_cert_file = cert.pem\nclient_key_credential = key\n"
		"client_key_passphrase = p4ss\n");
	ck_assert_int_eq(config_fixture_n_told(), 0);
	check_secret(settings, SETTINGS_TLS_CERT,
		"-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----");
	check_secret(settings, SETTINGS_TLS_KEY,
		"-----BEGIN EC PRIVATE KEY-----\nQQ==\nQg==\n-----END EC PRIVATE KEY-----");
	check_secret(settings, SETTINGS_TLS_PASSPHRASE, "p4ss");
	settings_unref(settings);
}
END_TEST

START_TEST(pem_in_the_file_gets_its_lines_back)
{
	struct settings *settings = config_fixture_settings(
		"tls_client_cert = -----BEGIN CERTIFICATE-----\n"
		"  QQ==\n"
		"  -----END CERTIFICATE-----\n"
		"  -----BEGIN CERTIFICATE-----\n"
		"\tQg==\n"
		"\t-----END CERTIFICATE-----\n"
		"tls_client_key =\n"
		"  -----BEGIN EC PRIVATE KEY-----\n"
		"  QQ==\n"
		"  Qg==\n"
		"  -----END EC PRIVATE KEY-----\n",
		"");

	check_secret(settings, SETTINGS_TLS_CERT,
		"-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"
		"-----BEGIN CERTIFICATE-----\nQg==\n-----END CERTIFICATE-----");
	check_secret(settings, SETTINGS_TLS_KEY,
		"-----BEGIN EC PRIVATE KEY-----\nQQ==\nQg==\n-----END EC PRIVATE KEY-----");
	settings_unref(settings);
}
END_TEST

START_TEST(profiles_way_goes_before_another_way_for_all)
{
	struct settings *settings;

	config_fixture_write("all.pem", CERT KEY, 0600);
	config_fixture_write("own.pem", KEY CERT, 0600);
	settings = config_fixture_settings(
		"tls_client_cert_file = own.pem\n"
		"tls_client_key = -----BEGIN X----- QQ== -----END X-----\n",
		"[tls]\nclient_cert_credential = x\nclient_key_file = all.pem\n");
	ck_assert_int_eq(config_fixture_n_told(), 1); /* the credential, for all, is not there */
	ck_assert_ptr_nonnull(strstr(config_fixture_told(), "[tls] client_cert_credential"));
	check_secret(settings, SETTINGS_TLS_KEY, "-----BEGIN X-----\nQQ==\n-----END X-----");
	ck_assert_ptr_nonnull(strstr(settings->secrets[SETTINGS_TLS_CERT].file, "own.pem"));
	settings_unref(settings);
}
END_TEST

START_TEST(certificate_goes_with_a_key)
{
	config_fixture_write("x.pem", CERT, 0600);
	config_fixture_check(CONFIG_FIXTURE_PROFILE "tls_client_cert_file = x.pem\n",
		"error FILE:1: [profile a] tls_client_key_file: this is missing; write the key "
		"that "
		"goes with the client's certificate (one file may hold both: name it twice)\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "tls_client_key_file = x.pem\n",
		"error FILE:1: [profile a] tls_client_cert_file: this is missing; write the "
		"certificate that goes with the client's key\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "tls_client_key_passphrase = p\n",
		"error FILE:1: [profile a] tls_client_key_file: this is missing; write the key "
		"that "
		"the passphrase is for\n");
	config_fixture_check(CONFIG_FIXTURE_PROFILE "[tls]\nclient_cert_file = x.pem\n",
		"error FILE: [tls] client_key_file: this is missing; write the key that goes with "
		"the client's certificate (one file may hold both: name it twice)\n");
}
END_TEST

START_TEST(secret_of_the_wrong_kind_is_told_and_not_shown)
{
	char told[1024], path[512];

	snprintf(path, sizeof(path), "%s", config_fixture_write("x.pem", "hunter2\n", 0600));
	snprintf(told, sizeof(told),
		"warning FILE:4: [profile a] tls_client_cert_file: %s is not PEM: it has no line "
		"that begins with -----BEGIN; the profile gets no tokens until this is mended\n"
		"error FILE:5: [profile a] tls_client_key: this is not PEM: it has no line that "
		"begins with -----BEGIN\n",
		path);
	config_fixture_check(CONFIG_FIXTURE_PROFILE
		"tls_client_cert_file = x.pem\ntls_client_key = hunter3\n",
		told);
}
END_TEST

START_TEST(every_inline_secret_obeys_the_mode_of_the_file)
{
	static const char *const lines[] = {"tls_client_key = -----BEGIN X-----",
		"tls_client_key_passphrase = p", "proxy_password = p", "client_secret = s",
		"gateway_password = p"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct config *config = NULL;
		char text[256];

		snprintf(text, sizeof(text), "[profile a]\nclient_id = x\n%s\n", lines[i]);
		config_fixture_load(
			config_fixture_write("gctokend.conf", text, 0644), NULL, &config);
		ck_assert_ptr_nonnull(strstr(config_fixture_told(), "others can read this file"));
		config_free(config);
	}
}
END_TEST

/* What the daemon does before each attempt. */
START_TEST(file_that_is_read_anew_is_looked_into_too)
{
	const char *path = config_fixture_write("assertion", "PHNhbWw+\n", 0600);
	char why[CREDENTIAL_WHY_MAX], expected[CREDENTIAL_WHY_MAX];
	struct secret *secret;

	ck_assert_int_eq(config_secret_file_read(SETTINGS_ASSERTION, path, &secret, why), 0);
	ck_assert_str_eq(secret_reveal(secret), "PHNhbWw+");
	secret_free(secret);
	path = config_fixture_write("assertion", "\n\t <saml/>\n", 0600);
	ck_assert_int_lt(config_secret_file_read(SETTINGS_ASSERTION, path, &secret, why), 0);
	ck_assert_ptr_null(secret);
	snprintf(expected, sizeof(expected),
		"%s holds raw XML; encode it in base64 (base64 -w0 RESPONSE.xml)", path);
	ck_assert_str_eq(why, expected);
	/* A client's secret may begin so. */
	ck_assert_int_eq(config_secret_file_read(SETTINGS_CLIENT_SECRET, path, &secret, why), 0);
	secret_free(secret);
}
END_TEST

CASES_MAIN("config_secrets", config_fixture_set_up, config_fixture_tear_down,
	{certificate_and_key_are_read_in_each_way, 1}, {pem_in_the_file_gets_its_lines_back, 1},
	{profiles_way_goes_before_another_way_for_all, 1}, {certificate_goes_with_a_key, 1},
	{secret_of_the_wrong_kind_is_told_and_not_shown, 1},
	{every_inline_secret_obeys_the_mode_of_the_file, 1},
	{file_that_is_read_anew_is_looked_into_too, 1})
