#include "config_grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_choice.h"
#include "config_endpoints.h"
#include "config_secrets.h"
#include "config_url.h"
#include "config_values.h"
#include "core/access.h"
#include "core/grant.h"
#include "core/secret.h"

enum {
	NAMES_MAX = 32, /* grants */
	LIST_SIZE = 256,
};

/* A key that not every grant takes. */
struct grant_key {
	enum config_key_number key;
	unsigned needs;   /* one of these parts, 0: none */
	unsigned refuses; /* all of these */
};

static const struct grant_key grant_keys[] = {
	{CONFIG_KEY_ORG_NAME, GRANT_ASSERTION, 0},
	{CONFIG_KEY_ASSERTION_FILE, GRANT_ASSERTION, 0},
	{CONFIG_KEY_ASSERTION_CREDENTIAL, GRANT_ASSERTION, 0},
	{CONFIG_KEY_AUTH_PROVIDER_COMMAND, GRANT_CODE | GRANT_ASSERTION, 0},
	{CONFIG_KEY_REDIRECT_URI, GRANT_BROWSER, 0},
	{CONFIG_KEY_AUTHORIZE_URL, GRANT_BROWSER, GRANT_DEPLOYMENT},
	{CONFIG_KEY_ORG, GRANT_BROWSER, GRANT_DEPLOYMENT},
	{CONFIG_KEY_PROVIDER, GRANT_BROWSER, GRANT_DEPLOYMENT},
	{CONFIG_KEY_REFRESH_TOKEN_FILE, GRANT_SEED, 0},
	{CONFIG_KEY_REFRESH_TOKEN_CREDENTIAL, GRANT_SEED, 0},
	{CONFIG_KEY_DEPLOYMENT_ID, GRANT_DEPLOYMENT, 0},
	{CONFIG_KEY_CLIENT_ID, 0, GRANT_DEPLOYMENT},
	{CONFIG_KEY_TOKEN_URL, 0, GRANT_DEPLOYMENT | GRANT_IMPLICIT},
	{CONFIG_KEY_DEVICE_AUTHORIZATION_URL, GRANT_DEVICE, 0},
	{CONFIG_KEY_REVOCATION_URL, 0, GRANT_DEPLOYMENT | GRANT_PLANTED},
	{CONFIG_KEY_SCOPE, 0, GRANT_DEPLOYMENT},
	{CONFIG_KEY_AUDIENCE, 0, GRANT_DEPLOYMENT},
	{CONFIG_KEY_RESOURCE, 0, GRANT_DEPLOYMENT},
	{CONFIG_KEY_CLIENT_SECRET, 0, GRANT_PLANTED | GRANT_DEPLOYMENT},
	{CONFIG_KEY_CLIENT_SECRET_FILE, 0, GRANT_PLANTED | GRANT_DEPLOYMENT},
	{CONFIG_KEY_CLIENT_SECRET_CREDENTIAL, 0, GRANT_PLANTED | GRANT_DEPLOYMENT},
	{CONFIG_KEY_CLIENT_AUTH, 0, GRANT_PLANTED | GRANT_DEPLOYMENT},
	{CONFIG_KEY_PRIVATE_KEY_FILE, 0, GRANT_PLANTED | GRANT_DEPLOYMENT},
	{CONFIG_KEY_PRIVATE_KEY_CREDENTIAL, 0, GRANT_PLANTED | GRANT_DEPLOYMENT},
	{CONFIG_KEY_PRIVATE_KEY_ID, 0, GRANT_PLANTED | GRANT_DEPLOYMENT},
	{CONFIG_KEY_SIGNING_ALG, 0, GRANT_PLANTED | GRANT_DEPLOYMENT},
};

static bool takes(const struct grant *grant, const struct grant_key *key)
{
	return (key->needs == 0 || (grant->parts & key->needs)) && !(grant->parts & key->refuses);
}

static void tell_takers(
	const struct config_values *values, const struct grant *grant, const struct grant_key *key)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	char list[LIST_SIZE];
	size_t n = 0;

	for (size_t i = 0; grant_name(i) && n < NAMES_MAX; i++) {
		if (takes(grant_find(grant_name(i)), key)) {
			names[n++] = grant_name(i);
		}
	}
	config_choice_list(list, sizeof(list), names);
	config_values_error(values, key->key,
		"grant = %s does not take this; take the line out, or write grant = %s",
		grant->name, list);
}

static void check_keys(const struct config_values *values, const struct grant *grant)
{
	for (size_t i = 0; i < sizeof(grant_keys) / sizeof(grant_keys[0]); i++) {
		if (values->entries[grant_keys[i].key] && !takes(grant, &grant_keys[i])) {
			tell_takers(values, grant, &grant_keys[i]);
		}
	}
}

static void find_grant(const struct config_values *values, struct settings *settings)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	int n;

	for (size_t i = 0; i < NAMES_MAX && grant_name(i); i++) {
		names[i] = grant_name(i);
	}
	n = config_choice_read(values, CONFIG_KEY_GRANT, &(struct config_choice){names, NULL});
	settings->grant = n < 0 ? NULL : grant_find(names[n]);
}

/* It is started without a shell, so there is no place that it would be looked for in. */
static void read_provider_command(const struct config_values *values, struct settings *settings)
{
	const char *text = config_values_text(values, CONFIG_KEY_AUTH_PROVIDER_COMMAND);

	if (text && text[0] != '/') {
		config_values_error(values, CONFIG_KEY_AUTH_PROVIDER_COMMAND,
			"the path of the program has to be absolute (begin with /); its arguments "
			"follow, with blanks between");
	}
	settings->auth_provider_command = config_values_strdup(values, text);
}

/* Genesys Cloud wants the organization's name with an assertion; RFC 7522 knows none. The assertion
 * may come from a provider, if there can be one. */
static void read_assertion(const struct config_values *values, struct settings *settings)
{
	settings->org = config_values_copy(values, CONFIG_KEY_ORG_NAME);
	if (!settings->org && !values->entries[CONFIG_KEY_TOKEN_URL]) {
		config_values_error(values, CONFIG_KEY_ORG_NAME,
			"this is missing; write the name of the organization in Genesys Cloud");
	}
	if (config_secrets_written(values, SETTINGS_ASSERTION)) {
		config_secrets_read(values, SETTINGS_ASSERTION, settings);
	} else if (!settings->auth_provider_command &&
		   !access_grants(settings->allow, ACCESS_REGISTER)) {
		config_values_error(values, CONFIG_KEY_ASSERTION_FILE,
			"this is missing; write assertion_file (a path) or assertion_credential (a "
			"credential of the service), or who brings it: auth_provider_command, or a "
			"rule of allow that names authProvider.register");
	}
}

static void require_redirect_uri(const struct config_values *values)
{
	if (!values->entries[CONFIG_KEY_REDIRECT_URI]) {
		config_values_error(values, CONFIG_KEY_REDIRECT_URI,
			"this is missing; write the URI that is registered for the OAuth client "
			"(https://app.example.com/callback, http://localhost:8400/)");
	}
}

/* RFC 6749 section 3.1.2. It is sent as it is written, since servers compare it so. */
static void read_redirect_uri(const struct config_values *values, struct settings *settings)
{
	const char *text = config_values_text(values, CONFIG_KEY_REDIRECT_URI);
	char why[CONFIG_URL_WHY_MAX];
	int error;

	if (!text) {
		return;
	}
	error = config_url_redirect(text, values->insecure_http, why);
	if (error == 0) {
		settings->redirect_uri = config_values_strdup(values, text);
	} else {
		config_values_judge(values, CONFIG_KEY_REDIRECT_URI, error, why);
	}
}

/* Genesys Cloud goes on to the organization's own identity provider by the two. */
static void read_provider(const struct config_values *values, struct settings *settings)
{
	settings->org = config_values_copy(values, CONFIG_KEY_ORG);
	settings->provider = config_values_copy(values, CONFIG_KEY_PROVIDER);
	if (settings->org && !settings->provider) {
		config_values_error(values, CONFIG_KEY_PROVIDER,
			"this is missing; write it beside org, or neither");
	} else if (settings->provider && !settings->org) {
		config_values_error(values, CONFIG_KEY_ORG,
			"this is missing; write it beside provider, or neither");
	}
}

void config_grant_read(const struct config_values *values, struct settings *settings)
{
	find_grant(values, settings);
	if (!settings->grant) {
		return;
	}
	check_keys(values, settings->grant);
	read_provider_command(values, settings);
	if (settings->grant->parts & GRANT_ASSERTION) {
		read_assertion(values, settings);
	}
	if (settings->grant->parts & GRANT_DEPLOYMENT) {
		config_endpoints_read_deployment(values, settings);
		read_redirect_uri(values, settings);
	} else if (settings->grant->parts & GRANT_BROWSER) {
		config_endpoints_read_authorize(values, settings);
		require_redirect_uri(values);
		read_redirect_uri(values, settings);
		read_provider(values, settings);
	}
	if (settings->grant->parts & GRANT_DEVICE) {
		config_endpoints_read_device(values, settings);
	}
	if (settings->grant->parts & GRANT_SEED) {
		config_secrets_require(values, SETTINGS_REFRESH_TOKEN, settings);
	}
}

void config_grant_check_seeds(
	const struct config_values *values, const struct settings *a, const struct settings *b)
{
	const struct secret *seed = b->secrets[SETTINGS_REFRESH_TOKEN].value;
	enum config_key_number key = values->entries[CONFIG_KEY_REFRESH_TOKEN_FILE]
					     ? CONFIG_KEY_REFRESH_TOKEN_FILE
					     : CONFIG_KEY_REFRESH_TOKEN_CREDENTIAL;

	if (seed && secret_equal(seed, a->secrets[SETTINGS_REFRESH_TOKEN].value)) {
		config_values_error(values, key,
			"profile %s begins with the same refresh token as profile %s; sign in once "
			"for each, since whichever uses it second ends both sessions",
			b->name, a->name);
	}
}
