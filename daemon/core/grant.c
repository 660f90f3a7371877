#include "grant.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "encode.h"
#include "schedule.h"
#include "secret.h"
#include "settings.h"
#include "token.h"

static const struct grant *const grants[] = {
	&grant_client_credentials,
};

const struct grant *grant_find(const char *name)
{
	for (size_t i = 0; i < sizeof(grants) / sizeof(*grants); i++) {
		if (strcmp(grants[i]->name, name) == 0) {
			return grants[i];
		}
	}
	return NULL;
}

/*
 * RFC 6749 section 2.3.1: id and secret are encoded as in a form, then joined and put into base64.
 * Genesys's own SDKs leave the first step out; for the letters, digits, - and _ of their
 * credentials the bytes are the same.
 */
static struct secret *basic_credentials(const struct settings *settings)
{
	struct form pair = {0}, credentials = {0};

	form_add_encoded(&pair, settings->client_id, strlen(settings->client_id));
	form_add_raw(&pair, ":", 1);
	form_add_encoded(
		&pair, secret_reveal(settings->client_secret), secret_len(settings->client_secret));
	if (pair.failed) {
		credentials.failed = true;
	} else {
		form_add_base64(&credentials, pair.text, pair.len);
	}
	form_done(&pair);
	return form_take(&credentials);
}

static struct secret *basic_authorization(const struct settings *settings)
{
	struct secret *credentials = basic_credentials(settings);
	struct form header = {0};

	if (!credentials) {
		return NULL;
	}
	form_add_raw(&header, "Basic ", strlen("Basic "));
	form_add_raw(&header, secret_reveal(credentials), secret_len(credentials));
	secret_free(credentials);
	return form_take(&header);
}

int grant_request_init(struct grant_request *request, const struct settings *settings)
{
	struct form form = {0};
	bool header = false;

	*request = (struct grant_request){0};
	settings->grant->fill(settings, &form);
	switch (settings->client_auth) {
	case CLIENT_AUTH_BASIC:
		request->authorization = basic_authorization(settings);
		header = true;
		break;
	case CLIENT_AUTH_POST:
		form_add(&form, "client_id", settings->client_id);
		form_add(&form, "client_secret", secret_reveal(settings->client_secret));
		break;
	}
	request->form = form_take(&form);
	if (!request->form || (header && !request->authorization)) {
		grant_request_done(request);
		return -ENOMEM;
	}
	return 0;
}

void grant_request_done(struct grant_request *request)
{
	secret_free(request->form);
	secret_free(request->authorization);
	*request = (struct grant_request){0};
}

void grant_fail(struct grant_result *result, enum grant_verdict verdict, const char *format, ...)
{
	va_list args;

	result->verdict = verdict;
	va_start(args, format);
	vsnprintf(result->message, sizeof(result->message), format, args);
	va_end(args);
}

void grant_result_done(struct grant_result *result)
{
	token_free(result->token);
	result->token = NULL;
}

/* The secret as a server may say it back: as it is, as in a form, as in the header. */
struct echoes {
	const struct secret *list[3];
	struct secret *as_form, *as_basic;
};

enum { ECHOES = sizeof(((struct echoes *)NULL)->list) / sizeof(struct secret *) };

static void echoes_init(struct echoes *echoes, const struct settings *settings)
{
	const struct secret *secret = settings->client_secret;
	struct form encoded = {0};

	*echoes = (struct echoes){0};
	if (secret) {
		form_add_encoded(&encoded, secret_reveal(secret), secret_len(secret));
		echoes->as_form = form_take(&encoded);
		echoes->as_basic = basic_credentials(settings);
		echoes->list[0] = secret;
		echoes->list[1] = echoes->as_form;
		echoes->list[2] = echoes->as_basic;
	}
}

static void echoes_done(struct echoes *echoes)
{
	secret_free(echoes->as_form);
	secret_free(echoes->as_basic);
}

/* What a server says of its refusal, made fit to be shown. */
struct complaint {
	char error[TEXT_UPSTREAM_SIZE];
	char description[TEXT_UPSTREAM_SIZE];
	bool is_rate_limit; /* Genesys's own: HTTP 400 invalid_request with a text */
};

static void complaint_read(
	struct complaint *complaint, const struct echoes *echoes, const struct answer_http *answer)
{
	static const char rate_limit[] = "rate limit exceeded";
	cJSON *object = cJSON_ParseWithLength(answer->body, answer->body_len + 1);
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(object, "error");
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, "error_description");

	*complaint = (struct complaint){0};
	if (!cJSON_IsString(text)) {
		text = cJSON_GetObjectItemCaseSensitive(object, "description");
	}
	if (cJSON_IsString(error)) {
		text_clean(complaint->error, error->valuestring, strlen(error->valuestring),
			echoes->list, ECHOES);
	}
	if (cJSON_IsString(text)) {
		text_clean(complaint->description, text->valuestring, strlen(text->valuestring),
			echoes->list, ECHOES);
		complaint->is_rate_limit = strncasecmp(text->valuestring, rate_limit,
						   strlen(rate_limit)) == 0;
	}
	cJSON_Delete(object);
}

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++) {
		if (strcmp(text, *list) == 0) {
			return true;
		}
	}
	return false;
}

/* The verdict on an answer that is not 2xx. */
static enum grant_verdict verdict_on_status(
	const struct settings *settings, int status, const struct complaint *complaint)
{
	static const char *const passing[] = {
		"temporarily_unavailable", "server_error", "slow_down", NULL};

	if (status < 400 || status == 404 || status == 408 || status == 425 || status == 429 ||
		status >= 500) {
		return GRANT_TEMPORARY;
	}
	if (is_one_of(complaint->error, passing) || (status == 400 && complaint->is_rate_limit)) {
		return GRANT_TEMPORARY;
	}
	if (settings->grant->sends_session && strcmp(complaint->error, "invalid_grant") == 0) {
		return GRANT_LOGIN_REQUIRED;
	}
	return GRANT_PERMANENT;
}

/* Retry-After (RFC 9110 section 10.2.3): seconds, or a date, which is held against the server's own
 * clock. */
static int64_t retry_after_ms(const struct answer_http *answer)
{
	const char *text = answer->retry_after;
	int64_t then, now;

	if (!text) {
		return 0;
	}
	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0') {
		int64_t seconds = strtoll(text, NULL, 10);

		return seconds < SCHEDULE_RETRY_AFTER_MAX_MS / 1000 ? seconds * 1000
								    : SCHEDULE_RETRY_AFTER_MAX_MS;
	}
	then = answer_date(text);
	now = answer_date(answer->date);
	if (then < 0 || now < 0 || then <= now) {
		return 0;
	}
	return then - now < SCHEDULE_RETRY_AFTER_MAX_MS / 1000 ? (then - now) * 1000
							       : SCHEDULE_RETRY_AFTER_MAX_MS;
}

static void judge_refusal(const struct settings *settings, const struct answer_http *answer,
	const struct echoes *echoes, struct grant_result *result)
{
	struct complaint complaint;
	const char *gap, *colon;
	enum grant_verdict verdict;

	complaint_read(&complaint, echoes, answer);
	verdict = verdict_on_status(settings, answer->status, &complaint);
	gap = complaint.error[0] != '\0' ? " " : "";
	colon = complaint.description[0] != '\0' ? ": " : "";
	memcpy(result->upstream_error, complaint.error, sizeof(complaint.error));
	if (verdict == GRANT_TEMPORARY) {
		result->retry_after_ms = retry_after_ms(answer);
		grant_fail(result, verdict, "The login server %s answered HTTP %d%s%s%s%s",
			settings->token_host, answer->status, gap, complaint.error, colon,
			complaint.description);
	} else if (verdict == GRANT_LOGIN_REQUIRED) {
		grant_fail(result, verdict,
			"The login server %s has ended this session (HTTP %d%s%s%s%s); sign in "
			"again",
			settings->token_host, answer->status, gap, complaint.error, colon,
			complaint.description);
	} else {
		grant_fail(result, verdict,
			"The login server %s refused profile %s (HTTP %d%s%s%s%s); check its "
			"client_id, secret and grant, then reload",
			settings->token_host, settings->name, answer->status, gap, complaint.error,
			colon, complaint.description);
	}
}

static void judge_answer(const struct settings *settings, const struct answer_http *answer,
	const struct echoes *echoes, struct grant_result *result)
{
	char why[ANSWER_WHY_SIZE];

	if (answer->correlation_id) {
		text_clean(result->correlation_id, answer->correlation_id,
			strlen(answer->correlation_id), echoes->list, ECHOES);
	}
	if (answer->error) {
		grant_fail(result, GRANT_TEMPORARY, "The login server %s cannot be reached: %s",
			settings->token_host, answer->error);
		return;
	}
	if (answer->status < 200 || answer->status > 299) {
		judge_refusal(settings, answer, echoes, result);
		return;
	}
	result->token = answer_token(settings, answer, why);
	if (result->token) {
		result->verdict = GRANT_GRANTED;
		return;
	}
	result->retry_after_ms = retry_after_ms(answer);
	grant_fail(result, GRANT_TEMPORARY,
		"The login server %s answered HTTP %d, but the answer cannot be used: %s",
		settings->token_host, answer->status, why);
}

void grant_judge(const struct settings *settings, const struct answer_http *answer,
	struct grant_result *result)
{
	struct echoes echoes;

	*result = (struct grant_result){.status = answer->error ? 0 : answer->status};
	echoes_init(&echoes, settings);
	judge_answer(settings, answer, &echoes, result);
	echoes_done(&echoes);
}
