#include "upstream.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/answer.h"
#include "core/broker.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/token.h"
#include "io/clock.h"
#include "io/config_secret_file.h"
#include "io/http.h"
#include "io/log.h"
#include "io/tls.h"

struct upstream {
	struct tls *tls;
	struct http *http;
	struct broker *broker;
	void (*changed)(void *context);
	void *context;
};

static void log_result(
	const struct profile *profile, const struct grant_result *result, int64_t now_ms)
{
	const char *name = profile->settings->name;
	const char *id = result->correlation_id[0] != '\0' ? result->correlation_id : "none";

	if (profile->verdict == GRANT_GRANTED) {
		log_message(LOG_LEVEL_INFO, name,
			"new token, valid for %" PRId64 " s (correlation id %s)",
			(token_expires(profile->token) - now_ms) / 1000, id);
	} else if (profile->due_ms != PROFILE_NEVER) {
		log_message(LOG_LEVEL_WARNING, name,
			"%s; next attempt in %" PRId64 " s (correlation id %s)", result->message,
			(profile->due_ms - now_ms + 999) / 1000, id);
	} else {
		log_message(LOG_LEVEL_WARNING, name, "%s (correlation id %s)", result->message, id);
	}
}

static void finish(struct attempt *attempt, struct grant_result *result)
{
	struct upstream *upstream = attempt->context;
	struct profile *profile = attempt->profile;
	int64_t now_ms = clock_now();

	broker_finish(upstream->broker, attempt, result, now_ms);
	log_result(profile, result, now_ms);
	grant_result_done(result);
	upstream->changed(upstream->context);
}

static void on_answer(void *context, const struct http_answer *http_answer)
{
	struct attempt *attempt = context;
	const struct settings *settings = attempt->profile->settings;
	struct answer_http answer = {
		.error = http_answer->error,
		.begun = http_answer->begun,
		.status = http_answer->status,
		.body = http_answer->body,
		.body_len = http_answer->body_len,
		.retry_after = http_answer->retry_after,
		.date = http_answer->date,
		.correlation_id = http_answer->correlation_id,
		.sent_ms = attempt->sent_ms,
	};
	struct grant_input input = {0};
	struct grant_result result = {0};

	log_message(LOG_LEVEL_DEBUG, settings->name, "POST %s: %d in %" PRId64 " ms%s%s",
		settings->token_url, http_answer->status, http_answer->duration_ms,
		http_answer->error ? ": " : "", http_answer->error ? http_answer->error : "");
	if (http_answer->misconfigured) {
		grant_fail(
			&result, GRANT_PERMANENT, "No request can be sent: %s", http_answer->error);
	} else {
		grant_judge(settings, &input, &answer, &result);
	}
	finish(attempt, &result);
}

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

static bool read_secrets(struct settings *settings, char why[CREDENTIAL_WHY_MAX])
{
	for (int i = 0; i < SETTINGS_SECRETS; i++) {
		if (!read_secret(settings, (enum settings_secret_number)i, why)) {
			return false;
		}
	}
	return true;
}

static int post(struct upstream *upstream, struct attempt *attempt)
{
	const struct settings *settings = attempt->profile->settings;
	struct grant_input input = {0};
	struct grant_request request;
	struct http_transfer *transfer;
	int r = grant_request_init(&request, settings, &input);

	if (r < 0) {
		return r;
	}
	r = http_post(upstream->http,
		&(struct http_request){
			.url = settings->token_url,
			.unix_socket = settings->unix_socket,
			.ca_file = settings->ca_file,
			.client_cert = settings->secrets[SETTINGS_TLS_CERT].value,
			.client_key = settings->secrets[SETTINGS_TLS_KEY].value,
			.client_key_passphrase = settings->secrets[SETTINGS_TLS_PASSPHRASE].value,
			.proxy_url = settings->proxy_url,
			.proxy_username = settings->proxy_username,
			.proxy_password = settings->secrets[SETTINGS_PROXY_PASSWORD].value,
			.no_proxy = settings->no_proxy,
			.form = request.form,
			.authorization = request.authorization,
			.connect_timeout_ms = settings->connect_timeout_ms,
			.request_timeout_ms = settings->request_timeout_ms,
		},
		on_answer, attempt, &transfer);
	grant_request_done(&request);
	if (r == 0) {
		attempt->transfer = transfer;
	}
	return r;
}

static void start_attempt(void *context, struct attempt *attempt)
{
	struct upstream *upstream = context;
	char why[CREDENTIAL_WHY_MAX];
	struct grant_result result = {0};

	if (!read_secrets(attempt->profile->settings, why)) {
		grant_fail(&result, GRANT_PERMANENT, "%s", why);
		finish(attempt, &result);
	} else if (post(upstream, attempt) < 0) {
		grant_fail(&result, GRANT_TEMPORARY, "The daemon is out of memory");
		finish(attempt, &result);
	}
}

static void cancel_attempt(void *context, struct attempt *attempt)
{
	http_cancel(attempt->transfer);
}

static uint32_t random_number(void *context)
{
	return arc4random();
}

static const struct broker_ops ops = {start_attempt, cancel_attempt, random_number};

struct upstream *upstream_new(
	struct event_base *base, void (*changed)(void *context), void *context)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (!upstream) {
		return NULL;
	}
	upstream->changed = changed;
	upstream->context = context;
	upstream->tls = tls_new();
	upstream->http = upstream->tls ? http_new(base, upstream->tls) : NULL;
	upstream->broker = upstream->http ? broker_new(&ops, upstream) : NULL;
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
		http_free(upstream->http);
		tls_free(upstream->tls);
		free(upstream);
	}
}

struct broker *upstream_broker(const struct upstream *upstream)
{
	return upstream->broker;
}

void upstream_forget_authorities(struct upstream *upstream)
{
	tls_forget(upstream->tls);
}
