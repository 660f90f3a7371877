#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/answer.h"
#include "core/grant.h"
#include "core/grant_device.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/text.h"
#include "core/token.h"
#include "fuzz.h"

/*
 * An input is three lines, for the status, Retry-After and Date (an empty one is absent), and then
 * the body. The first byte of all says whether the profile has a default_lifetime, whether its
 * grant sends a session, and whether the answer is to bring the codes of a device.
 */
enum {
	HAS_DEFAULT = 1,
	SENDS_SESSION = 2,
	IS_DEVICE = 4,
	HEADER_LINES = 3,
	NOW_MS = 1000,
};

static const char client_secret[] = "s3cret!";

static const struct grant_input input;

/* What is true of every token that is taken. */
static void check_token(const struct settings *settings, const struct token *token)
{
	const char *value = secret_reveal(token->value);
	size_t len = secret_len(token->value);

	assert(len > 0 && len <= ANSWER_TOKEN_MAX && strlen(value) == len);
	assert(!strpbrk(value, "\r\n") && text_is_utf8(value, len));
	assert(token->lifetime_ms >= 1000);
	assert(token->lifetime_ms <= SETTINGS_LIFETIME_MAX_S * INT64_C(1000));
	assert(token->refresh_in_ms >= 0);
	assert(token_expires(token) == NOW_MS + token->lifetime_ms);
	assert(settings->default_lifetime_ms == 0 || token->lifetime_ms > 0);
}

static void check_result(const struct settings *settings, const struct grant_result *result)
{
	assert((result->token != NULL) == (result->verdict == GRANT_GRANTED));
	assert(result->verdict != GRANT_NONE);
	assert(result->retry_after_ms >= 0);
	assert(result->verdict == GRANT_TEMPORARY || result->retry_after_ms == 0);
	if (result->token) {
		assert(result->status >= 200 && result->status < 300);
		check_token(settings, result->token);
		return;
	}
	assert(result->message[0] != '\0');
	assert(text_is_utf8(result->message, strlen(result->message)));
	assert(!strstr(result->message, client_secret));
	assert(!strpbrk(result->message, "\r\n\x1b"));
	assert(!strstr(result->upstream_error, client_secret));
}

static void judge(const struct settings *settings, const struct answer_http *answer)
{
	struct grant_result result;

	grant_judge(settings, &input, answer, &result);
	check_result(settings, &result);
	grant_result_done(&result);
}

static void check_text(const char *text, size_t max)
{
	assert(*text != '\0' && strlen(text) <= max);
	for (; *text != '\0'; text++) {
		assert(*text >= ' ' && *text <= '~');
	}
}

static void judge_device(const struct settings *settings, const struct answer_http *answer)
{
	struct grant_device_codes codes;
	struct grant_result result;

	grant_device_judge(settings, &input, answer, &codes, &result);
	assert(!result.token && (codes.device_code != NULL) == (result.verdict == GRANT_GRANTED));
	if (codes.device_code) {
		check_text(secret_reveal(codes.device_code), GRANT_DEVICE_CODE_MAX);
		check_text(codes.user_code, GRANT_DEVICE_USER_CODE_MAX);
		check_text(codes.verification_uri, GRANT_DEVICE_URI_MAX);
		assert(codes.lifetime_ms > 0 && codes.interval_ms >= 0);
	} else {
		check_result(settings, &result);
	}
	grant_device_codes_done(&codes);
	grant_result_done(&result);
}

/* Takes a line off the head of text; NULL where it is empty or there is none. */
static const char *take_line(char **text, const char *end)
{
	char *line = *text;
	char *lf = memchr(line, '\n', (size_t)(end - line));

	if (!lf) {
		return NULL;
	}
	*lf = '\0';
	*text = lf + 1;
	return *line != '\0' ? line : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *at = text;
	unsigned flags = size > 0 ? data[0] : 0;
	struct settings settings = {
		.name = (char *)"p",
		.client_id = (char *)"id",
		.grant = flags & SENDS_SESSION ? &grant_saml2_bearer
					       : grant_find("client_credentials"),
		.secrets[SETTINGS_CLIENT_SECRET].value = secret_new(
			client_secret, strlen(client_secret)),
		.token_host = (char *)"login.example:443",
		.default_lifetime_ms = flags & HAS_DEFAULT ? 60000 : 0,
	};
	const char *lines[HEADER_LINES];
	struct answer_http answer;

	if (size > 0) {
		memcpy(text, data, size);
	}
	text[size] = '\0';
	at += size > 0 ? 1 : 0;
	for (int i = 0; i < HEADER_LINES; i++) {
		lines[i] = take_line(&at, text + size);
	}
	answer = (struct answer_http){
		.status = lines[0] ? atoi(lines[0]) : 200,
		.retry_after = lines[1],
		.date = lines[2],
		.correlation_id = lines[1],
		.body = at,
		.body_len = (size_t)(text + size - at),
		.sent_ms = NOW_MS,
	};
	(flags & IS_DEVICE ? judge_device : judge)(&settings, &answer);
	secret_free(settings.secrets[SETTINGS_CLIENT_SECRET].value);
	free(text);
	return 0;
}
