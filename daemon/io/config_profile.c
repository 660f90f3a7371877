#include "config_profile.h"

#include <string.h>

#include "config_client.h"
#include "config_endpoints.h"
#include "config_grant.h"
#include "config_proxy.h"
#include "config_tls.h"
#include "config_values.h"
#include "core/settings.h"

enum {
	TIMEOUT_MAX_S = 300,          /* of programs: connect_timeout, request_timeout and so on */
	SIGN_IN_TIMEOUT_MAX_S = 3600, /* of people */
};

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

static int64_t read_seconds(
	const struct config_values *values, enum config_key_number key, int64_t min, int64_t max)
{
	return 1000 * config_values_number(values, key, min, max, "seconds");
}

/* What may stand outside of the profiles too. */
static void read_common(const struct config_values *values, struct settings *settings)
{
	config_endpoints_read(values, settings);
	config_tls_read(values, settings);
	config_proxy_read(values, settings);
	settings->persist_tokens = config_values_bool(values, CONFIG_KEY_PERSIST_TOKENS);
	settings->refresh_access_token = config_values_bool(values, CONFIG_KEY_REFRESH);
	settings->wait_max_ms = read_seconds(values, CONFIG_KEY_WAIT_MAX, 0, SETTINGS_WAIT_MAX_S);
	settings->auth_code_timeout_ms = read_seconds(
		values, CONFIG_KEY_AUTH_CODE_TIMEOUT, 1, TIMEOUT_MAX_S);
	settings->sign_in_timeout_ms = read_seconds(
		values, CONFIG_KEY_SIGN_IN_TIMEOUT, 1, SIGN_IN_TIMEOUT_MAX_S);
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
	settings->allow = config_values_allow(values, CONFIG_KEY_ALLOW);
	config_grant_read(values, settings);
	config_client_read(values, environment, settings);
	read_scope(values, settings);
	settings->audience = config_values_copy(values, CONFIG_KEY_AUDIENCE);
	read_resource(values, settings);
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
