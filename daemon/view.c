#include "view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/device.h"
#include "core/event.h"
#include "core/profile.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/token.h"
#include "outcome.h"
#include "proto/escape.h"
#include "proto/message.h"

enum { GENERATION_SIZE = 48 /* of a member with that number */ };

static void free_rendered(void *rendered)
{
	payload_unref(rendered);
}

/* A tail with when the token expires, further members behind that, and the token if with_value;
 * NULL when there is no memory. */
static struct payload *render_token(
	const struct token *token, const char *more, bool with_value, int64_t wall_offset_ms)
{
	static const char before[] = "{\"expiration\":\"", between[] = ",\"jwtToken\":";
	size_t len = with_value ? secret_len(token->value) : 0;
	char expiration[MESSAGE_TIME_SIZE];
	struct payload *payload;
	char *text, *end;

	text = malloc(sizeof(before) + sizeof(expiration) + sizeof("\"") + strlen(more) +
		      sizeof(between) + ESCAPE_QUOTED_MAX(len) + sizeof("}"));
	if (!text) {
		return NULL;
	}
	message_time(expiration, token_expires(token) + wall_offset_ms);
	end = stpcpy(stpcpy(stpcpy(stpcpy(text, before), expiration), "\""), more);
	if (with_value) {
		end = stpcpy(end, between);
		end += escape_quote(end, secret_reveal(token->value), len);
	}
	*end++ = '}';
	payload = message_data_text(text, (size_t)(end - text));
	explicit_bzero(text, (size_t)(end - text));
	free(text);
	return payload;
}

/* Kept by the token. */
static struct payload *render_once(struct token *token, enum token_rendering rendering,
	const char *more, int64_t wall_offset_ms)
{
	if (!token->rendered[rendering]) {
		token->rendered[rendering] = render_token(
			token, more, rendering != TOKEN_TOLD_IN_EVENT, wall_offset_ms);
		token->free_rendered = free_rendered;
	}
	return token->rendered[rendering];
}

struct payload *view_token(struct token *token, int64_t wall_offset_ms)
{
	return render_once(token, TOKEN_IN_REPLY, "", wall_offset_ms);
}

struct payload *view_token_event(
	const struct profile *profile, bool with_value, int64_t wall_offset_ms)
{
	char generation[GENERATION_SIZE];

	snprintf(generation, sizeof(generation), ",\"generation\":%" PRIu64, profile->generation);
	return render_once(profile->token, with_value ? TOKEN_IN_EVENT : TOKEN_TOLD_IN_EVENT,
		generation, wall_offset_ms);
}

cJSON *view_time(int64_t at_ms, int64_t wall_offset_ms)
{
	char text[MESSAGE_TIME_SIZE];

	if (at_ms == INT64_MIN || at_ms == INT64_MAX) {
		return cJSON_CreateNull();
	}
	message_time(text, at_ms + wall_offset_ms);
	return cJSON_CreateString(text);
}

static cJSON *string_or_null(const char *text)
{
	return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

cJSON *view_number(int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, number);
	return cJSON_CreateRaw(text);
}

static cJSON *number_or_null(int number)
{
	return number != 0 ? view_number(number) : cJSON_CreateNull();
}

static cJSON *view_answer(const struct profile_answer *answer, int64_t wall_offset_ms)
{
	cJSON *object;

	if (answer->status == 0) {
		return cJSON_CreateNull();
	}
	object = cJSON_CreateObject();
	cJSON_AddItemToObject(object, "status", view_number(answer->status));
	cJSON_AddItemToObject(object, "correlationId", string_or_null(answer->correlation_id));
	cJSON_AddItemToObject(object, "at", view_time(answer->at_ms, wall_offset_ms));
	cJSON_AddItemToObject(object, "durationMs", view_number(answer->duration_ms));
	return object;
}

static cJSON *view_error(const struct profile_error *error, int64_t wall_offset_ms)
{
	cJSON *object;

	if (error->verdict == GRANT_NONE) {
		return cJSON_CreateNull();
	}
	object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "code", error_name(outcome_of_verdict(error->verdict)));
	cJSON_AddItemToObject(object, "message", string_or_null(error->message));
	cJSON_AddItemToObject(object, "upstreamError", string_or_null(error->upstream_error));
	cJSON_AddItemToObject(object, "upstreamStatus", number_or_null(error->upstream_status));
	cJSON_AddItemToObject(object, "correlationId", string_or_null(error->correlation_id));
	cJSON_AddItemToObject(object, "at", view_time(error->at_ms, wall_offset_ms));
	return object;
}

struct payload *view_event(const struct event_error *error)
{
	static const struct event_error none;
	cJSON *data = cJSON_CreateObject();

	cJSON_AddItemToObject(data, "code",
		string_or_null(error ? error_name(outcome_of_verdict(error->verdict)) : NULL));
	error = error ? error : &none;
	cJSON_AddItemToObject(data, "message", string_or_null(error->message));
	cJSON_AddItemToObject(data, "upstreamError", string_or_null(error->upstream_error));
	cJSON_AddItemToObject(data, "correlationId", string_or_null(error->correlation_id));
	return message_data(data);
}

cJSON *view_profile(const struct profile *profile, int64_t wall_offset_ms)
{
	const struct settings *settings = profile->settings;
	const struct token *token = profile->token;
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "profile", settings->name);
	cJSON_AddStringToObject(object, "grant", settings->grant->name);
	cJSON_AddStringToObject(object, "state", profile_state_name(profile_state(profile)));
	cJSON_AddItemToObject(object, "expiration",
		view_time(token ? token_expires(token) : INT64_MAX, wall_offset_ms));
	cJSON_AddItemToObject(
		object, "issuedAt", view_time(token ? token->sent_ms : INT64_MAX, wall_offset_ms));
	cJSON_AddItemToObject(object, "refreshAt", view_time(profile->due_ms, wall_offset_ms));
	cJSON_AddItemToObject(object, "generation", view_number((int64_t)profile->generation));
	cJSON_AddItemToObject(object, "waiters", view_number((int64_t)profile->waiters.n));
	cJSON_AddItemToObject(object, "consecutiveFailures", view_number(profile->failures));
	cJSON_AddItemToObject(object, "apiUrl", string_or_null(settings->api_url));
	cJSON_AddItemToObject(object, "loginUrl", string_or_null(settings->login_url));
	cJSON_AddItemToObject(object, "account",
		string_or_null(*profile->login.account ? profile->login.account : NULL));
	cJSON_AddItemToObject(
		object, "lastAnswer", view_answer(&profile->last_answer, wall_offset_ms));
	cJSON_AddItemToObject(
		object, "lastError", view_error(&profile->last_error, wall_offset_ms));
	return object;
}

cJSON *view_device(const struct device *device, int64_t wall_offset_ms)
{
	const struct grant_device_codes *codes = &device->codes;
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "userCode", codes->user_code);
	cJSON_AddStringToObject(object, "verificationUri", codes->verification_uri);
	cJSON_AddItemToObject(object, "verificationUriComplete",
		string_or_null(codes->verification_uri_complete));
	cJSON_AddItemToObject(object, "expiresAt", view_time(device->expires_ms, wall_offset_ms));
	return object;
}

cJSON *view_logout(
	const struct profile *profile, const struct answer *answer, int64_t wall_offset_ms)
{
	cJSON *object = view_profile(profile, wall_offset_ms);

	cJSON_AddBoolToObject(object, "revoked", answer->revoked);
	cJSON_AddItemToObject(object, "revocationError", string_or_null(answer->text));
	return object;
}
