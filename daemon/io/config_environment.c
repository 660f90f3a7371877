#include "config_environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"

/* Wipes the value of each NAME=VALUE of that name (there may be several) where the process got it,
 * and takes them out. */
static void forget(const char *name)
{
	size_t len = strlen(name);

	for (char **at = environ; at && *at; at++) {
		if (strncmp(*at, name, len) == 0 && (*at)[len] == '=') {
			explicit_bzero(*at + len + 1, strlen(*at + len + 1));
		}
	}
	unsetenv(name);
}

static struct secret *take_secret(const char *name)
{
	const char *value = getenv(name);
	struct secret *secret = NULL;

	if (value && *value) {
		secret = secret_new_locked(value, strlen(value));
	}
	forget(name);
	return secret;
}

/* The one in lower case goes before the other, which may be NULL. */
static struct secret *take_either(const char *lower, const char *upper)
{
	struct secret *secret = take_secret(lower);
	struct secret *other = upper ? take_secret(upper) : NULL;

	if (secret) {
		secret_free(other);
		return secret;
	}
	return other;
}

static char *take_text(const char *name)
{
	const char *value = getenv(name);
	char *text = value && *value ? strdup(value) : NULL;

	forget(name);
	return text;
}

static char *take_no_proxy(void)
{
	char *text = take_text("no_proxy");
	char *other = take_text("NO_PROXY");

	if (text) {
		free(other);
		return text;
	}
	return other;
}

void config_environment_take(struct config_environment *environment)
{
	*environment = (struct config_environment){
		.client_id = take_secret("GENESYSCLOUD_OAUTHCLIENT_ID"),
		.client_secret = take_secret("GENESYSCLOUD_OAUTHCLIENT_SECRET"),
		.region = take_text("GENESYSCLOUD_REGION"),
		.http_proxy = take_either("http_proxy", NULL),
		.https_proxy = take_either("https_proxy", "HTTPS_PROXY"),
		.all_proxy = take_either("all_proxy", "ALL_PROXY"),
		.no_proxy = take_no_proxy(),
	};
}

void config_environment_done(struct config_environment *environment)
{
	secret_free(environment->client_id);
	secret_free(environment->client_secret);
	free(environment->region);
	secret_free(environment->http_proxy);
	secret_free(environment->https_proxy);
	secret_free(environment->all_proxy);
	free(environment->no_proxy);
	*environment = (struct config_environment){0};
}
