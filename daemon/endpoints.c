#include "endpoints.h"

#include <string.h>
#include <unistd.h>

#include "auth_provider.h"
#include "call.h"
#include "core/broker.h"
#include "core/quota.h"
#include "core/settings.h"
#include "events.h"
#include "explain.h"
#include "plant.h"
#include "proto/message.h"
#include "sign_in.h"
#include "sign_in_device.h"
#include "view.h"

enum {
	MIN_VALIDITY_MAX_S = 1000000000, /* anything above counts as this; 75 % of a lifetime is the
					    limit anyway */
};

static bool check_jwt_token(struct call *call)
{
	const struct parameter *min_validity = call->given[PARAMETER_MIN_VALIDITY];

	return !min_validity || min_validity->number >= 0 ||
	       call_fail(call, ERROR_INVALID_REQUEST,
		       "minValidity has to be a number of seconds, 0 or more");
}

static void get_jwt_token(struct call *call)
{
	const struct parameter *min_validity = call->given[PARAMETER_MIN_VALIDITY];
	const struct parameter *rejected = call->given[PARAMETER_REJECTED_TOKEN];
	struct broker_want want = {0};
	struct answer outcome;

	if (min_validity) {
		want.min_validity_ms = min_validity->number < MIN_VALIDITY_MAX_S
					       ? (int64_t)(min_validity->number * 1000)
					       : MIN_VALIDITY_MAX_S * INT64_C(1000);
	}
	if (rejected) {
		want.rejected = rejected->value.text;
		want.rejected_len = rejected->value.len;
	}
	outcome = broker_get(call->shared->broker, call->profile, &want, call->now_ms);
	call_answer_outcome(call, &outcome);
}

static void refresh(struct call *call)
{
	struct answer outcome = broker_refresh(call->shared->broker, call->profile, call->now_ms);

	call_answer_outcome(call, &outcome);
}

static void logout(struct call *call)
{
	struct answer outcome;

	if (call_may_wait(call)) {
		outcome = broker_logout(call->shared->broker, call->profile, call->now_ms);
		call_answer_outcome(call, &outcome);
	}
}

static void get_token_info(struct call *call)
{
	call_answer_data(call, view_profile(call->profile, call_wall_offset(call->shared)));
}

static void get_allowed_services(struct call *call);

static void add_counter(cJSON *object, const char *name, uint64_t value)
{
	cJSON_AddItemToObject(object, name, view_number((int64_t)value));
}

static cJSON *view_counters(const struct call_shared *shared)
{
	const struct broker_counters upstream = broker_counters(shared->broker);
	cJSON *object = cJSON_CreateObject();
	cJSON *errors = cJSON_CreateObject();

	add_counter(object, "requests", shared->requests);
	add_counter(object, "tokensHandedOut", shared->tokens);
	add_counter(object, "waiting", quota_waiters(shared->quota));
	add_counter(object, "upstreamRequests", upstream.attempts);
	add_counter(object, "upstreamTokens", upstream.tokens);
	add_counter(object, "upstreamFailures", upstream.failures);
	for (enum error_code code = 0; code < ERROR_CODES; code++) {
		add_counter(errors, error_name(code), shared->errors[code]);
	}
	cJSON_AddItemToObject(object, "errors", errors);
	return object;
}

static void get_status(struct call *call)
{
	struct call_shared *shared = call->shared;
	int64_t offset = call_wall_offset(shared);
	struct profile *const *profiles;
	size_t n = broker_profiles(shared->broker, &profiles);
	cJSON *data = cJSON_CreateObject();
	cJSON *list = cJSON_CreateArray();

	cJSON_AddStringToObject(data, "version", GCTOKEND_VERSION);
	add_counter(data, "pid", (uint64_t)getpid());
	cJSON_AddItemToObject(data, "startedAt", view_time(shared->started_ms, offset));
	add_counter(data, "connections", quota_connections(shared->quota));
	cJSON_AddItemToObject(data, "counters", view_counters(shared));
	for (size_t i = 0; i < n; i++) {
		if (access_allows(profiles[i]->settings->allow, &call->session->who,
			    ACCESS_GET_TOKEN_INFO)) {
			cJSON_AddItemToArray(list, view_profile(profiles[i], offset));
		}
	}
	cJSON_AddItemToObject(data, "profiles", list);
	call_answer_data(call, data);
}

static bool may_reload(const struct call *call)
{
	return call->session->who.privileged ||
	       access_allows(call->shared->ops->rules(call->shared->context), &call->session->who,
		       ACCESS_RELOAD);
}

static void reload(struct call *call)
{
	const char *why;
	cJSON *data;

	if (!may_reload(call)) {
		call_fail(call, ERROR_ACCESS_DENIED,
			"You may not call system.reload; root, the daemon's user and those in "
			"[daemon] allow may");
		return;
	}
	why = call->shared->ops->reload(call->shared->context);
	if (why) {
		call_answer_error(call->shared, call->session, call->request->head,
			call->request->head_len, ERROR_INTERNAL, why, 0);
		return;
	}
	data = cJSON_CreateObject();
	cJSON_AddNumberToObject(data, "profiles",
		(double)broker_profiles(call->shared->broker, &(struct profile *const *){NULL}));
	call_answer_data(call, data);
}

enum {
	PROFILE = 1 << PARAMETER_PROFILE,
	MIN_VALIDITY = 1 << PARAMETER_MIN_VALIDITY,
	REJECTED_TOKEN = 1 << PARAMETER_REJECTED_TOKEN,
	REDIRECT_URI = 1 << PARAMETER_REDIRECT_URI,
	STATE = 1 << PARAMETER_STATE,
	CODE = 1 << PARAMETER_CODE,
	CODE_VERIFIER = 1 << PARAMETER_CODE_VERIFIER,
	OPENID = 1 << PARAMETER_ID_TOKEN | 1 << PARAMETER_NONCE | 1 << PARAMETER_MAX_AGE |
		 1 << PARAMETER_ISS,
	REFUSAL = 1 << PARAMETER_ERROR | 1 << PARAMETER_ERROR_DESCRIPTION,
	TOKEN = 1 << PARAMETER_TOKEN,
	SUBJECT = 1 << PARAMETER_UID | 1 << PARAMETER_GIDS | 1 << PARAMETER_UNIT,
	COMMANDS = 1 << PARAMETER_COMMANDS,
	NEWS = 1 << PARAMETER_EVENT | 1 << PARAMETER_DATA,
	USER_CODE = 1 << PARAMETER_USER_CODE,
	SUBSCRIPTION = 1 << PARAMETER_PROFILES | 1 << PARAMETER_EVENTS | 1 << PARAMETER_WITH_TOKEN,
	EXPIRY = 1 << PARAMETER_EXPIRATION | 1 << PARAMETER_EXPIRES_IN,
};

static const struct endpoint endpoints[] = {
	{"auth.getJwtToken", ACCESS_GET_JWT_TOKEN, PROFILE | MIN_VALIDITY | REJECTED_TOKEN,
		check_jwt_token, get_jwt_token},
	{"auth.getTokenInfo", ACCESS_GET_TOKEN_INFO, PROFILE, NULL, get_token_info},
	{"auth.refresh", ACCESS_REFRESH, PROFILE, NULL, refresh},
	{"auth.logout", ACCESS_LOGOUT, PROFILE, NULL, logout},
	{"auth.getAuthorizeUrl", ACCESS_GET_AUTHORIZE_URL, PROFILE | REDIRECT_URI | STATE,
		sign_in_check_url, sign_in_url},
	{"auth.authorize", ACCESS_AUTHORIZE,
		PROFILE | CODE | STATE | REDIRECT_URI | CODE_VERIFIER | OPENID | REFUSAL | TOKEN |
			EXPIRY,
		sign_in_check_code, sign_in_code},
	{"auth.setAccessToken", ACCESS_SET_ACCESS_TOKEN, PROFILE | TOKEN | EXPIRY,
		plant_check_access_token, plant_access_token},
	{"auth.signIn", ACCESS_SIGN_IN, PROFILE, NULL, sign_in_ask},
	{"auth.getUserCode", ACCESS_AUTHORIZE_DEVICE, PROFILE, NULL, sign_in_device_codes},
	{"auth.authorizeDevice", ACCESS_AUTHORIZE_DEVICE, PROFILE | USER_CODE, sign_in_device_check,
		sign_in_device},
	{"authProvider.register", ACCESS_REGISTER, PROFILE | COMMANDS, auth_provider_check_register,
		auth_provider_register},
	{"authProvider.ready", ACCESS_REGISTER, PROFILE, NULL, auth_provider_ready},
	{"authProvider.publish", ACCESS_REGISTER, PROFILE | NEWS, auth_provider_check_publish,
		auth_provider_publish},
	{"events.subscribe", ACCESS_SUBSCRIBE, SUBSCRIPTION, events_check, events_subscribe},
	{"events.unsubscribe", ACCESS_SUBSCRIBE, 0, NULL, events_unsubscribe},
	{"system.getAllowedServices", ACCESS_RIGHTS, 0, NULL, get_allowed_services},
	{"system.getStatus", ACCESS_RIGHTS, 0, NULL, get_status},
	{"system.explain", ACCESS_RIGHTS, PROFILE | SUBJECT, explain_check, explain},
	{"system.reload", ACCESS_RIGHTS, 0, NULL, reload},
};

enum { ENDPOINTS = sizeof(endpoints) / sizeof(*endpoints) };

const struct endpoint *endpoints_find(const char *name)
{
	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (strcmp(endpoints[i].name, name) == 0) {
			return &endpoints[i];
		}
	}
	return NULL;
}

bool endpoints_configures(const struct call *call)
{
	return call->endpoint && call->endpoint->handle == reload && may_reload(call);
}

unsigned endpoints_rights(void)
{
	unsigned rights = 0;

	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (endpoints[i].right != ACCESS_RIGHTS) {
			rights |= 1U << endpoints[i].right;
		}
	}
	return rights;
}

/* granted: what the caller may do with any of the profiles. */
static bool may_call(const struct call *call, const struct endpoint *endpoint, unsigned granted)
{
	if (endpoint->handle == reload) {
		return may_reload(call);
	}
	if (endpoint->handle == explain) {
		return granted != 0;
	}
	return endpoint->right == ACCESS_RIGHTS || (granted >> endpoint->right & 1);
}

static void get_allowed_services(struct call *call)
{
	struct profile *const *profiles;
	size_t n = broker_profiles(call->shared->broker, &profiles);
	unsigned granted = 0, known = call->shared->rights;
	cJSON *data = cJSON_CreateObject();
	cJSON *services = cJSON_AddArrayToObject(data, "services");
	cJSON *names = cJSON_AddArrayToObject(data, "profiles");

	for (size_t i = 0; i < n; i++) {
		unsigned rights = access_rights(profiles[i]->settings->allow, &call->session->who) &
				  known;

		granted |= rights;
		if (rights != 0) {
			cJSON_AddItemToArray(
				names, cJSON_CreateString(profiles[i]->settings->name));
		}
	}
	for (size_t i = 0; i < ENDPOINTS; i++) {
		bool allowed = may_call(call, &endpoints[i], granted);

		if (allowed) {
			cJSON_AddItemToArray(services, cJSON_CreateString(endpoints[i].name));
		}
	}
	call_answer_data(call, data);
}
