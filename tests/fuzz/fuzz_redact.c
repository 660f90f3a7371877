#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/echoes.h"
#include "core/grant.h"
#include "core/redact.h"
#include "core/secret.h"
#include "core/settings.h"
#include "fuzz.h"

static const char client_secret[] = "S3cr\"t+!", access_token[] = "T0ken.abc";

static void check(const char *shown, size_t max)
{
	assert(strlen(shown) <= max + strlen("…"));
	assert(text_is_utf8(shown, strlen(shown)));
	assert(!strstr(shown, client_secret) && !strstr(shown, access_token));
	for (const char *c = shown; *c != '\0'; c++) {
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
	}
}

/* A member that is named like a token hides its value, whatever comes behind it. */
static void check_member(const char *text, size_t len, const struct echoes *echoes)
{
	static const char hidden[] = "{\"refresh_token\":\"***\"";
	static const char member[] = "{\"refresh_token\":\"fresh-9876\"}";
	char shown[REDACT_BODY_SIZE];
	char *both = malloc(sizeof(member) - 1 + len);

	memcpy(both, member, sizeof(member) - 1);
	if (len > 0) {
		memcpy(both + sizeof(member) - 1, text, len);
	}
	redact_body(shown, both, sizeof(member) - 1 + len, echoes);
	assert(!strncmp(shown, hidden, strlen(hidden)));
	free(both);
}

/* An input is an answer's body, a line of its headers, and a form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret *secret = secret_new(client_secret, strlen(client_secret));
	struct secret *token = secret_new(access_token, strlen(access_token));
	struct secret *form = secret_new((const char *)data, size);
	struct settings settings = {
		.client_id = (char *)"id",
		.secrets[SETTINGS_CLIENT_SECRET].value = secret,
	};
	char body[REDACT_BODY_SIZE], header[TEXT_UPSTREAM_SIZE];
	struct echoes echoes;

	echoes_init(&echoes, &settings);
	echoes_add(&echoes, token);
	redact_body(body, (const char *)data, size, &echoes);
	check(body, REDACT_BODY_MAX);
	redact_form(body, form, &echoes);
	check(body, REDACT_BODY_MAX);
	redact_header(header, (const char *)data, size, &echoes);
	check(header, TEXT_UPSTREAM_MAX);
	check_member((const char *)data, size, &echoes);
	echoes_done(&echoes);
	secret_free(secret);
	secret_free(token);
	secret_free(form);
	return 0;
}
