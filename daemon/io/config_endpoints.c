#include "config_endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_entries.h"
#include "config_url.h"
#include "config_values.h"
#include "core/grant.h"
#include "core/settings.h"

#define TOKEN_PATH     "/oauth/token"
#define AUTHORIZE_PATH "/oauth/authorize"
#define MESSENGER_PATH "/api/v2/webdeployments/token"

enum { PORT_MAX = 65535 };

static bool parse_url(const struct config_values *values, enum config_key_number key,
	const char *text, struct config_url *ret_url)
{
	char why[CONFIG_URL_WHY_MAX];
	int error = config_url_parse(text, values->insecure_http, ret_url, why);

	return config_values_judge(values, key, error, why);
}

/* The protocol that a gateway speaks, or NULL. */
static const char *gateway_protocol(const struct config_values *values)
{
	struct config_place place = config_values_place(values, CONFIG_KEY_GATEWAY_PROTOCOL);
	const char *protocol = config_values_text(values, CONFIG_KEY_GATEWAY_PROTOCOL);

	if (strcasecmp(protocol, "https") == 0) {
		return "https";
	}
	if (strcasecmp(protocol, "http") == 0) {
		return "http";
	}
	config_error(values->problems, &place, "this is to be https or http");
	return NULL;
}

/* protocol://host[:port][/path] of the gateway, with what follows; false after a mistake. */
static bool gateway_url(const struct config_values *values, enum config_key_number path_key,
	const char *end, struct config_url *ret_url)
{
	const char *path_text = config_values_text(values, path_key);
	const char *protocol = gateway_protocol(values);
	char *host = NULL, *path = NULL, *text = NULL;
	char port[sizeof(":65535")] = "";
	char why[CONFIG_URL_WHY_MAX];
	bool right = protocol;

	if (values->entries[CONFIG_KEY_GATEWAY_PORT]) {
		snprintf(port, sizeof(port), ":%d",
			(int)config_values_number(
				values, CONFIG_KEY_GATEWAY_PORT, 1, PORT_MAX, NULL));
	}
	right &= config_values_judge(values, CONFIG_KEY_GATEWAY_HOST,
		config_url_host(config_values_text(values, CONFIG_KEY_GATEWAY_HOST), &host, why),
		why);
	right &= config_values_judge(
		values, path_key, config_url_path(path_text ? path_text : "", &path, why), why);
	if (right && asprintf(&text, "%s://%s%s%s%s", protocol, host, port, path, end) < 0) {
		text = NULL;
		values->problems->no_memory = true;
	}
	right = text && parse_url(values, CONFIG_KEY_GATEWAY_HOST, text, ret_url);
	free(host);
	free(path);
	free(text);
	return right;
}

/* https://PREFIX.DOMAIN and what follows, of Genesys Cloud. */
static bool genesys_url(const struct config_values *values, const char *prefix, const char *end,
	struct config_url *ret_url)
{
	char why[CONFIG_URL_WHY_MAX];
	char *domain, *text = NULL;
	bool right = config_values_judge(values, CONFIG_KEY_HOST,
		config_url_domain(config_values_text(values, CONFIG_KEY_HOST), &domain, why), why);

	if (right && asprintf(&text, "https://%s.%s%s", prefix, domain, end) < 0) {
		text = NULL;
		values->problems->no_memory = true;
	}
	right = text && parse_url(values, CONFIG_KEY_HOST, text, ret_url);
	free(domain);
	free(text);
	return right;
}

/* A copy of text less tail, when it ends in that, and without slashes at its end. */
static char *base_url(const struct config_values *values, const char *text, const char *tail)
{
	char *url = config_values_strdup(values, text);
	size_t len = url ? strlen(url) : 0;
	size_t tail_len = strlen(tail);

	if (len > tail_len && strcmp(url + len - tail_len, tail) == 0) {
		len -= tail_len;
	}
	while (len > 0 && url[len - 1] == '/') {
		len--;
	}
	if (url) {
		url[len] = '\0';
	}
	return url;
}

static void read_token_url(const struct config_values *values, struct settings *settings)
{
	struct config_url url;
	bool right;

	if (values->entries[CONFIG_KEY_TOKEN_URL]) {
		right = parse_url(values, CONFIG_KEY_TOKEN_URL,
			config_values_text(values, CONFIG_KEY_TOKEN_URL), &url);
	} else if (values->entries[CONFIG_KEY_GATEWAY_HOST]) {
		right = gateway_url(values, CONFIG_KEY_GATEWAY_PATH_LOGIN, TOKEN_PATH, &url);
	} else {
		right = genesys_url(values, "login", TOKEN_PATH, &url);
	}
	if (right) {
		settings->token_url = url.text;
		settings->token_host = url.place;
		settings->login_url = base_url(values, url.text, TOKEN_PATH);
	}
}

/* Whether the profile itself says where its tokens are for. What is said for all is no place to
 * send the tokens of another server to. */
static bool has_own_api(const struct config_values *values)
{
	return config_values_own(values, CONFIG_KEY_HOST) ||
	       config_values_own(values, CONFIG_KEY_GATEWAY_HOST);
}

static void read_api_url(const struct config_values *values, struct settings *settings)
{
	struct config_url url;
	bool right;

	if (values->entries[CONFIG_KEY_GATEWAY_HOST]) {
		right = gateway_url(values, CONFIG_KEY_GATEWAY_PATH_API, "", &url);
	} else if (values->entries[CONFIG_KEY_HOST] || !values->entries[CONFIG_KEY_TOKEN_URL]) {
		right = genesys_url(values, "api", "", &url);
	} else {
		return;
	}
	if (right) {
		settings->api_url = base_url(values, url.text, "");
		settings->api_revokes = !values->entries[CONFIG_KEY_TOKEN_URL] ||
					has_own_api(values);
		config_url_done(&url);
	}
}

/* A URL that stands where it is needed; NULL where it does not, or is wrong. */
static char *read_url(const struct config_values *values, enum config_key_number key)
{
	struct config_url url;
	char *text;

	if (!values->entries[key] ||
		!parse_url(values, key, config_values_text(values, key), &url)) {
		return NULL;
	}
	text = config_values_strdup(values, url.text);
	config_url_done(&url);
	return text;
}

/* The gateway's socket; not where the profile has a token_url of its own, past the gateway. */
static void read_unix_socket(const struct config_values *values, struct settings *settings)
{
	if (!values->entries[CONFIG_KEY_TOKEN_URL] ||
		config_values_own(values, CONFIG_KEY_GATEWAY_UNIX_SOCKET)) {
		settings->unix_socket = config_values_socket(
			values, CONFIG_KEY_GATEWAY_UNIX_SOCKET);
	}
}

/* A host that a gateway or token_url leaves unused is to be right all the same. */
static void check_host(const struct config_values *values)
{
	char why[CONFIG_URL_WHY_MAX];
	char *domain;

	config_values_judge(values, CONFIG_KEY_HOST,
		config_url_domain(config_values_text(values, CONFIG_KEY_HOST), &domain, why), why);
	free(domain);
}

/* The parts of a gateway that are nothing without its host. */
static void check_gateway(const struct config_values *values)
{
	static const enum config_key_number parts[] = {CONFIG_KEY_GATEWAY_PROTOCOL,
		CONFIG_KEY_GATEWAY_PORT, CONFIG_KEY_GATEWAY_PATH_LOGIN,
		CONFIG_KEY_GATEWAY_PATH_API};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct config_place place = config_values_place(values, parts[i]);

		if (values->entries[parts[i]] && !values->entries[CONFIG_KEY_GATEWAY_HOST]) {
			config_warning(values->problems, &place,
				"this has no effect without the gateway's host");
		}
	}
}

void config_endpoints_read(const struct config_values *values, struct settings *settings)
{
	read_token_url(values, settings);
	read_api_url(values, settings);
	settings->revocation_url = read_url(values, CONFIG_KEY_REVOCATION_URL);
	read_unix_socket(values, settings);
	check_host(values);
	check_gateway(values);
}

void config_endpoints_read_deployment(const struct config_values *values, struct settings *settings)
{
	enum config_key_number key = values->entries[CONFIG_KEY_GATEWAY_HOST]
					     ? CONFIG_KEY_GATEWAY_HOST
					     : CONFIG_KEY_HOST;
	struct config_url url;
	char *text = NULL;

	if (!settings->api_url) {
		return; /* it was told why */
	}
	if (asprintf(&text, "%s" MESSENGER_PATH, settings->api_url) < 0) {
		text = NULL;
		values->problems->no_memory = true;
	}
	if (text && parse_url(values, key, text, &url)) {
		free(settings->token_url);
		free(settings->token_host);
		free(settings->login_url);
		settings->token_url = url.text;
		settings->token_host = url.place;
		settings->login_url = config_values_strdup(values, settings->api_url);
	}
	free(text);
}

/* Where no token is requested, the login server is the one that browsers go to. */
static void take_login_of_authorize(const struct config_values *values, struct settings *settings)
{
	free(settings->login_url);
	settings->login_url = base_url(values, settings->authorize_url, AUTHORIZE_PATH);
	settings->api_revokes = has_own_api(values);
	if (!values->entries[CONFIG_KEY_HOST] && !values->entries[CONFIG_KEY_GATEWAY_HOST]) {
		free(settings->api_url);
		settings->api_url = NULL;
	}
}

void config_endpoints_read_device(const struct config_values *values, struct settings *settings)
{
	/* No server is known by whose other URLs this one could be told. */
	if (!values->entries[CONFIG_KEY_DEVICE_AUTHORIZATION_URL]) {
		config_values_error(values, CONFIG_KEY_DEVICE_AUTHORIZATION_URL,
			"this is missing; write the device_authorization_endpoint of the login "
			"server's metadata");
	}
	settings->device_authorization_url = read_url(values, CONFIG_KEY_DEVICE_AUTHORIZATION_URL);
}

void config_endpoints_read_authorize(const struct config_values *values, struct settings *settings)
{
	struct config_url url;
	bool right = false;

	if (values->entries[CONFIG_KEY_AUTHORIZE_URL]) {
		right = parse_url(values, CONFIG_KEY_AUTHORIZE_URL,
			config_values_text(values, CONFIG_KEY_AUTHORIZE_URL), &url);
	} else if (values->entries[CONFIG_KEY_TOKEN_URL]) {
		config_values_error(values, CONFIG_KEY_AUTHORIZE_URL,
			"this is missing; write the authorization endpoint that goes with "
			"token_url");
	} else if (values->entries[CONFIG_KEY_GATEWAY_HOST]) {
		right = gateway_url(values, CONFIG_KEY_GATEWAY_PATH_LOGIN, AUTHORIZE_PATH, &url);
	} else {
		right = genesys_url(values, "login", AUTHORIZE_PATH, &url);
	}
	if (right) {
		settings->authorize_url = config_values_strdup(values, url.text);
		config_url_done(&url);
	}
	if (settings->authorize_url && values->entries[CONFIG_KEY_AUTHORIZE_URL] &&
		(settings->grant->parts & GRANT_IMPLICIT)) {
		take_login_of_authorize(values, settings);
	}
}
