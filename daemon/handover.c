#include "handover.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "core/device.h"
#include "core/secret.h"
#include "core/token.h"
#include "identity.h"
#include "io/sign.h"

static const char *const verdicts[] = {
	[GRANT_NONE] = "none",
	[GRANT_GRANTED] = "granted",
	[GRANT_TEMPORARY] = "temporary",
	[GRANT_PERMANENT] = "permanent",
	[GRANT_LOGIN_REQUIRED] = "login_required",
};

/* ---- writing */

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (text) {
		cJSON_AddStringToObject(object, name, text);
	}
}

/* Times that never were and never will be are left out. */
static void add_time(cJSON *object, const char *name, int64_t at_ms)
{
	if (at_ms != INT64_MIN && at_ms != INT64_MAX) {
		cJSON_AddNumberToObject(object, name, (double)at_ms);
	}
}

static void add_count(cJSON *object, const char *name, uint64_t count)
{
	if (count > 0) {
		cJSON_AddNumberToObject(object, name, (double)count);
	}
}

static void add_flag(cJSON *object, const char *name, bool value)
{
	if (value) {
		cJSON_AddTrueToObject(object, name);
	}
}

static void add_token(cJSON *object, const char *name, const struct token *token)
{
	cJSON *item;

	if (token) {
		item = cJSON_AddObjectToObject(object, name);
		cJSON_AddStringToObject(item, "value", secret_reveal(token->value));
		add_time(item, "sent", token->sent_ms);
		add_time(item, "lifetime", token->lifetime_ms);
		add_time(item, "refreshIn", token->refresh_in_ms);
		add_time(item, "refresh", token->refresh_ms);
		add_flag(item, "rejected", token->rejected);
	}
}

static void add_answer(cJSON *object, const struct profile_answer *answer)
{
	cJSON *item;

	if (answer->status > 0) {
		item = cJSON_AddObjectToObject(object, "lastAnswer");
		add_count(item, "status", (unsigned)answer->status);
		add_text(item, "correlationId", answer->correlation_id);
		add_time(item, "at", answer->at_ms);
		add_time(item, "duration", answer->duration_ms);
	}
}

static void add_error(cJSON *object, const struct profile_error *error)
{
	cJSON *item;

	if (error->verdict != GRANT_NONE) {
		item = cJSON_AddObjectToObject(object, "lastError");
		add_text(item, "verdict", verdicts[error->verdict]);
		add_text(item, "message", error->message);
		add_text(item, "upstreamError", error->upstream_error);
		add_text(item, "correlationId", error->correlation_id);
		add_count(item, "status", (unsigned)error->upstream_status);
		add_time(item, "at", error->at_ms);
	}
}

static void add_authorizations(cJSON *object, const struct authorize_list *list)
{
	const struct authorize *pending;
	cJSON *array = cJSON_AddArrayToObject(object, "authorizations");

	TAILQ_FOREACH (pending, list, link) {
		cJSON *item = cJSON_CreateObject();

		add_count(item, "uid", pending->uid);
		add_time(item, "expires", pending->expires_ms);
		add_text(item, "state", pending->state);
		add_text(item, "redirectUri", pending->redirect_uri);
		add_text(item, "verifier", secret_reveal(pending->verifier));
		cJSON_AddItemToArray(array, item);
	}
}

/* One whose codes have not come yet begins anew. */
static void add_device(cJSON *object, const struct device *device)
{
	cJSON *item;

	if (!device || !device->codes.user_code) {
		return;
	}
	item = cJSON_AddObjectToObject(object, "device");
	add_text(item, "userCode", device->codes.user_code);
	add_text(item, "verificationUri", device->codes.verification_uri);
	add_text(item, "verificationUriComplete", device->codes.verification_uri_complete);
	add_time(item, "expires", device->expires_ms);
	add_time(item, "interval", device->interval_ms);
	add_time(item, "poll", device->poll_ms);
	if (device->step == DEVICE_ENDED) {
		add_text(item, "verdict", verdicts[device->verdict]);
		add_text(item, "message", device->message);
	} else {
		add_text(item, "deviceCode", secret_reveal(device->codes.device_code));
	}
}

/* By which other credentials are known as such: a hash of all that settings_same_credentials()
 * compares. "" when there is no memory. */
static void hash_credentials(const struct settings *settings, char ret_hash[SIGN_HASH_SIZE])
{
	char hashes[SETTINGS_SECRETS + 1][SIGN_HASH_SIZE] = {0};
	struct secret *all;

	for (int i = 0; i < SETTINGS_SECRETS; i++) {
		if (settings->secrets[i].value &&
			sign_hash(settings->secrets[i].value, hashes[i]) < 0) {
			*ret_hash = '\0';
			return;
		}
	}
	snprintf(hashes[SETTINGS_SECRETS], SIGN_HASH_SIZE, "%d %d %s", settings->client_auth,
		settings->signing_alg, settings->private_key_id ? settings->private_key_id : "");
	all = secret_new((const char *)hashes, sizeof(hashes));
	if (!all || sign_hash(all, ret_hash) < 0) {
		*ret_hash = '\0';
	}
	secret_free(all);
}

static bool is_sent(const struct attempt *attempt)
{
	return attempt && attempt->step == ATTEMPT_SENT && !attempt->code;
}

static cJSON *write_object(const struct profile *profile)
{
	cJSON *object = cJSON_CreateObject();
	char credentials[SIGN_HASH_SIZE];

	hash_credentials(profile->settings, credentials);
	add_text(object, "name", profile->settings->name);
	cJSON_AddItemToObject(object, "identity", identity_write(profile->settings));
	add_text(object, "tokenUrl", profile->settings->token_url);
	add_text(object, "credentials", credentials);
	add_count(object, "generation", profile->generation);
	add_token(object, "token", profile->token);
	add_text(object, "verdict", verdicts[profile->verdict]);
	add_count(object, "failures", profile->failures);
	add_flag(object, "loggedOut", profile->login.logged_out);
	add_flag(object, "repeated", profile->repeated);
	add_flag(object, "inFlight", is_sent(profile->attempt));
	add_time(object, "due", profile->due_ms);
	add_time(object, "started", profile->started_ms);
	add_time(object, "rejectedAt", profile->rejected_ms);
	add_time(object, "askedAt", profile->asked_ms);
	add_answer(object, &profile->last_answer);
	add_error(object, &profile->last_error);
	add_authorizations(object, &profile->authorizations);
	add_device(object, profile->device);
	return object;
}

struct secret *handover_write(const struct profile *profile)
{
	cJSON *object = write_object(profile);
	char *text = cJSON_PrintUnformatted(object);
	size_t len = text ? strlen(text) : 0;
	struct secret *line = NULL;

	if (text) {
		text[len] = '\n'; /* in the place of its NUL */
		line = secret_new(text, len + 1);
	}
	cJSON_free(text);
	cJSON_Delete(object);
	return line;
}

/* ---- reading */

static const char *get_text(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int64_t get_number(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : otherwise;
}

static bool get_flag(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* GRANT_NONE for what is none. */
static enum grant_verdict get_verdict(const cJSON *object)
{
	const char *text = get_text(object, "verdict");

	for (int i = 0; text && i < (int)(sizeof(verdicts) / sizeof(*verdicts)); i++) {
		if (strcmp(verdicts[i], text) == 0) {
			return (enum grant_verdict)i;
		}
	}
	return GRANT_NONE;
}

/* Copies a text; false when there is none to copy, or no memory. */
static bool take_text(const cJSON *object, const char *name, char **ret)
{
	const char *text = get_text(object, name);

	*ret = text ? strdup(text) : NULL;
	return *ret;
}

static struct secret *take_secret(const cJSON *object, const char *name)
{
	const char *text = get_text(object, name);

	return text ? secret_new(text, strlen(text)) : NULL;
}

/* False when there is one that cannot be read. */
static bool read_token(const cJSON *object, const char *name, struct token **ret)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	int64_t lifetime_ms = get_number(item, "lifetime", 0);
	struct secret *value = lifetime_ms > 0 ? take_secret(item, "value") : NULL;

	*ret = value ? token_new(value, get_number(item, "sent", 0), lifetime_ms) : NULL;
	if (*ret) {
		(*ret)->refresh_in_ms = get_number(item, "refreshIn", 0);
		(*ret)->refresh_ms = get_number(item, "refresh", 0);
		(*ret)->rejected = get_flag(item, "rejected");
	}
	return *ret || !item;
}

static void read_answer(const cJSON *object, struct profile_answer *answer)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "lastAnswer");

	if (item) {
		answer->status = (int)get_number(item, "status", 0);
		take_text(item, "correlationId", &answer->correlation_id);
		answer->at_ms = get_number(item, "at", 0);
		answer->duration_ms = get_number(item, "duration", 0);
	}
}

static void read_error(const cJSON *object, struct profile_error *error)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "lastError");

	if (item) {
		error->verdict = get_verdict(item);
		take_text(item, "message", &error->message);
		take_text(item, "upstreamError", &error->upstream_error);
		take_text(item, "correlationId", &error->correlation_id);
		error->upstream_status = (int)get_number(item, "status", 0);
		error->at_ms = get_number(item, "at", 0);
	}
}

static bool read_authorizations(const cJSON *object, struct authorize_list *list)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, "authorizations");
	const cJSON *item;

	cJSON_ArrayForEach (item, array) {
		struct authorize *pending = calloc(1, sizeof(*pending));

		if (!pending) {
			return false;
		}
		TAILQ_INSERT_TAIL(list, pending, link);
		pending->uid = (uid_t)get_number(item, "uid", 0);
		pending->expires_ms = get_number(item, "expires", 0);
		pending->verifier = take_secret(item, "verifier");
		if (!pending->verifier || !take_text(item, "state", &pending->state) ||
			!take_text(item, "redirectUri", &pending->redirect_uri)) {
			return false;
		}
	}
	return true;
}

static bool read_device(const cJSON *object, struct profile *profile)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "device");
	const char *message = get_text(item, "message");
	struct device *device;

	if (!item) {
		return true;
	}
	device = device_new(profile->settings, 0);
	if (!device) {
		return false;
	}
	profile->device = device;
	device->expires_ms = get_number(item, "expires", 0);
	device->interval_ms = get_number(item, "interval", DEVICE_INTERVAL_MS);
	device->poll_ms = get_number(item, "poll", 0);
	device->step = DEVICE_PENDING;
	take_text(item, "verificationUriComplete", &device->codes.verification_uri_complete);
	if (!take_text(item, "userCode", &device->codes.user_code) ||
		!take_text(item, "verificationUri", &device->codes.verification_uri)) {
		return false;
	}
	if (get_verdict(item) != GRANT_NONE) {
		device_end(device, get_verdict(item), message, 0);
		return true;
	}
	device->codes.device_code = take_secret(item, "deviceCode");
	return device->codes.device_code;
}

static bool read_profile(const cJSON *object, struct profile *profile)
{
	profile->generation = (uint64_t)get_number(object, "generation", 0);
	profile->verdict = get_verdict(object);
	profile->failures = (unsigned)get_number(object, "failures", 0);
	profile->login.logged_out = get_flag(object, "loggedOut");
	profile->repeated = get_flag(object, "repeated");
	profile->due_ms = get_number(object, "due", PROFILE_NEVER);
	profile->started_ms = get_number(object, "started", INT64_MIN);
	profile->rejected_ms = get_number(object, "rejectedAt", INT64_MIN);
	profile->asked_ms = get_number(object, "askedAt", INT64_MIN);
	read_answer(object, &profile->last_answer);
	read_error(object, &profile->last_error);
	return read_token(object, "token", &profile->token) &&
	       read_authorizations(object, &profile->authorizations) &&
	       read_device(object, profile);
}

static int read_past(const cJSON *object, struct settings *settings, struct past *past)
{
	const char *credentials = get_text(object, "credentials");
	char hash[SIGN_HASH_SIZE];

	past->profile = profile_new(settings_ref(settings));
	if (!past->profile) {
		return -ENOMEM;
	}
	hash_credentials(settings, hash);
	past->in_flight = get_flag(object, "inFlight");
	past->new_credentials = !credentials || strcmp(credentials, hash) != 0;
	return read_profile(object, past->profile) ? 0 : -EINVAL;
}

/* Whether what there is of the profile may be gone on with: with a session, its refresh token has
 * to go to the same place too. */
static bool is_of(const cJSON *object, const struct settings *settings)
{
	const char *token_url = get_text(object, "tokenUrl");

	return identity_is(cJSON_GetObjectItemCaseSensitive(object, "identity"), settings) &&
	       (!(settings->grant->parts & GRANT_SESSION) ||
		       (token_url && settings->token_url &&
			       strcmp(token_url, settings->token_url) == 0));
}

static int read_object(const cJSON *object, const struct broker *broker, struct handover *handover)
{
	const char *name = get_text(object, "name");
	int r;

	if (!name || strlen(name) > SETTINGS_NAME_MAX) {
		return -EINVAL;
	}
	snprintf(handover->name, sizeof(handover->name), "%s", name);
	handover->profile = broker_find(broker, name);
	if (!handover->profile) {
		return HANDOVER_UNKNOWN;
	}
	if (!is_of(object, handover->profile->settings)) {
		return HANDOVER_FOREIGN;
	}
	r = read_past(object, handover->profile->settings, &handover->past);
	if (r < 0) {
		past_done(&handover->past);
	}
	return r;
}

int handover_read(
	const char *line, size_t len, const struct broker *broker, struct handover *ret_handover)
{
	cJSON *object = cJSON_ParseWithLength(line, len);
	int r;

	*ret_handover = (struct handover){0};
	r = read_object(object, broker, ret_handover);
	cJSON_Delete(object);
	return r;
}
