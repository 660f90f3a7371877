#include "grant.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "code.h"
#include "echoes.h"
#include "encode.h"
#include "schedule.h"
#include "secret.h"
#include "settings.h"
#include "token.h"

static const struct grant *const grants[] = {
	&grant_authorization_code,
	&grant_client_credentials,
	&grant_device,
	&grant_implicit,
	&grant_messenger,
	&grant_pkce,
	&grant_refresh_token,
	&grant_saml2_bearer,
	&grant_static,
};

enum {
	GRANTS = sizeof(grants) / sizeof(*grants),
	COMPLAINT_SIZE = 2 * TEXT_UPSTREAM_SIZE + 32,
};

const struct grant *grant_find(const char *name)
{
	for (size_t i = 0; i < GRANTS; i++) {
		if (strcmp(grants[i]->name, name) == 0) {
			return grants[i];
		}
	}
	return NULL;
}

const char *grant_name(size_t n)
{
	return n < GRANTS ? grants[n]->name : NULL;
}

void grant_fill_refresh(
	const struct settings *settings, const struct grant_input *input, struct form *form)
{
	form_add(form, "grant_type", "refresh_token");
	form_add(form, "refresh_token", secret_reveal(input->refresh_token));
	form_add(form, "audience", settings->audience);
	form_add(form, "resource", settings->resource);
}

static struct secret *basic_authorization(const struct settings *settings)
{
	struct secret *credentials = echoes_basic(settings);
	struct form header = {0};

	if (!credentials) {
		return NULL;
	}
	form_add_raw(&header, "Basic ", strlen("Basic "));
	form_add_raw(&header, secret_reveal(credentials), secret_len(credentials));
	secret_free(credentials);
	return form_take(&header);
}

static void add_client_assertion(struct form *form, const struct grant_input *input)
{
	form_add(form, "client_assertion_type",
		"urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
	form_add(form, "client_assertion", secret_reveal(input->client_assertion));
}

bool grant_is_stored(const struct settings *settings)
{
	return (settings->grant->parts & GRANT_SESSION) || settings->persist_tokens;
}

bool grant_is_provided(const struct settings *settings)
{
	return settings->grant->parts & (GRANT_CODE | GRANT_ASSERTION);
}

int grant_fill_client(struct grant_request *request, const char *url,
	const struct settings *settings, const struct grant_input *input, struct form *form)
{
	bool header = false;

	switch (settings->client_auth) {
	case CLIENT_AUTH_BASIC:
		request->authorization = basic_authorization(settings);
		header = true;
		break;
	case CLIENT_AUTH_POST:
		form_add(form, "client_id", settings->client_id);
		form_add(form, "client_secret",
			secret_reveal(settings->secrets[SETTINGS_CLIENT_SECRET].value));
		break;
	case CLIENT_AUTH_PRIVATE_KEY_JWT:
		add_client_assertion(form, input);
		break;
	case CLIENT_AUTH_TLS:
	case CLIENT_AUTH_NONE:
		form_add(form, "client_id", settings->client_id);
		break;
	}
	request->body = form_take(form);
	request->url = strdup(url);
	return request->body && request->url && (request->authorization || !header) ? 0 : -ENOMEM;
}

/* A form to the token endpoint. */
static int fill_request(const struct settings *settings, const struct grant_input *input,
	struct grant_request *request)
{
	struct form form = {0};

	settings->grant->fill(settings, input, &form);
	return grant_fill_client(request, settings->token_url, settings, input, &form);
}

int grant_request_init(struct grant_request *request, const struct settings *settings,
	const struct grant_input *input)
{
	const struct grant *grant = settings->grant;
	int r;

	*request = (struct grant_request){.method = "POST"};
	r = grant->request ? grant->request(settings, input, request)
			   : fill_request(settings, input, request);
	if (r < 0) {
		grant_request_done(request);
	}
	return r;
}

void grant_request_done(struct grant_request *request)
{
	free(request->url);
	secret_free(request->body);
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
	secret_free(result->refresh_token);
	result->token = NULL;
	result->refresh_token = NULL;
}

void grant_echoes(
	struct echoes *echoes, const struct settings *settings, const struct grant_input *input)
{
	echoes_init(echoes, settings);
	echoes_add(echoes, input->refresh_token);
	echoes_add(echoes, input->token);
	echoes_add(echoes, input->client_assertion);
	if (input->code) {
		echoes_add(echoes, input->code->code);
		echoes_add(echoes, input->code->verifier);
		echoes_add(echoes, input->code->id_token);
		echoes_add(echoes, input->code->assertion);
		echoes_add(echoes, input->code->nonce);
	}
}

/* What a server says of its refusal, made fit to be shown: as RFC 6749 section 5.2 has it, or as
 * Genesys Cloud's API does (code, message). */
struct complaint {
	char error[TEXT_UPSTREAM_SIZE];
	char text[COMPLAINT_SIZE]; /* all of it: "HTTP 400 invalid_grant: …" */
	bool is_rate_limit;        /* Genesys's own: HTTP 400 invalid_request with a text */
};

static void complaint_read(
	struct complaint *complaint, const struct echoes *echoes, const struct answer_http *answer)
{
	static const char rate_limit[] = "rate limit exceeded";
	char description[TEXT_UPSTREAM_SIZE] = "";
	cJSON *object = cJSON_ParseWithLength(answer->body, answer->body_len + 1);
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(object, "error");
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, "error_description");

	*complaint = (struct complaint){0};
	if (!cJSON_IsString(error)) {
		error = cJSON_GetObjectItemCaseSensitive(object, "code");
	}
	if (!cJSON_IsString(text)) {
		text = cJSON_GetObjectItemCaseSensitive(object, "description");
	}
	if (!cJSON_IsString(text)) {
		text = cJSON_GetObjectItemCaseSensitive(object, "message");
	}
	if (cJSON_IsString(error)) {
		text_clean(complaint->error, error->valuestring, strlen(error->valuestring),
			echoes->list, echoes->n);
	}
	if (cJSON_IsString(text)) {
		text_clean(description, text->valuestring, strlen(text->valuestring), echoes->list,
			echoes->n);
		complaint->is_rate_limit = strncasecmp(text->valuestring, rate_limit,
						   strlen(rate_limit)) == 0;
	}
	snprintf(complaint->text, sizeof(complaint->text), "HTTP %d%s%s%s%s", answer->status,
		complaint->error[0] != '\0' ? " " : "", complaint->error,
		description[0] != '\0' ? ": " : "", description);
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

/* Whether what is sent is a refresh token, code or assertion, so that invalid_grant means: a person
 * or plugin has to act. */
static bool sends_session(const struct settings *settings, const struct grant_input *input)
{
	return input->refresh_token || input->code || (settings->grant->parts & GRANT_ASSERTION);
}

/* The verdict on an answer that is not 2xx. */
static enum grant_verdict verdict_on_status(const struct settings *settings,
	const struct grant_input *input, int status, const struct complaint *complaint)
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
	/* A deployment sends nothing that could be refused but what a session begins or goes on
	 * with. */
	if (sends_session(settings, input) &&
		(strcmp(complaint->error, "invalid_grant") == 0 ||
			(settings->grant->parts & GRANT_DEPLOYMENT))) {
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

/* What a person or plugin has to do depends on what was refused. */
static void judge_ended(const struct settings *settings, const struct grant_input *input,
	const struct complaint *complaint, struct grant_result *result)
{
	if (input->code) {
		grant_fail(result, GRANT_LOGIN_REQUIRED,
			"The login server %s refused the %s for profile %s (%s); sign in again",
			settings->token_host, input->code->assertion ? "assertion" : "code",
			settings->name, complaint->text);
	} else if (!input->refresh_token) {
		grant_fail(result, GRANT_LOGIN_REQUIRED,
			"The login server %s does not take the assertion of profile %s any more "
			"(%s); put a new one in its place",
			settings->token_host, settings->name, complaint->text);
	} else if (input->resent) {
		grant_fail(result, GRANT_LOGIN_REQUIRED,
			"The answer to an earlier request of profile %s was lost, and the login "
			"server %s does not take its refresh token again (%s); sign in again",
			settings->name, settings->token_host, complaint->text);
	} else {
		grant_fail(result, GRANT_LOGIN_REQUIRED,
			"The login server %s has ended the session of profile %s (%s); sign in "
			"again",
			settings->token_host, settings->name, complaint->text);
	}
}

/* RFC 8628 section 3.5. */
static bool is_pending(const struct grant_input *input, const struct complaint *complaint)
{
	static const char *const waiting[] = {"authorization_pending", "slow_down", NULL};

	return input->code && input->code->origin == CODE_DEVICE &&
	       is_one_of(complaint->error, waiting);
}

static void judge_refusal(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, const struct echoes *echoes, struct grant_result *result)
{
	struct complaint complaint;
	enum grant_verdict verdict;

	complaint_read(&complaint, echoes, answer);
	verdict = verdict_on_status(settings, input, answer->status, &complaint);
	memcpy(result->upstream_error, complaint.error, sizeof(complaint.error));
	if (is_pending(input, &complaint)) {
		result->pending = true;
		grant_fail(result, GRANT_TEMPORARY, "Nobody has signed in for profile %s yet (%s)",
			settings->name, complaint.text);
	} else if (verdict == GRANT_TEMPORARY) {
		result->retry_after_ms = retry_after_ms(answer);
		grant_fail(result, verdict, "The login server %s answered %s", settings->token_host,
			complaint.text);
	} else if (verdict == GRANT_LOGIN_REQUIRED) {
		judge_ended(settings, input, &complaint, result);
	} else {
		grant_fail(result, verdict,
			"The login server %s refused profile %s (%s); check its client_id, secret "
			"and grant, then reload",
			settings->token_host, settings->name, complaint.text);
	}
}

static bool is_2xx(const struct answer_http *answer)
{
	return answer->status >= 200 && answer->status <= 299;
}

/* Whether an answer came at all; else it is temporary. */
static bool judge_arrival(const struct settings *settings, const struct answer_http *answer,
	const struct echoes *echoes, struct grant_result *result)
{
	if (answer->correlation_id) {
		text_clean(result->correlation_id, answer->correlation_id,
			strlen(answer->correlation_id), echoes->list, echoes->n);
	}
	if (answer->error) {
		result->lost = answer->begun;
		grant_fail(result, GRANT_TEMPORARY, "The login server %s cannot be reached: %s",
			settings->token_host, answer->error);
	}
	return !answer->error;
}

static void judge_answer(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, const struct echoes *echoes, struct grant_result *result)
{
	char why[ANSWER_WHY_SIZE];

	if (!judge_arrival(settings, answer, echoes, result)) {
		return;
	}
	if (!is_2xx(answer)) {
		judge_refusal(settings, input, answer, echoes, result);
		return;
	}
	result->token = (settings->grant->read ? settings->grant->read : answer_token)(
		settings, answer, &result->refresh_token, why);
	if (result->token) {
		result->verdict = GRANT_GRANTED;
		if (input->code || input->refresh_token) {
			answer_account(answer, result->account);
		}
		return;
	}
	result->retry_after_ms = retry_after_ms(answer);
	grant_fail(result, GRANT_TEMPORARY,
		"The login server %s answered HTTP %d, but the answer cannot be used: %s",
		settings->token_host, answer->status, why);
}

void grant_judge(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, struct grant_result *result)
{
	struct echoes echoes;

	*result = (struct grant_result){.status = answer->error ? 0 : answer->status};
	grant_echoes(&echoes, settings, input);
	judge_answer(settings, input, answer, &echoes, result);
	echoes_done(&echoes);
}

void grant_judge_other(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, struct grant_result *result)
{
	struct echoes echoes;

	*result = (struct grant_result){.status = answer->error ? 0 : answer->status};
	grant_echoes(&echoes, settings, input);
	if (judge_arrival(settings, answer, &echoes, result)) {
		if (is_2xx(answer)) {
			result->verdict = GRANT_GRANTED;
		} else {
			judge_refusal(settings, input, answer, &echoes, result);
		}
	}
	echoes_done(&echoes);
}

void grant_judge_revocation(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, struct grant_result *result)
{
	struct complaint complaint;
	struct echoes echoes;

	*result = (struct grant_result){.status = answer->error ? 0 : answer->status};
	grant_echoes(&echoes, settings, input);
	if (!judge_arrival(settings, answer, &echoes, result)) {
		echoes_done(&echoes);
		return;
	}
	if (is_2xx(answer)) {
		result->verdict = GRANT_GRANTED;
	} else {
		complaint_read(&complaint, &echoes, answer);
		memcpy(result->upstream_error, complaint.error, sizeof(complaint.error));
		grant_fail(result, GRANT_PERMANENT, "The login server %s did not revoke it (%s)",
			settings->token_host, complaint.text);
	}
	echoes_done(&echoes);
}

void grant_say_logged_out(const struct settings *settings, char text[GRANT_MESSAGE_SIZE])
{
	unsigned parts = settings->grant->parts;
	const char *name = settings->name;

	if (parts & GRANT_DEPLOYMENT) {
		snprintf(text, GRANT_MESSAGE_SIZE,
			"Profile %s was logged out; sign in again, and bring what comes of it by "
			"auth.authorize",
			name);
	} else {
		snprintf(text, GRANT_MESSAGE_SIZE, "Profile %s was logged out; %s: gctoken %s %s",
			name,
			parts & GRANT_PLANTED                    ? "give it a token"
			: parts & (GRANT_BROWSER | GRANT_DEVICE) ? "sign in again"
								 : "fetch another token",
			parts & GRANT_PLANTED   ? "set-token"
			: parts & GRANT_BROWSER ? "login"
			: parts & GRANT_DEVICE  ? "login --device"
						: "refresh",
			name);
	}
}
