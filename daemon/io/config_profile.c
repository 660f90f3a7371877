#include "config_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_endpoints.h"
#include "config_entries.h"
#include "config_environment.h"
#include "config_values.h"
#include "core/grant.h"
#include "core/nearest.h"
#include "core/secret.h"
#include "core/settings.h"
#include "credential.h"
#include "tls.h"

enum {
	TIMEOUT_MAX_S = 300, /* connect_timeout and request_timeout */
};

#define NOT_YET_SUPPORTED "is not yet supported by this version"

/* Known, and to be supported. */
static const char *const later_grants[] = {"saml2_bearer", "authorization_code", "pkce",
	"refresh_token", "static", "implicit", "device", "messenger"};

static const char *const later_auths[] = {"private_key_jwt", "client_secret_jwt", "tls_client_auth",
	"self_signed_tls_client_auth", "none"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool is_among(const char *text, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* Tells that text is not supported, or not known. */
static void tell_choice(const struct config_values *values, enum config_key_number key,
	const char *supported, const char *const *later, size_t n_later)
{
	struct config_place place = config_values_place(values, key);
	const char *text = config_values_text(values, key);
	struct nearest nearest;

	if (is_among(text, later, n_later)) {
		config_error(values->problems, &place, "%s " NOT_YET_SUPPORTED "; write %s", text,
			supported);
		return;
	}
	nearest_init(&nearest, text);
	nearest_offer(&nearest, config_keys[key].fallback);
	for (size_t i = 0; i < n_later; i++) {
		nearest_offer(&nearest, later[i]);
	}
	if (nearest.best) {
		config_error(values->problems, &place,
			"this is not known; did you mean %s? This version supports %s",
			nearest.best, supported);
	} else {
		config_error(values->problems, &place, "this is not known; write %s", supported);
	}
}

static void read_grant(const struct config_values *values, struct settings *settings)
{
	const char *name = config_values_text(values, CONFIG_KEY_GRANT);

	settings->grant = grant_find(name);
	if (!settings->grant) {
		tell_choice(values, CONFIG_KEY_GRANT, "client_credentials", later_grants,
			COUNT(later_grants));
	}
}

static void read_client_auth(const struct config_values *values, struct settings *settings)
{
	const char *name = config_values_text(values, CONFIG_KEY_CLIENT_AUTH);

	if (strcmp(name, "basic") == 0) {
		settings->client_auth = CLIENT_AUTH_BASIC;
	} else if (strcmp(name, "post") == 0) {
		settings->client_auth = CLIENT_AUTH_POST;
	} else {
		tell_choice(values, CONFIG_KEY_CLIENT_AUTH, "basic or post", later_auths,
			COUNT(later_auths));
	}
}

/* RFC 6749 section 3.3. Blanks between the tokens become single spaces (a value that goes on over
 * lines has more). */
static void read_scope(const struct config_values *values, struct settings *settings)
{
	char *scope = config_values_copy(values, CONFIG_KEY_SCOPE);
	size_t len = 0;

	settings->scope = scope;
	for (const char *at = scope; at && *at; at++) {
		if (*at == ' ' || *at == '\t') {
			if (len > 0 && scope[len - 1] != ' ') {
				scope[len++] = ' ';
			}
			continue;
		}
		if (*at < ' ' || *at >= 0x7f || *at == '"' || *at == '\\') {
			struct config_place place = config_values_place(values, CONFIG_KEY_SCOPE);

			config_error(values->problems, &place,
				"a scope holds printable ASCII characters without quotes and "
				"backslashes; write them with spaces between");
			return;
		}
		scope[len++] = *at;
	}
	if (scope) {
		scope[len] = '\0';
	}
}

/* RFC 8707 section 2: an absolute URI without a fragment. */
static void read_resource(const struct config_values *values, struct settings *settings)
{
	struct config_place place = config_values_place(values, CONFIG_KEY_RESOURCE);
	const char *text = config_values_text(values, CONFIG_KEY_RESOURCE);
	size_t scheme = text ? strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789+-.")
			     : 0;

	if (text && (scheme == 0 || text[scheme] != ':' || strpbrk(text, " \t#"))) {
		config_error(values->problems, &place,
			"this is to be an absolute URI (https://api.example.com/) without blanks "
			"and #");
	}
	settings->resource = config_values_strdup(values, text);
}

static void read_ca_file(const struct config_values *values, struct settings *settings)
{
	struct config_place place = config_values_place(values, CONFIG_KEY_TLS_CA_FILE);
	struct stat status;
	const char *why;
	int fd;

	settings->ca_file = config_values_path(values, CONFIG_KEY_TLS_CA_FILE);
	if (!settings->ca_file) {
		return;
	}
	fd = open(settings->ca_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		config_error(values->problems, &place, "%s cannot be read: %s", settings->ca_file,
			strerror(errno));
		return;
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		config_error(
			values->problems, &place, "%s is not a regular file", settings->ca_file);
	} else if (values->tls && !tls_store(values->tls, settings->ca_file, &why)) {
		config_error(values->problems, &place, "%s", why);
	}
	close(fd);
}

static int64_t read_seconds(
	const struct config_values *values, enum config_key_number key, int64_t min, int64_t max)
{
	return 1000 * config_values_number(values, key, min, max, "seconds");
}

/* The credentials. */

/* Reads the file; that it cannot be read rejects the profile, and stops nobody else. */
static void read_secret_file(const struct config_values *values, enum config_key_number key,
	struct settings *settings, char why[CREDENTIAL_WHY_MAX])
{
	struct config_place place = config_values_place(values, key);
	int error = settings->secrets[SETTINGS_CLIENT_SECRET].file
			    ? credential_read(settings->secrets[SETTINGS_CLIENT_SECRET].file,
				      &settings->secrets[SETTINGS_CLIENT_SECRET].value, why)
			    : -ENOENT;

	if (error == -ENOMEM) {
		values->problems->no_memory = true;
	} else if (error < 0) {
		settings->secrets[SETTINGS_CLIENT_SECRET].problem = config_values_strdup(
			values, why);
		config_warning(values->problems, &place,
			"%s; the profile gets no tokens until this is mended", why);
	}
}

static void read_secret_credential(const struct config_values *values, struct settings *settings)
{
	struct config_place place = config_values_place(
		values, CONFIG_KEY_CLIENT_SECRET_CREDENTIAL);
	const char *name = config_values_text(values, CONFIG_KEY_CLIENT_SECRET_CREDENTIAL);
	char why[CREDENTIAL_WHY_MAX] = "";

	if (strchr(name, '/')) {
		config_error(values->problems, &place,
			"this is to be the name of a credential; a path is written under "
			"client_secret_file");
		return;
	}
	settings->secrets[SETTINGS_CLIENT_SECRET].file = credential_path(name, why);
	read_secret_file(values, CONFIG_KEY_CLIENT_SECRET_CREDENTIAL, settings, why);
}

static void read_client_secret(const struct config_values *values, struct settings *settings)
{
	static const enum config_key_number keys[] = {CONFIG_KEY_CLIENT_SECRET,
		CONFIG_KEY_CLIENT_SECRET_FILE, CONFIG_KEY_CLIENT_SECRET_CREDENTIAL};
	const char *inlined = config_values_text(values, CONFIG_KEY_CLIENT_SECRET);
	char why[CREDENTIAL_WHY_MAX] = "";
	const struct config_entry *found = NULL;

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct config_place place = config_values_place(values, keys[i]);
		const struct config_entry *entry = values->entries[keys[i]];

		if (entry && found) {
			config_error(values->problems, &place,
				"there is %s on line %u too; write one of them", found->key,
				found->line);
			return;
		}
		found = entry ? entry : found;
	}
	if (!found) {
		struct config_place place = config_values_place(values, CONFIG_KEY_CLIENT_SECRET);

		config_error(values->problems, &place,
			"this is missing; write client_secret_file (a path), "
			"client_secret_credential "
			"(a credential of the service) or client_secret");
	} else if (inlined) {
		settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_new_locked(
			inlined, strlen(inlined));
		values->problems->no_memory |= !settings->secrets[SETTINGS_CLIENT_SECRET].value;
	} else if (values->entries[CONFIG_KEY_CLIENT_SECRET_FILE]) {
		settings->secrets[SETTINGS_CLIENT_SECRET].file = config_values_path(
			values, CONFIG_KEY_CLIENT_SECRET_FILE);
		read_secret_file(values, CONFIG_KEY_CLIENT_SECRET_FILE, settings, why);
	} else {
		read_secret_credential(values, settings);
	}
}

static void read_client(const struct config_values *values, struct settings *settings)
{
	if (!values->entries[CONFIG_KEY_CLIENT_ID]) {
		struct config_place place = config_values_place(values, CONFIG_KEY_CLIENT_ID);

		config_error(values->problems, &place,
			"this is missing; write the id of the OAuth "
			"client");
	}
	settings->client_id = config_values_copy(values, CONFIG_KEY_CLIENT_ID);
	read_client_secret(values, settings);
}

/* Credentials of the environment; both are there. */
static void take_client(const struct config_values *values,
	const struct config_environment *environment, struct settings *settings)
{
	const struct secret *secret = environment->client_secret;

	settings->client_id = config_values_strdup(values, secret_reveal(environment->client_id));
	settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_new_locked(
		secret_reveal(secret), secret_len(secret));
	values->problems->no_memory |= !settings->secrets[SETTINGS_CLIENT_SECRET].value;
}

/* What may stand outside of the profiles too. */
static void read_common(const struct config_values *values, struct settings *settings)
{
	config_endpoints_read(values, settings);
	read_ca_file(values, settings);
	settings->refresh_access_token = config_values_bool(values, CONFIG_KEY_REFRESH);
	settings->wait_max_ms = read_seconds(values, CONFIG_KEY_WAIT_MAX, 0, SETTINGS_WAIT_MAX_S);
	settings->connect_timeout_ms = read_seconds(
		values, CONFIG_KEY_CONNECT_TIMEOUT, 1, TIMEOUT_MAX_S);
	settings->request_timeout_ms = read_seconds(
		values, CONFIG_KEY_REQUEST_TIMEOUT, 1, TIMEOUT_MAX_S);
}

struct settings *config_profile_read(const struct config_values *values, const char *name,
	const struct config_environment *environment)
{
	struct settings *settings = settings_new();

	if (!settings) {
		values->problems->no_memory = true;
		return NULL;
	}
	settings->name = config_values_strdup(values, name);
	read_common(values, settings);
	read_grant(values, settings);
	read_client_auth(values, settings);
	if (environment) {
		take_client(values, environment, settings);
	} else {
		read_client(values, settings);
	}
	read_scope(values, settings);
	settings->audience = config_values_copy(values, CONFIG_KEY_AUDIENCE);
	read_resource(values, settings);
	settings->allow = config_values_allow(values, CONFIG_KEY_ALLOW);
	if (values->entries[CONFIG_KEY_DEFAULT_LIFETIME]) {
		settings->default_lifetime_ms = read_seconds(
			values, CONFIG_KEY_DEFAULT_LIFETIME, 1, SETTINGS_LIFETIME_MAX_S);
	}
	return settings;
}

void config_profile_check_common(const struct config_values *values)
{
	struct settings *settings = settings_new();

	if (!settings) {
		values->problems->no_memory = true;
		return;
	}
	read_common(values, settings);
	settings_unref(settings);
}
