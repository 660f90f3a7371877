#include "record.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/login.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/token.h"
#include "identity.h"

enum { VERSION = 1 };

static cJSON *write_token(
	const struct settings *settings, const struct token *token, int64_t wall_offset_ms)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "value", secret_reveal(token->value));
	cJSON_AddNumberToObject(object, "sent", (double)(token->sent_ms + wall_offset_ms));
	cJSON_AddNumberToObject(object, "lifetime", (double)token->lifetime_ms);
	cJSON_AddNumberToObject(object, "refreshIn", (double)token->refresh_in_ms);
	cJSON_AddItemToObject(object, "identity", identity_write(settings));
	return object;
}

struct secret *record_write(const struct settings *settings, const struct login *login,
	const struct token *token, int64_t wall_offset_ms)
{
	cJSON *object = cJSON_CreateObject();
	struct secret *record;
	char *text;

	cJSON_AddNumberToObject(object, "version", VERSION);
	cJSON_AddStringToObject(object, "seed", login->seed);
	if (login->refresh_token) {
		cJSON_AddStringToObject(
			object, "refreshToken", secret_reveal(login->refresh_token));
	}
	if (*login->account) {
		cJSON_AddStringToObject(object, "account", login->account);
	}
	cJSON_AddBoolToObject(object, "sending", login->sending);
	cJSON_AddBoolToObject(object, "loggedOut", login->logged_out);
	if (token) {
		cJSON_AddItemToObject(
			object, "accessToken", write_token(settings, token, wall_offset_ms));
	}
	text = cJSON_PrintUnformatted(object);
	record = text ? secret_new(text, strlen(text)) : NULL;
	cJSON_free(text);
	cJSON_Delete(object);
	return record;
}

static int64_t read_ms(const cJSON *object, const char *name)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : -1;
}

static int read_token(const cJSON *object, const struct settings *settings, int64_t wall_offset_ms,
	int64_t now_ms, struct token **ret_token)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "value"));
	int64_t sent_ms = read_ms(object, "sent") - wall_offset_ms;
	int64_t lifetime_ms = read_ms(object, "lifetime");
	struct secret *secret;

	/* One from the future tells that the wall clock was set, so that its age is not known. */
	if (!value || lifetime_ms <= 0 || sent_ms > now_ms || !settings->persist_tokens ||
		!identity_is(cJSON_GetObjectItemCaseSensitive(object, "identity"), settings)) {
		return 0;
	}
	secret = secret_new(value, strlen(value));
	*ret_token = secret ? token_new(secret, sent_ms, lifetime_ms) : NULL;
	if (!*ret_token) {
		return -ENOMEM;
	}
	(*ret_token)->refresh_in_ms = read_ms(object, "refreshIn");
	return 0;
}

static int read_login(const cJSON *object, struct login *login)
{
	const char *token = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(object, "refreshToken"));
	const char *seed = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "seed"));
	const char *account = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(object, "account"));

	if (read_ms(object, "version") != VERSION || !seed || strlen(seed) >= LOGIN_HASH_SIZE) {
		return -EINVAL;
	}
	if (token) {
		login_set(login, secret_new_locked(token, strlen(token)));
		if (!login->refresh_token) {
			return -ENOMEM;
		}
	}
	memcpy(login->seed, seed, strlen(seed) + 1);
	if (account && strlen(account) < sizeof(login->account)) {
		memcpy(login->account, account, strlen(account) + 1);
	}
	login->sending = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "sending"));
	login->logged_out = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "loggedOut"));
	return 0;
}

int record_read(const struct secret *record, const struct settings *settings,
	int64_t wall_offset_ms, int64_t now_ms, struct login *ret_login, struct token **ret_token)
{
	cJSON *object = cJSON_ParseWithLengthOpts(
		secret_reveal(record), secret_len(record) + 1, NULL, true);
	struct login login = {0};
	int r = read_login(object, &login);

	*ret_token = NULL;
	if (r == 0) {
		r = read_token(cJSON_GetObjectItemCaseSensitive(object, "accessToken"), settings,
			wall_offset_ms, now_ms, ret_token);
	}
	cJSON_Delete(object);
	if (r < 0) {
		login_done(&login);
		return r;
	}
	*ret_login = login;
	return 0;
}
