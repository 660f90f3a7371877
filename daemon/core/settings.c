#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "secret.h"

struct settings *settings_new(void)
{
	return calloc(1, sizeof(struct settings));
}

void settings_free(struct settings *settings)
{
	if (!settings) {
		return;
	}
	free(settings->name);
	free(settings->client_id);
	secret_free(settings->client_secret);
	free(settings->client_secret_file);
	free(settings->client_secret_problem);
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
	       same(a->client_id, b->client_id) && same(a->scope, b->scope) &&
	       same(a->audience, b->audience) && same(a->resource, b->resource);
}

bool settings_same_credentials(const struct settings *a, const struct settings *b)
{
	return a->client_auth == b->client_auth && same(a->client_id, b->client_id) &&
	       secret_equal(a->client_secret, b->client_secret);
}
