#include "device.h"

#include "answer.h"
#include "client.h"
#include "codec.h"
#include "json.h"
#include "mem.h"
#include "oauth.h"
#include "server.h"
#include "state.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEVICES_MAX     4096
#define DEVICE_CODE_LEN 43
#define USER_CODE_HALF  4
#define SLOW_DOWN_MS    5000 /* RFC 8628 section 3.5 */
#define EARLY_MS        50   /* by which a poll may come too soon */

enum decision { PENDING, APPROVED, DENIED, EXPIRED, USED };

static const char *const decision_names[] = {"pending", "approved", "denied", "expired", "used"};

struct device {
	char *device_code, *user_code;
	char *scope; /* NULL: none */
	const struct client *client;
	enum decision decision;
	int64_t expires_ms, interval_ms;
	int64_t polled_ms; /* the last time; 0: never */
	int polls, early;  /* so far; those that were told to slow down */
};

struct device_store {
	struct device devices[DEVICES_MAX];
	int count;
};

struct device_store *device_store_new(void)
{
	return mem_new(sizeof(struct device_store));
}

void device_store_free(struct device_store *store)
{
	for (int i = 0; store && i < store->count; i++) {
		free(store->devices[i].device_code);
		free(store->devices[i].user_code);
		free(store->devices[i].scope);
	}
	free(store);
}

static int64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* As people can read it to each other. */
static char *make_user_code(void)
{
	static const char letters[] = "BCDFGHJKLMNPQRSTVWXZ"; /* RFC 8628 section 6.1 */
	char *code = codec_random((size_t)2 * USER_CODE_HALF + 1);
	for (int i = 0; i < 2 * USER_CODE_HALF + 1; i++) {
		code[i] = letters[(unsigned char)code[i] % strlen(letters)];
	}
	code[USER_CODE_HALF] = '-';
	return code;
}

static struct device *device_begin(
	struct device_store *store, const struct client *client, const char *scope)
{
	struct device *device = &store->devices[store->count++];
	*device = (struct device){
		.device_code = codec_random(DEVICE_CODE_LEN),
		.user_code = make_user_code(),
		.scope = scope ? mem_strdup(scope) : NULL,
		.client = client,
		.expires_ms = clock_ms() + client->device_expires_in * 1000,
		.interval_ms = client->device_interval * 1000,
	};
	return device;
}

static struct answer *answer_device(
	const struct client *client, const struct device *device, const char *issuer)
{
	struct answer *answer = answer_new(200);
	cJSON *json = cJSON_CreateObject();
	char *uri = mem_printf("%s/device", issuer);
	char *complete = mem_printf("%s?user_code=%s", uri, device->user_code);
	cJSON_AddStringToObject(json, "device_code", device->device_code);
	cJSON_AddStringToObject(json, "user_code", device->user_code);
	cJSON_AddStringToObject(json, "verification_uri", uri);
	cJSON_AddStringToObject(json, "verification_uri_complete", complete);
	cJSON_AddNumberToObject(json, "expires_in", (double)client->device_expires_in);
	cJSON_AddNumberToObject(json, "interval", (double)client->device_interval);
	answer_set_json(answer, json);
	answer_set_header(answer, "Cache-Control", "no-store");
	free(uri);
	free(complete);
	cJSON_Delete(json);
	return answer;
}

struct answer *device_authorization(struct state *state, const struct server_request *request)
{
	const char *wrong = NULL;
	struct client_auth auth;
	cJSON *fields = oauth_form(request, &wrong);
	char *issuer = oauth_issuer(state, request, DEVICE_PATH);
	struct answer *answer;
	oauth_authenticate(state, request, issuer, fields, &auth);
	if (strcmp(request->method, "POST") != 0) {
		answer = answer_error(405, "invalid_request", "POST is needed");
		answer_set_header(answer, "Allow", "POST");
	} else if (wrong) {
		answer = answer_error(400, "invalid_request", wrong);
	} else if (!auth.proven) {
		answer = answer_error(400, "invalid_client", auth.wrong);
	} else if (state->devices->count == DEVICES_MAX) {
		answer = answer_error(503, "temporarily_unavailable", "too many devices");
	} else {
		answer = answer_device(auth.client,
			device_begin(state->devices, auth.client, json_string(fields, "scope")),
			issuer);
	}
	client_auth_done(&auth);
	free(issuer);
	cJSON_Delete(fields);
	return answer;
}

static struct device *find(
	struct device_store *store, const struct client *client, const char *device_code)
{
	for (int i = 0; device_code && i < store->count; i++) {
		if (store->devices[i].client == client &&
			strcmp(store->devices[i].device_code, device_code) == 0) {
			return &store->devices[i];
		}
	}
	return NULL;
}

static const char *poll_pending(struct device *device, int64_t now_ms)
{
	bool is_early = device->polled_ms > 0 &&
			now_ms - device->polled_ms < device->interval_ms - EARLY_MS;
	device->polled_ms = now_ms;
	if (!is_early) {
		return "authorization_pending";
	}
	device->early++;
	device->interval_ms += SLOW_DOWN_MS;
	return "slow_down";
}

const char *device_redeem(
	struct device_store *store, const struct client *client, const cJSON *fields)
{
	struct device *device = find(store, client, json_string(fields, "device_code"));
	int64_t now_ms = clock_ms();
	if (!device) {
		return "invalid_grant";
	}
	device->polls++;
	if (device->decision == PENDING && device->expires_ms <= now_ms) {
		device->decision = EXPIRED;
	}
	switch (device->decision) {
	case PENDING:
		return poll_pending(device, now_ms);
	case APPROVED:
		device->decision = USED;
		return NULL;
	case DENIED:
		return "access_denied";
	case EXPIRED:
		return "expired_token";
	case USED:
		break;
	}
	return "invalid_grant";
}

bool device_decide(struct device_store *store, const char *user_code, const char *decision)
{
	static const char *const names[] = {
		[APPROVED] = "approve", [DENIED] = "deny", [EXPIRED] = "expire"};
	struct device *device = NULL;
	for (int i = 0; i < store->count; i++) {
		if (strcmp(store->devices[i].user_code, user_code) == 0) {
			device = &store->devices[i];
		}
	}
	if (!device || device->decision != PENDING) {
		return false;
	}
	for (int i = APPROVED; i <= EXPIRED; i++) {
		if (strcmp(names[i], decision) == 0) {
			device->decision = (enum decision)i;
			return true;
		}
	}
	return false;
}

cJSON *device_store_json(const struct device_store *store)
{
	cJSON *json = cJSON_CreateArray();
	for (int i = 0; i < store->count; i++) {
		const struct device *device = &store->devices[i];
		cJSON *item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "client_id", device->client->id);
		cJSON_AddStringToObject(item, "device_code", device->device_code);
		cJSON_AddStringToObject(item, "user_code", device->user_code);
		cJSON_AddItemToObject(item, "scope",
			device->scope ? cJSON_CreateString(device->scope) : cJSON_CreateNull());
		cJSON_AddStringToObject(item, "state", decision_names[device->decision]);
		cJSON_AddNumberToObject(item, "polls", device->polls);
		cJSON_AddNumberToObject(item, "early", device->early);
		cJSON_AddItemToArray(json, item);
	}
	return json;
}
