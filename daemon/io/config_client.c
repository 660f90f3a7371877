#include "config_client.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config_choice.h"
#include "config_environment.h"
#include "config_secrets.h"
#include "config_values.h"
#include "core/grant.h"
#include "core/secret.h"

enum { LIST_SIZE = 128 };

static const char *const auth_names[] = {
	[CLIENT_AUTH_BASIC] = "basic",
	[CLIENT_AUTH_POST] = "post",
	[CLIENT_AUTH_PRIVATE_KEY_JWT] = "private_key_jwt",
	[CLIENT_AUTH_TLS] = "tls_client_auth",
	[CLIENT_AUTH_NONE] = "none",
	NULL,
};

enum { AUTHS = sizeof(auth_names) / sizeof(auth_names[0]) - 1 };

enum {
	WITH_SECRET = 1 << CLIENT_AUTH_BASIC | 1 << CLIENT_AUTH_POST,
	WITH_KEY = 1 << CLIENT_AUTH_PRIVATE_KEY_JWT,
};

/* The keys that only some authentications take. */
static const struct {
	enum config_key_number key;
	unsigned auths; /* bits 1 << enum client_auth */
} auth_keys[] = {
	{CONFIG_KEY_CLIENT_SECRET, WITH_SECRET},
	{CONFIG_KEY_CLIENT_SECRET_FILE, WITH_SECRET},
	{CONFIG_KEY_CLIENT_SECRET_CREDENTIAL, WITH_SECRET},
	{CONFIG_KEY_PRIVATE_KEY_FILE, WITH_KEY},
	{CONFIG_KEY_PRIVATE_KEY_CREDENTIAL, WITH_KEY},
	{CONFIG_KEY_PRIVATE_KEY_ID, WITH_KEY},
	{CONFIG_KEY_SIGNING_ALG, WITH_KEY},
};

static void tell_takers(const struct config_values *values, enum config_key_number key,
	enum client_auth auth, unsigned takers)
{
	const char *names[AUTHS + 1] = {NULL};
	char list[LIST_SIZE];
	size_t n = 0;

	for (size_t i = 0; i < AUTHS; i++) {
		if (takers & (1U << i)) {
			names[n++] = auth_names[i];
		}
	}
	config_choice_list(list, sizeof(list), names);
	config_values_error(values, key,
		"client_auth = %s%s does not take this; take the line out, or write client_auth = "
		"%s",
		auth_names[auth],
		values->entries[CONFIG_KEY_CLIENT_AUTH] ? "" : " (this grant's default)", list);
}

static void check_keys(const struct config_values *values, enum client_auth auth)
{
	for (size_t i = 0; i < sizeof(auth_keys) / sizeof(auth_keys[0]); i++) {
		if (values->entries[auth_keys[i].key] && !(auth_keys[i].auths & (1U << auth))) {
			tell_takers(values, auth_keys[i].key, auth, auth_keys[i].auths);
		}
	}
}

/* How the client authenticates; false after a mistake. */
static bool read_auth(const struct config_values *values, struct settings *settings)
{
	static const char *const later[] = {
		"client_secret_jwt", "self_signed_tls_client_auth", NULL};
	int auth;

	if (!values->entries[CONFIG_KEY_CLIENT_AUTH]) {
		settings->client_auth = settings->grant->client_auth;
		return true;
	}
	auth = config_choice_read(
		values, CONFIG_KEY_CLIENT_AUTH, &(struct config_choice){auth_names, later});
	if (auth >= 0) {
		settings->client_auth = (enum client_auth)auth;
	}
	return auth >= 0;
}

static void read_key(const struct config_values *values, struct settings *settings)
{
	static const char *const names[] = {
		[SIGNING_RS256] = "RS256", [SIGNING_ES256] = "ES256", NULL};
	int alg = config_choice_read(
		values, CONFIG_KEY_SIGNING_ALG, &(struct config_choice){names, NULL});

	config_secrets_require(values, SETTINGS_PRIVATE_KEY, settings);
	settings->private_key_id = config_values_copy(values, CONFIG_KEY_PRIVATE_KEY_ID);
	if (alg >= 0) {
		settings->signing_alg = (enum signing_alg)alg;
	}
}

static void read_auth_secrets(const struct config_values *values, struct settings *settings)
{
	switch (settings->client_auth) {
	case CLIENT_AUTH_BASIC:
	case CLIENT_AUTH_POST:
		config_secrets_require(values, SETTINGS_CLIENT_SECRET, settings);
		break;
	case CLIENT_AUTH_PRIVATE_KEY_JWT:
		read_key(values, settings);
		break;
	case CLIENT_AUTH_TLS:
		if (!config_secrets_written(values, SETTINGS_TLS_CERT)) {
			config_values_error(values, CONFIG_KEY_CLIENT_AUTH,
				"tls_client_auth needs a certificate; write tls_client_cert_file "
				"and tls_client_key_file too");
		}
		break;
	case CLIENT_AUTH_NONE:
		break;
	}
}

/* The client of a messenger, which proves nothing. */
static void read_deployment(const struct config_values *values, struct settings *settings)
{
	settings->client_auth = settings->grant->client_auth;
	settings->client_id = config_values_copy(values, CONFIG_KEY_DEPLOYMENT_ID);
	if (!settings->client_id) {
		config_values_error(values, CONFIG_KEY_DEPLOYMENT_ID,
			"this is missing; write the id of the messenger's deployment");
	}
}

/* Credentials of the environment; both are there. */
static void take_environment(const struct config_values *values,
	const struct config_environment *environment, struct settings *settings)
{
	settings->client_id = config_values_strdup(values, secret_reveal(environment->client_id));
	settings->secrets[SETTINGS_CLIENT_SECRET].value = config_secrets_copy(
		values, environment->client_secret);
}

void config_client_read(const struct config_values *values,
	const struct config_environment *environment, struct settings *settings)
{
	bool planted;

	if (environment) {
		take_environment(values, environment, settings);
		return;
	}
	if (settings->grant && (settings->grant->parts & GRANT_DEPLOYMENT)) {
		read_deployment(values, settings);
		return;
	}
	settings->client_id = config_values_copy(values, CONFIG_KEY_CLIENT_ID);
	if (!settings->grant) {
		return;
	}
	planted = settings->grant->parts & GRANT_PLANTED;
	if (!settings->client_id && (!planted || (settings->grant->parts & GRANT_IMPLICIT))) {
		config_values_error(values, CONFIG_KEY_CLIENT_ID,
			"this is missing; write the id of the OAuth client");
	}
	if (!planted && read_auth(values, settings)) {
		check_keys(values, settings->client_auth);
		read_auth_secrets(values, settings);
	}
}
