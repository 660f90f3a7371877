#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core/secret.h"

void fixture_set(char **member, const char *value)
{
	free(*member);
	*member = value ? strdup(value) : NULL;
}

struct settings *fixture_settings(const char *name)
{
	struct settings *settings = settings_new();

	settings->name = strdup(name);
	settings->grant = grant_find("client_credentials");
	settings->client_id = strdup("id");
	settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_new("s3cret!", 7);
	settings->token_url = strdup("https://login.example/oauth/token");
	settings->token_host = strdup("login.example:443");
	settings->device_authorization_url = strdup("https://login.example/device");
	settings->login_url = strdup("https://login.example");
	settings->refresh_access_token = true;
	settings->wait_max_ms = 10000;
	settings->auth_code_timeout_ms = 30 * 1000;
	settings->sign_in_timeout_ms = 600 * 1000;
	return settings;
}

struct answer_http fixture_answer(int status, const char *body)
{
	return (struct answer_http){.status = status, .body = body, .body_len = strlen(body)};
}
