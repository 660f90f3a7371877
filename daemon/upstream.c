#include "upstream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/answer.h"
#include "core/broker.h"
#include "core/code.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/token.h"
#include "exchange.h"
#include "io/clock.h"
#include "io/config_secret_file.h"
#include "io/http.h"
#include "io/log.h"
#include "io/sign.h"
#include "io/tls.h"
#include "keeper.h"
#include "outcome.h"

struct upstream {
	struct tls *tls;
	struct http *http;
	struct keeper *keeper;
	struct broker *broker;
	struct exchange_bodies bodies;
	const struct upstream_ops *ops;
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

	if (!profile || attempt->stale) {
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

static void log_news(void *context, const struct profile *profile, enum news news, const char *why)
{
	if (news == NEWS_SIGNED_IN) {
		log_message(LOG_LEVEL_INFO, profile->settings->name, "somebody has signed in");
	}
}

static void finish(struct attempt *attempt, struct grant_result *result)
{
	struct upstream *upstream = attempt->context;

	broker_finish(upstream->broker, attempt, result, clock_now());
	grant_result_done(result);
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
	struct grant_input input = {
		.refresh_token = attempt->refresh_token,
		.client_assertion = attempt->client_assertion,
		.resent = attempt->resent,
	};

	if (attempt->code) {
		input.code = attempt->code->code;
		input.code_verifier = attempt->code->verifier;
		input.redirect_uri = attempt->code->redirect_uri;
		input.assertion = attempt->code->assertion;
	}
	return input;
}

static void on_answer(void *context, const struct http_answer *http_answer)
{
	struct upstream_post *post = context;
	struct attempt *attempt = post->attempt;
	const struct settings *settings = attempt->settings;
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
	struct grant_input input = input_of(attempt);
	struct grant_result result = {0};

	if (http_answer->misconfigured) {
		grant_fail(
			&result, GRANT_PERMANENT, "No request can be sent: %s", http_answer->error);
	} else {
		grant_judge(settings, &input, &answer, &result);
	}
	exchange_log(post->exchange, settings, &input, http_answer, &result);
	upstream_post_free(post);
	attempt->transfer = NULL;
	finish(attempt, &result);
}

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

/* A server takes each assertion once (its jti), so each attempt has its own. */
static bool make_client_assertion(struct attempt *attempt, char why[SIGN_WHY_SIZE])
{
	const struct settings *settings = attempt->settings;
	enum signing_alg alg = settings->signing_alg;
	struct sign_key *key;
	bool done = false;

	if (settings->client_auth != CLIENT_AUTH_PRIVATE_KEY_JWT) {
		return true;
	}
	if (sign_key_read(settings->secrets[SETTINGS_PRIVATE_KEY].value, NULL, &key, why) < 0) {
		return false;
	}
	if (!sign_key_fits(key, alg)) {
		snprintf(why, SIGN_WHY_SIZE, "this key cannot sign by %s; write signing_alg = %s",
			alg == SIGNING_RS256 ? "RS256" : "ES256",
			alg == SIGNING_RS256 ? "ES256" : "RS256");
	} else {
		snprintf(why, SIGN_WHY_SIZE, "OpenSSL cannot sign with it");
		done = sign_client_assertion(key, alg, settings->private_key_id,
			       settings->client_id, settings->token_url,
			       (clock_now() + clock_wall_offset()) / 1000,
			       &attempt->client_assertion) == 0;
	}
	sign_key_free(key);
	return done;
}

/* ---- requests */

static int post(struct upstream *upstream, struct attempt *attempt)
{
	const struct settings *settings = attempt->settings;
	struct grant_input input = input_of(attempt);
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
	char why[SIGN_WHY_SIZE];
	struct grant_result result = {0};

	if (!make_client_assertion(attempt, why)) {
		grant_fail(&result, GRANT_PERMANENT, "The private_key of profile %s: %s",
			attempt->settings->name, why);
		finish(attempt, &result);
	} else if (post(upstream, attempt) < 0) {
		grant_fail(&result, GRANT_TEMPORARY, "The daemon is out of memory");
		finish(attempt, &result);
	}
}

static void cancel_attempt(void *context, struct attempt *attempt)
{
	struct upstream *upstream = context;
	struct upstream_post *post = attempt->transfer;

	if (post) {
		http_cancel(post->transfer);
		upstream_post_free(post);
	}
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

static uint32_t random_number(void *context)
{
	return arc4random();
}

static const struct broker_ops ops = {
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
	.declined = log_declined,
	.news = log_news,
	.random = random_number,
};

struct upstream *upstream_new(
	struct event_base *base, const struct upstream_ops *upstream_ops, void *context)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (!upstream) {
		return NULL;
	}
	upstream->ops = upstream_ops;
	upstream->context = context;
	upstream->tls = tls_new();
	upstream->http = upstream->tls ? http_new(base, upstream->tls) : NULL;
	upstream->keeper = upstream->http ? keeper_new(base, on_stored, upstream) : NULL;
	upstream->broker = upstream->keeper ? broker_new(&ops, upstream) : NULL;
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
	upstream->bodies = (struct exchange_bodies){request, response};
}

void upstream_forget_authorities(struct upstream *upstream)
{
	tls_forget(upstream->tls);
}
