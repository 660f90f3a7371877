#include "upstream.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "core/code.h"
#include "core/device.h"
#include "core/revocation.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/token.h"
#include "device_codes.h"
#include "exchange.h"
#include "io/clock.h"
#include "io/config_secret_file.h"
#include "io/http.h"
#include "io/log.h"
#include "io/sign.h"
#include "io/tls.h"
#include "keeper.h"
#include "outcome.h"
#include "revoker.h"
#include "sender.h"

struct upstream {
	struct tls *tls;
	struct http *http;
	struct sender *sender;
	struct keeper *keeper;
	struct broker *broker;
	const struct upstream_ops *ops;
	void *context;
};

/* ---- results */

static enum log_event_kind failure_kind(enum grant_verdict verdict)
{
	switch (verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
	case GRANT_TEMPORARY:
		break;
	case GRANT_PERMANENT:
		return LOG_EVENT_REJECTED;
	case GRANT_LOGIN_REQUIRED:
		return LOG_EVENT_LOGIN_REQUIRED;
	}
	return LOG_EVENT_REFRESH_FAILED;
}

/* next_ms: when the next attempt comes, PROFILE_NEVER: it comes to none. */
static void log_failure(
	const struct attempt *attempt, const struct grant_result *result, int64_t next_ms)
{
	struct log_event event = {
		.level = LOG_LEVEL_WARNING,
		.kind = failure_kind(result->verdict),
		.profile = attempt->settings->name,
		.error_code = error_name(outcome_of_verdict(result->verdict)),
		.correlation_id = exchange_correlation_id(result),
	};

	if (attempt->profile && provider_is_busy(&attempt->profile->provider)) {
		event.kind = LOG_EVENT_REFRESH_FAILED;
		log_event(&event, "%s; the provider is asked to %s", result->message,
			errand_name(attempt->profile->provider.errand.kind));
	} else if (next_ms == PROFILE_NEVER) {
		log_event(&event, "%s", result->message);
	} else {
		log_event(&event, "%s; next attempt in %" PRId64 " s", result->message,
			(next_ms - clock_now() + 999) / 1000);
	}
}

/* Somebody is still to sign in. */
static void log_poll(const struct attempt *attempt, const struct grant_result *result)
{
	struct log_event event = {
		.level = result->pending ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
		.profile = attempt->settings->name,
		.correlation_id = exchange_correlation_id(result),
	};

	log_event(&event, "%s; asked again in %" PRId64 " s", result->message,
		(attempt->profile->device->poll_ms - clock_now() + 999) / 1000);
}

static bool is_poll(const struct attempt *attempt)
{
	const struct profile *profile = attempt->profile;

	return profile && profile->device && profile->device->step == DEVICE_PENDING &&
	       attempt->code && attempt->code->origin == CODE_DEVICE;
}

static void log_result(
	void *context, const struct attempt *attempt, const struct grant_result *result)
{
	const struct profile *profile = attempt->profile;
	bool signs_in = attempt->code && attempt->code->origin != CODE_ORDERED;
	struct log_event event = {
		.level = LOG_LEVEL_INFO,
		.profile = attempt->settings->name,
		.correlation_id = exchange_correlation_id(result),
	};

	if (is_poll(attempt)) {
		log_poll(attempt, result);
	} else if (!profile || attempt->stale) {
		event.kind = LOG_EVENT_TOKEN_DISCARDED;
		log_event(&event,
			"an answer came after a change of the profile, and its token is not used");
	} else if (result->verdict == GRANT_GRANTED) {
		event.kind = LOG_EVENT_TOKEN_OBTAINED;
		log_event(&event, "%s token, valid for %" PRId64 " s",
			attempt->step == ATTEMPT_NOTING ? "stored" : "new",
			(token_expires(profile->token) - clock_now()) / 1000);
	} else {
		log_failure(attempt, result, signs_in ? PROFILE_NEVER : profile->due_ms);
	}
}

static void log_declined(void *context, const struct profile *profile, const char *why)
{
	log_event(
		&(struct log_event){
			.level = LOG_LEVEL_WARNING,
			.kind = LOG_EVENT_LOGIN_REQUIRED,
			.profile = profile->settings->name,
			.error_code = error_name(ERROR_LOGIN_REQUIRED),
		},
		"%s", why);
}

static void finish(struct attempt *attempt, struct grant_result *result)
{
	struct upstream *upstream = attempt->context;

	broker_finish(upstream->broker, attempt, result, clock_now());
	upstream->ops->changed(upstream->context);
}

static void on_stored(void *context, struct attempt *attempt, const char *why)
{
	struct upstream *upstream = context;

	broker_stored(upstream->broker, attempt, why, clock_now());
	upstream->ops->changed(upstream->context);
}

static struct grant_input input_of(const struct attempt *attempt)
{
	return (struct grant_input){
		.refresh_token = attempt->refresh_token,
		.code = attempt->code,
		.client_assertion = attempt->client_assertion,
		.resent = attempt->resent,
	};
}

static void judge(void *context, const struct answer_http *answer, struct grant_result *result)
{
	const struct attempt *attempt = context;
	struct grant_input input = input_of(attempt);

	grant_judge(attempt->settings, &input, answer, result);
}

static void on_answered(void *context, struct grant_result *result)
{
	struct attempt *attempt = context;

	finish(attempt, result);
}

static void on_noted(void *context, struct revocation *revocation, const char *why)
{
	struct upstream *upstream = context;

	broker_noted(upstream->broker, revocation, why, clock_now());
	upstream->ops->changed(upstream->context);
}

static const struct keeper_ops keeper_ops = {on_stored, on_noted};

/* ---- credentials */

/* A secret file is read anew for each attempt, so that one that was mended needs no reload. */
static bool read_secret(
	struct settings *settings, enum settings_secret_number number, char why[CREDENTIAL_WHY_MAX])
{
	struct settings_secret *secret = &settings->secrets[number];
	struct secret *value;

	if (!secret->file) {
		snprintf(why, CREDENTIAL_WHY_MAX, "%s", secret->problem ? secret->problem : "");
		return !secret->problem;
	}
	if (config_secret_file_read(number, secret->file, &value, why) < 0) {
		return false;
	}
	secret_free(secret->value);
	secret->value = value;
	return true;
}

/* A seed is needed once only: that it is gone is told when it is. */
static void read_seed(struct settings *settings)
{
	struct settings_secret *seed = &settings->secrets[SETTINGS_REFRESH_TOKEN];
	char why[CREDENTIAL_WHY_MAX];

	if (seed->file || seed->problem) {
		bool done = read_secret(settings, SETTINGS_REFRESH_TOKEN, why);
		char *problem = done ? NULL : strdup(why);

		free(seed->problem);
		seed->problem = problem;
	}
}

static bool prepare(void *context, struct settings *settings, char why[GRANT_MESSAGE_SIZE])
{
	for (int i = 0; i < SETTINGS_SECRETS; i++) {
		if (i == SETTINGS_REFRESH_TOKEN) {
			read_seed(settings);
		} else if (!read_secret(settings, (enum settings_secret_number)i, why)) {
			return false;
		}
	}
	return true;
}

static bool renewed(void *context, const struct settings *settings)
{
	static const enum settings_secret_number numbers[] = {
		SETTINGS_ASSERTION, SETTINGS_REFRESH_TOKEN};
	bool found = false;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		const struct settings_secret *secret = &settings->secrets[numbers[i]];
		char why[CREDENTIAL_WHY_MAX];
		struct secret *value;

		if (secret->file &&
			config_secret_file_read(numbers[i], secret->file, &value, why) == 0) {
			found |= !secret_equal(value, secret->value);
			secret_free(value);
		}
	}
	return found;
}

static bool hash(void *context, const struct secret *seed, char ret_hash[LOGIN_HASH_SIZE])
{
	return sign_hash(seed, ret_hash) == 0;
}

/* ---- requests */

static int build(void *context, struct grant_input *ret_input, struct grant_request *ret_request)
{
	const struct attempt *attempt = context;

	*ret_input = input_of(attempt);
	return grant_request_init(ret_request, attempt->settings, ret_input);
}

static void start_attempt(void *context, struct attempt *attempt)
{
	struct upstream *upstream = context;

	sender_send(upstream->sender, &(struct sender_order){
					      .settings = attempt->settings,
					      .sent_ms = attempt->sent_ms,
					      .client_assertion = &attempt->client_assertion,
					      .sending = &attempt->transfer,
					      .build = build,
					      .judge = judge,
					      .done = on_answered,
					      .context = attempt,
				      });
}

static void cancel_attempt(void *context, struct attempt *attempt)
{
	struct upstream *upstream = context;

	sender_cancel(attempt->transfer);
	keeper_forget(upstream->keeper, attempt);
}

static void store(void *context, struct attempt *attempt, const struct settings *settings,
	const struct login *login, const struct token *token)
{
	struct upstream *upstream = context;

	keeper_store(upstream->keeper, attempt, settings, login, token);
}

static bool load(void *context, const struct settings *settings, struct login *ret_login,
	struct token **ret_token, char why[GRANT_MESSAGE_SIZE])
{
	struct upstream *upstream = context;

	return keeper_load(upstream->keeper, settings, ret_login, ret_token, why);
}

static void ask(void *context, struct errand *errand)
{
	struct upstream *upstream = context;

	upstream->ops->ask(upstream->context, errand);
}

static void unask(void *context, struct errand *errand)
{
	struct upstream *upstream = context;

	upstream->ops->unask(upstream->context, errand);
}

static void on_codes(void *context, struct grant_result *result)
{
	struct device *device = context;
	struct upstream *upstream = device->context;

	device_codes_log(device, result);
	broker_device_answered(upstream->broker, device, result, clock_now());
	upstream->ops->changed(upstream->context);
}

static void ask_device(void *context, struct device *device)
{
	struct upstream *upstream = context;

	device_codes_ask(upstream->sender, device, on_codes);
}

static void unask_device(void *context, struct device *device)
{
	device_codes_cancel(device);
}

static void on_revoked(void *context, struct grant_result *result)
{
	struct revocation *revocation = context;
	struct upstream *upstream = revocation->context;

	broker_revoked(upstream->broker, revocation, result, clock_now());
	upstream->ops->changed(upstream->context);
}

static void revoke(void *context, struct revocation *revocation)
{
	struct upstream *upstream = context;

	revoker_send(upstream->sender, revocation, on_revoked);
}

static void note(void *context, struct revocation *revocation, const struct login *login)
{
	struct upstream *upstream = context;

	keeper_note(upstream->keeper, revocation, login);
}

static void leave(void *context, struct revocation *revocation)
{
	struct upstream *upstream = context;

	revoker_cancel(revocation);
	keeper_leave(upstream->keeper, revocation);
}

static void left(void *context, const struct revocation *revocation)
{
	revoker_log(revocation);
}

static uint32_t random_number(void *context)
{
	return arc4random();
}

static void news(void *context, const struct profile *profile, enum event_kind kind,
	const struct event_error *error)
{
	struct upstream *upstream = context;

	if (kind == EVENT_SIGNED_IN) {
		log_message(LOG_LEVEL_INFO, profile->settings->name, "somebody has signed in");
	}
	upstream->ops->news(upstream->context, profile, kind, error);
}

static const struct broker_ops broker_ops = {
	.prepare = prepare,
	.renewed = renewed,
	.start = start_attempt,
	.store = store,
	.load = load,
	.hash = hash,
	.cancel = cancel_attempt,
	.ended = log_result,
	.ask = ask,
	.unask = unask,
	.ask_device = ask_device,
	.unask_device = unask_device,
	.declined = log_declined,
	.news = news,
	.revoke = revoke,
	.note = note,
	.leave = leave,
	.left = left,
	.random = random_number,
};

struct upstream *upstream_new(
	struct event_base *base, const struct upstream_ops *ops, void *context)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (!upstream) {
		return NULL;
	}
	upstream->ops = ops;
	upstream->context = context;
	upstream->tls = tls_new();
	upstream->http = upstream->tls ? http_new(base, upstream->tls) : NULL;
	upstream->sender = upstream->http ? sender_new(upstream->http) : NULL;
	upstream->keeper = upstream->sender ? keeper_new(base, &keeper_ops, upstream) : NULL;
	upstream->broker = upstream->keeper ? broker_new(&broker_ops, upstream) : NULL;
	if (!upstream->broker) {
		upstream_free(upstream);
		return NULL;
	}
	return upstream;
}

void upstream_free(struct upstream *upstream)
{
	if (upstream) {
		broker_free(upstream->broker);
		keeper_free(upstream->keeper);
		sender_free(upstream->sender);
		http_free(upstream->http);
		tls_free(upstream->tls);
		free(upstream);
	}
}

struct broker *upstream_broker(const struct upstream *upstream)
{
	return upstream->broker;
}

int upstream_open_state(struct upstream *upstream, char *why, size_t why_size)
{
	return keeper_open(upstream->keeper, why, why_size);
}

void upstream_log_bodies(struct upstream *upstream, bool request, bool response)
{
	sender_log_bodies(upstream->sender, request, response);
}

void upstream_forget_authorities(struct upstream *upstream)
{
	tls_forget(upstream->tls);
}
