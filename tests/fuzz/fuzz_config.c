#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/grant.h"
#include "core/settings.h"
#include "fuzz.h"
#include "io/config.h"
#include "proto/escape.h"

/* Nothing is read at a path below this. */
#define FILE_PATH "/nonexistent/gctokend.conf"

/* What is told is text of one line, and says how often it was an error. */
static void tell(void *context, enum log_level level, const char *text)
{
	unsigned *errors = context;

	assert(level == LOG_LEVEL_ERROR || level == LOG_LEVEL_WARNING);
	assert(escape_is_utf8(text, strlen(text)));
	for (const char *at = text; *at; at++) {
		assert((unsigned char)*at >= ' ' && *at != 0x7f);
	}
	*errors += level == LOG_LEVEL_ERROR;
}

/* Whether a secret is meant. */
static bool is_there(const struct settings *settings, enum settings_secret_number number)
{
	return settings->secrets[number].value || settings->secrets[number].problem;
}

static void check_grant(const struct settings *settings)
{
	unsigned parts;

	assert(settings->grant);
	parts = settings->grant->parts;
	assert((parts & GRANT_PLANTED) || (settings->client_id && *settings->client_id));
	assert(is_there(settings, SETTINGS_ASSERTION) == !!(parts & GRANT_ASSERTION));
	assert(is_there(settings, SETTINGS_REFRESH_TOKEN) == !!(parts & GRANT_SEED));
	assert(!settings->redirect_uri == !(parts & GRANT_CODE));
	assert(!settings->authorize_url == !(parts & GRANT_CODE));
	if (!(parts & GRANT_PLANTED)) {
		assert(is_there(settings, SETTINGS_CLIENT_SECRET) ==
			(settings->client_auth == CLIENT_AUTH_BASIC ||
				settings->client_auth == CLIENT_AUTH_POST));
		assert(is_there(settings, SETTINGS_PRIVATE_KEY) ==
			(settings->client_auth == CLIENT_AUTH_PRIVATE_KEY_JWT));
	}
}

/* What is taken can be used as it is. */
static void check_profile(const struct settings *settings)
{
	assert(settings->name && strlen(settings->name) <= SETTINGS_NAME_MAX);
	check_grant(settings);
	for (size_t i = 0; i < SETTINGS_SECRETS; i++) {
		assert(!settings->secrets[i].value || !settings->secrets[i].problem);
	}
	assert(!settings->proxy_url || strstr(settings->proxy_url, "://"));
	assert(settings->proxy_url ||
		(!settings->proxy_username && !is_there(settings, SETTINGS_PROXY_PASSWORD)));
	assert(is_there(settings, SETTINGS_TLS_CERT) == is_there(settings, SETTINGS_TLS_KEY));
	assert(settings->token_url && settings->login_url && strchr(settings->token_host, ':'));
	assert(strncmp(settings->token_url, "http", strlen("http")) == 0);
	assert(strncmp(settings->token_url, settings->login_url, strlen(settings->login_url)) == 0);
	assert(!strpbrk(settings->token_url, " #\t\r\n"));
	assert(settings->wait_max_ms >= 0 && settings->wait_max_ms <= 1000 * SETTINGS_WAIT_MAX_S);
	assert(settings->connect_timeout_ms > 0 && settings->request_timeout_ms > 0);
	assert(settings->default_lifetime_ms >= 0);
	assert(!settings->unix_socket || settings->unix_socket[0] == '/');
}

static void check_config(const struct config *config)
{
	assert(config->max_connections > 0 && config->max_waiters > 0);
	assert(config->max_connections_per_uid > 0);
	assert(config->max_connections_per_uid <= config->max_connections);
	for (size_t i = 0; i < config->n_profiles; i++) {
		check_profile(config->profiles[i]);
		if (i > 0) {
			assert(strcmp(config->profiles[i - 1]->name, config->profiles[i]->name) <
				0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_environment nothing = {0};
	struct config *config = NULL;
	char *text = malloc(size + 1);
	unsigned errors = 0;
	int status;

	if (size > 0) {
		memcpy(text, data, size);
	}
	text[size] = '\0';
	status = config_parse(FILE_PATH, text, size, &nothing, tell, &errors, &config);
	free(text);
	assert(status == 0 || status == -EINVAL);
	assert((status == 0) == (errors == 0));
	assert((status == 0) == (config != NULL));
	if (config) {
		check_config(config);
	}
	config_free(config);
	return 0;
}
