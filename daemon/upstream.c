#include "upstream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/answer.h"
#include "core/broker.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/token.h"
#include "exchange.h"
#include "io/clock.h"
#include "io/config_secret_file.h"
#include "io/http.h"
#include "io/log.h"
#include "io/tls.h"

struct upstream {
	struct tls *tls;
	struct http *http;
	struct broker *broker;
	struct exchange_bodies bodies;
	void (*changed)(void *context);
	void *context;
};

/* An attempt on its way. */
struct upstream_post {
	struct attempt *attempt;
	struct http_transfer *transfer;
	struct exchange *exchange; /* NULL: nothing of it is told */
};

static void upstream_post_free(struct upstream_post *post)
{
	exchange_free(post->exchange);
	free(post);
}

static void log_result(
	const struct profile *profile, const struct grant_result *result, int64_t now_ms)
{
	const char *name = profile->settings->name;
	const char *id = exchange_correlation_id(result);

	if (profile->verdict == GRANT_GRANTED) {
		log_answer(LOG_LEVEL_INFO, name, id, "new token, valid for %" PRId64 " s",
			(token_expires(profile->token) - now_ms) / 1000);
	} else if (profile->due_ms != PROFILE_NEVER) {
		log_answer(LOG_LEVEL_WARNING, name, id, "%s; next attempt in %" PRId64 " s",
			result->message, (profile->due_ms - now_ms + 999) / 1000);
	} else {
		log_answer(LOG_LEVEL_WARNING, name, id, "%s", result->message);
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
	struct upstream_post *post = context;
	struct attempt *attempt = post->attempt;
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
	struct grant_result result;

	grant_judge(settings, &input, &answer, &result);
	exchange_log(post->exchange, settings, &input, http_answer, &result);
	upstream_post_free(post);
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
	struct upstream_post *post = calloc(1, sizeof(*post));
	int r = post ? grant_request_init(&request, settings, &input) : -ENOMEM;

	if (r < 0) {
		free(post);
		return r;
	}
	post->attempt = attempt;
	post->exchange = exchange_new(&upstream->bodies, settings, &input, &request);
	r = http_post(upstream->http,
		&(struct http_request){
			.url = settings->token_url,
			.unix_socket = settings->unix_socket,
			.ca_file = settings->ca_file,
			.form = request.form,
			.authorization = request.authorization,
			.connect_timeout_ms = settings->connect_timeout_ms,
			.request_timeout_ms = settings->request_timeout_ms,
			.keep_headers = post->exchange,
		},
		on_answer, post, &post->transfer);
	grant_request_done(&request);
	if (r < 0) {
		upstream_post_free(post);
		return r;
	}
	attempt->transfer = post;
	return 0;
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
	struct upstream_post *post = attempt->transfer;

	if (post) {
		http_cancel(post->transfer);
		upstream_post_free(post);
	}
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

void upstream_log_bodies(struct upstream *upstream, bool request, bool response)
{
	upstream->bodies = (struct exchange_bodies){request, response};
}

void upstream_forget_authorities(struct upstream *upstream)
{
	tls_forget(upstream->tls);
}
