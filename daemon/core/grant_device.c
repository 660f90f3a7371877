#include "grant_device.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "code.h"
#include "encode.h"
#include "secret.h"
#include "settings.h"
#include "text.h"

/* RFC 8628 section 3.4. */
static void fill(
	const struct settings *settings, const struct grant_input *input, struct form *form)
{
	if (input->refresh_token) {
		grant_fill_refresh(settings, input, form);
		return;
	}
	form_add(form, "grant_type", "urn:ietf:params:oauth:grant-type:device_code");
	form_add(form, "device_code", secret_reveal(input->code->code));
	form_add(form, "resource", settings->resource);
}

const struct grant grant_device = {
	.name = "device",
	.parts = GRANT_DEVICE | GRANT_SESSION,
	.client_auth = CLIENT_AUTH_NONE,
	.fill = fill,
};

int grant_device_request(struct grant_request *request, const struct settings *settings,
	const struct grant_input *input)
{
	struct form form = {0};
	int r;

	*request = (struct grant_request){.method = "POST"};
	form_add(&form, "scope", settings->scope);
	form_add(&form, "audience", settings->audience);
	form_add(&form, "resource", settings->resource);
	r = grant_fill_client(request, settings->device_authorization_url, settings, input, &form);
	if (r < 0) {
		grant_request_done(request);
	}
	return r;
}

/* ---- the answer */

/* A text of at most max printable ASCII characters; NULL where there is none. */
static const char *read_text(const cJSON *object, const char *name, size_t max)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	if (!text || *text == '\0' || strlen(text) > max) {
		return NULL;
	}
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~') {
			return NULL;
		}
	}
	return text;
}

/* A person opens it, so that it has to be what a browser shows. */
static const char *read_uri(const cJSON *object, const char *name)
{
	const char *text = read_text(object, name, GRANT_DEVICE_URI_MAX);

	return text && !strchr(text, ' ') &&
			       (strncasecmp(text, "https://", strlen("https://")) == 0 ||
				       strncasecmp(text, "http://", strlen("http://")) == 0)
		       ? text
		       : NULL;
}

/* Milliseconds; 0 where there are none to be had. */
static int64_t read_ms(const cJSON *object, const char *name)
{
	double seconds = answer_seconds(object, name);

	if (seconds <= 0) {
		return 0;
	}
	return seconds < SETTINGS_LIFETIME_MAX_S ? (int64_t)(seconds * 1000)
						 : SETTINGS_LIFETIME_MAX_S * INT64_C(1000);
}

/* Takes the codes out of the answer. Returns why not, a clause. */
static const char *take_codes(const cJSON *object, struct grant_device_codes *codes)
{
	const char *device_code = read_text(object, "device_code", GRANT_DEVICE_CODE_MAX);
	const char *user_code = read_text(object, "user_code", GRANT_DEVICE_USER_CODE_MAX);
	const char *uri = read_uri(object, "verification_uri");
	const char *complete = read_uri(object, "verification_uri_complete");

	if (!uri) {
		uri = read_uri(object, "verification_url"); /* what Google calls it */
	}
	codes->lifetime_ms = read_ms(object, "expires_in");
	codes->interval_ms = read_ms(object, "interval");
	if (!device_code || !user_code) {
		return "it has no device_code and user_code, or such that nobody could enter";
	}
	if (!uri) {
		return "it has no verification_uri that a browser could open";
	}
	if (codes->lifetime_ms == 0) {
		return "its expires_in is no number of seconds above 0";
	}
	codes->device_code = secret_new(device_code, strlen(device_code));
	codes->user_code = strdup(user_code);
	codes->verification_uri = strdup(uri);
	codes->verification_uri_complete = complete ? strdup(complete) : NULL;
	if (!codes->device_code || !codes->user_code || !codes->verification_uri ||
		(complete && !codes->verification_uri_complete)) {
		return "there is no memory to keep it";
	}
	return NULL;
}

void grant_device_judge(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, struct grant_device_codes *ret_codes,
	struct grant_result *result)
{
	const char *why;
	cJSON *object;

	*ret_codes = (struct grant_device_codes){0};
	grant_judge_other(settings, input, answer, result);
	if (result->verdict != GRANT_GRANTED) {
		return;
	}
	object = cJSON_ParseWithLengthOpts(answer->body, answer->body_len + 1, NULL, true);
	why = take_codes(object, ret_codes);
	cJSON_Delete(object);
	if (why) {
		grant_device_codes_done(ret_codes);
		grant_fail(result, GRANT_TEMPORARY,
			"The login server %s answered HTTP %d, but the answer cannot be used: %s",
			settings->token_host, answer->status, why);
	}
}

void grant_device_codes_done(struct grant_device_codes *codes)
{
	secret_free(codes->device_code);
	free(codes->user_code);
	free(codes->verification_uri);
	free(codes->verification_uri_complete);
	*codes = (struct grant_device_codes){0};
}
