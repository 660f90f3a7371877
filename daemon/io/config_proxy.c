#include "config_proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_environment.h"
#include "config_secrets.h"
#include "config_url.h"
#include "config_values.h"
#include "core/secret.h"

/* Takes the parts over. */
static void take(struct settings *settings, struct config_proxy_url *proxy)
{
	settings->proxy_url = proxy->text;
	settings->proxy_username = proxy->username;
	settings->secrets[SETTINGS_PROXY_PASSWORD].value = proxy->password;
}

/* Whether the key says something of the url that stands there: a profile's own proxy is not told
 * the user and password of the one for all. */
static bool goes_with_url(const struct config_values *values, enum config_key_number key)
{
	return values->entries[key] &&
	       (config_values_own(values, key) || !config_values_own(values, CONFIG_KEY_PROXY_URL));
}

/* Whether a mistake in these keys was told of [proxy] already. */
static bool told_for_all(const struct config_values *values)
{
	return values->section && !config_values_own(values, CONFIG_KEY_PROXY_URL) &&
	       !config_values_own(values, CONFIG_KEY_PROXY_PASSWORD);
}

static void read_own(const struct config_values *values, struct settings *settings)
{
	struct config_proxy_url proxy;
	char why[CONFIG_URL_WHY_MAX];
	int error = config_url_proxy(
		config_values_text(values, CONFIG_KEY_PROXY_URL), false, &proxy, why);

	if (!config_values_judge(values, CONFIG_KEY_PROXY_URL, error, why)) {
		return;
	}
	take(settings, &proxy);
	if (goes_with_url(values, CONFIG_KEY_PROXY_USERNAME)) {
		settings->proxy_username = config_values_copy(values, CONFIG_KEY_PROXY_USERNAME);
	}
	if (goes_with_url(values, CONFIG_KEY_PROXY_PASSWORD)) {
		config_secrets_read(values, SETTINGS_PROXY_PASSWORD, settings);
		if (!settings->proxy_username && !told_for_all(values)) {
			config_values_error(values, CONFIG_KEY_PROXY_USERNAME,
				"this is missing; write it beside the password");
		}
	}
}

/* The variable that curl would use too. */
static void read_environment(const struct config_values *values, struct settings *settings)
{
	const struct config_environment *environment = values->environment;
	bool https = strncmp(settings->token_url, "https:", strlen("https:")) == 0;
	const struct secret *url = https ? environment->https_proxy : environment->http_proxy;
	struct config_place place = {.key = https ? "https_proxy" : "http_proxy", .outside = true};
	struct config_proxy_url proxy;
	char why[CONFIG_URL_WHY_MAX];
	int error;

	if (!url) {
		url = environment->all_proxy;
		place.key = "all_proxy";
	}
	if (!url) {
		return;
	}
	error = config_url_proxy(secret_reveal(url), true, &proxy, why);
	if (error == 0) {
		take(settings, &proxy);
	} else if (error == -EINVAL) {
		config_error(values->problems, &place, "%s", why);
	} else {
		values->problems->no_memory = true;
	}
}

static void read_no_proxy(const struct config_values *values, struct settings *settings)
{
	const char *text = config_values_text(values, CONFIG_KEY_PROXY_NO_PROXY);

	if (text && (strstr(text, "://") || strchr(text, '@'))) {
		config_values_error(values, CONFIG_KEY_PROXY_NO_PROXY,
			"write hosts with commas between them, without a scheme "
			"(login.example.com, .example.com, 10.0.0.0/8), or *");
	}
	settings->no_proxy = config_values_strdup(
		values, text ? text : values->environment->no_proxy);
}

/* What is nothing without the url. */
static void check_parts(const struct config_values *values)
{
	static const enum config_key_number parts[] = {
		CONFIG_KEY_PROXY_USERNAME, CONFIG_KEY_PROXY_PASSWORD};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (values->entries[parts[i]] && !values->entries[CONFIG_KEY_PROXY_URL]) {
			config_values_warning(
				values, parts[i], "this has no effect without the proxy's url");
		}
	}
}

/* No request of such a profile may be seen by a proxy. */
static void drop(struct settings *settings)
{
	struct settings_secret *password = &settings->secrets[SETTINGS_PROXY_PASSWORD];

	free(settings->proxy_url);
	free(settings->proxy_username);
	free(settings->no_proxy);
	secret_free(password->value);
	settings->proxy_url = NULL;
	settings->proxy_username = NULL;
	settings->no_proxy = NULL;
	password->value = NULL;
}

void config_proxy_read(const struct config_values *values, struct settings *settings)
{
	check_parts(values);
	read_no_proxy(values, settings);
	if (values->entries[CONFIG_KEY_PROXY_URL]) {
		read_own(values, settings);
	} else if (settings->token_url) {
		read_environment(values, settings);
	}
	if (!settings->proxy_url || settings->unix_socket || !settings->token_host ||
		config_url_is_loopback(settings->token_host)) {
		drop(settings);
	}
}
