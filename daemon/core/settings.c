#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "secret.h"

struct settings *settings_new(void)
{
	struct settings *settings = calloc(1, sizeof(*settings));

	if (settings) {
		settings->refs = 1;
	}
	return settings;
}

struct settings *settings_ref(struct settings *settings)
{
	settings->refs++;
	return settings;
}

void settings_unref(struct settings *settings)
{
	if (!settings || --settings->refs > 0) {
		return;
	}
	free(settings->name);
	free(settings->client_id);
	free(settings->private_key_id);
	for (size_t i = 0; i < SETTINGS_SECRETS; i++) {
		secret_free(settings->secrets[i].value);
		free(settings->secrets[i].file);
		free(settings->secrets[i].problem);
	}
	free(settings->org);
	free(settings->provider);
	free(settings->redirect_uri);
	free(settings->authorize_url);
	free(settings->token_url);
	free(settings->token_host);
	free(settings->login_url);
	free(settings->api_url);
	free(settings->scope);
	free(settings->audience);
	free(settings->resource);
	access_free(settings->allow);
	free(settings->ca_file);
	free(settings->unix_socket);
	free(settings->proxy_url);
	free(settings->proxy_username);
	free(settings->no_proxy);
	free(settings);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool settings_same_identity(const struct settings *a, const struct settings *b)
{
	/* A resource is a way to name the audience (RFC 8707 section 2). */
	return a->grant == b->grant && same(a->login_url, b->login_url) &&
	       same(a->client_id, b->client_id) && same(a->org, b->org) &&
	       same(a->scope, b->scope) && same(a->audience, b->audience) &&
	       same(a->resource, b->resource);
}

bool settings_same_session(const struct settings *a, const struct settings *b)
{
	return same(a->token_url, b->token_url) && same(a->client_id, b->client_id);
}

bool settings_same_credentials(const struct settings *a, const struct settings *b)
{
	for (size_t i = 0; i < SETTINGS_SECRETS; i++) {
		if (!secret_equal(a->secrets[i].value, b->secrets[i].value)) {
			return false;
		}
	}
	return a->client_auth == b->client_auth && same(a->client_id, b->client_id) &&
	       same(a->private_key_id, b->private_key_id) && a->signing_alg == b->signing_alg;
}
