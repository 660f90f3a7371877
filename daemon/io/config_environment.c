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

void config_environment_take(struct config_environment *environment)
{
	const char *region = getenv("GENESYSCLOUD_REGION");

	*environment = (struct config_environment){
		.client_id = take_secret("GENESYSCLOUD_OAUTHCLIENT_ID"),
		.client_secret = take_secret("GENESYSCLOUD_OAUTHCLIENT_SECRET"),
		.region = region && *region ? strdup(region) : NULL,
	};
	forget("GENESYSCLOUD_REGION");
}

void config_environment_done(struct config_environment *environment)
{
	secret_free(environment->client_id);
	secret_free(environment->client_secret);
	free(environment->region);
	*environment = (struct config_environment){0};
}
