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
	free(settings->device_authorization_url);
	free(settings->revocation_url);
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
	free(settings->auth_provider_command);
	free(settings);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

void settings_identity(const struct settings *settings, const char *ret_texts[SETTINGS_IDENTITY])
{
	/* A resource is a way to name the audience (RFC 8707 section 2). */
	const char *texts[SETTINGS_IDENTITY] = {settings->login_url, settings->client_id,
		settings->org, settings->scope, settings->audience, settings->resource};

	memcpy(ret_texts, texts, sizeof(texts));
}

bool settings_same_identity(const struct settings *a, const struct settings *b)
{
	const char *texts[SETTINGS_IDENTITY], *others[SETTINGS_IDENTITY];
	bool found = a->grant == b->grant;

	settings_identity(a, texts);
	settings_identity(b, others);
	for (int i = 0; i < SETTINGS_IDENTITY; i++) {
		found = found && same(texts[i], others[i]);
	}
	return found;
}

bool settings_same_session(const struct settings *a, const struct settings *b)
{
	return same(a->token_url, b->token_url) && same(a->client_id, b->client_id);
}

bool settings_same_provider(const struct settings *a, const struct settings *b)
{
	return same(a->auth_provider_command, b->auth_provider_command);
}

bool settings_same_credentials(const struct settings *a, const struct settings *b)
{
	for (size_t i = 0; i < SETTINGS_SECRETS; i++) {
		if (!secret_equal(a->secrets[i].value, b->secrets[i].value)) {
			return false;
		}
	}
	return a->client_auth == b->client_auth && same(a->client_id, b->client_id) &&
	       same(a->private_key_id, b->private_key_id) && a->signing_alg == b->signing_alg &&
	       settings_same_provider(a, b);
}
