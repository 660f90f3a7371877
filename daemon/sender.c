#include "sender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/answer.h"
#include "core/settings.h"
#include "exchange.h"
#include "io/clock.h"
#include "io/http.h"
#include "io/sign.h"

struct sender {
	struct http *http;
	struct exchange_bodies bodies;
};

/* A request on its way. */
struct sending {
	struct sender_order order;
	struct grant_input input; /* what it was made of */
	struct http_transfer *transfer;
	struct exchange *exchange; /* NULL: nothing of it is told */
};

struct sender *sender_new(struct http *http)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (sender) {
		sender->http = http;
	}
	return sender;
}

void sender_free(struct sender *sender)
{
	free(sender);
}

void sender_log_bodies(struct sender *sender, bool request, bool response)
{
	sender->bodies = (struct exchange_bodies){request, response};
}

static void sending_free(struct sending *sending)
{
	exchange_free(sending->exchange);
	free(sending);
}

static void on_answer(void *context, const struct http_answer *http_answer)
{
	struct sending *sending = context;
	struct sender_order order = sending->order;
	struct answer_http answer = {
		.error = http_answer->error,
		.begun = http_answer->begun,
		.status = http_answer->status,
		.body = http_answer->body,
		.body_len = http_answer->body_len,
		.retry_after = http_answer->retry_after,
		.date = http_answer->date,
		.correlation_id = http_answer->correlation_id,
		.sent_ms = order.sent_ms,
	};
	struct grant_result result = {0};

	if (http_answer->misconfigured) {
		grant_fail(
			&result, GRANT_PERMANENT, "No request can be sent: %s", http_answer->error);
	} else {
		order.judge(order.context, &answer, &result);
	}
	exchange_log(sending->exchange, order.settings, &sending->input, http_answer, &result);
	sending_free(sending);
	*order.sending = NULL;
	order.done(order.context, &result);
	grant_result_done(&result);
}

/* How much of a URL, as curl_url() has it, says where it leads; the scheme's own port does not. */
static size_t origin_len(const char *url)
{
	const char *port = strncasecmp(url, "https:", strlen("https:")) == 0 ? ":443" : ":80";
	size_t scheme = strcspn(url, ":") + strlen("://");
	size_t len = scheme + strcspn(url + scheme, "/?");
	size_t port_len = strlen(port);

	return strncmp(url + len - port_len, port, port_len) == 0 ? len - port_len : len;
}

static bool have_one_origin(const char *url, const char *other)
{
	size_t len = origin_len(url);

	return other && origin_len(other) == len && strncasecmp(url, other, len) == 0;
}

/* The gateway's socket, which leads to the gateway alone. */
static const char *socket_for(const struct settings *settings, const char *url)
{
	return have_one_origin(url, settings->token_url) || have_one_origin(url, settings->api_url)
		       ? settings->unix_socket
		       : NULL;
}

/* False with a clause when it cannot be made. */
static bool make_client_assertion(
	const struct settings *settings, struct secret **ret_assertion, char why[SIGN_WHY_SIZE])
{
	enum signing_alg alg = settings->signing_alg;
	struct sign_key *key;
	bool done = false;

	*ret_assertion = NULL;
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
			       (clock_now() + clock_wall_offset()) / 1000, ret_assertion) == 0;
	}
	sign_key_free(key);
	return done;
}

/* Returns 0, or -ENOMEM with nothing begun. */
static int send_request(
	struct sender *sender, struct sending *sending, const struct grant_request *request)
{
	const struct settings *settings = sending->order.settings;

	sending->exchange = exchange_new(&sender->bodies, settings, &sending->input, request);
	return http_send(sender->http,
		&(struct http_request){
			.method = request->method,
			.url = request->url,
			.unix_socket = socket_for(settings, request->url),
			.ca_file = settings->ca_file,
			.client_cert = settings->secrets[SETTINGS_TLS_CERT].value,
			.client_key = settings->secrets[SETTINGS_TLS_KEY].value,
			.client_key_passphrase = settings->secrets[SETTINGS_TLS_PASSPHRASE].value,
			.proxy_url = settings->proxy_url,
			.proxy_username = settings->proxy_username,
			.proxy_password = settings->secrets[SETTINGS_PROXY_PASSWORD].value,
			.no_proxy = settings->no_proxy,
			.body = request->body,
			.content_type = request->is_json ? HTTP_TYPE_JSON : HTTP_TYPE_FORM,
			.authorization = request->authorization,
			.connect_timeout_ms = settings->connect_timeout_ms,
			.request_timeout_ms = settings->request_timeout_ms,
			.keep_headers = sending->exchange,
		},
		on_answer, sending, &sending->transfer);
}

/* Returns 0, or -ENOMEM with nothing begun. */
static int begin(struct sender *sender, const struct sender_order *order)
{
	struct sending *sending = calloc(1, sizeof(*sending));
	struct grant_request request;
	int r;

	if (!sending) {
		return -ENOMEM;
	}
	sending->order = *order;
	r = order->build(order->context, &sending->input, &request);
	if (r == 0) {
		r = send_request(sender, sending, &request);
		grant_request_done(&request);
	}
	if (r < 0) {
		sending_free(sending);
		return r;
	}
	*order->sending = sending;
	return 0;
}

void sender_send(struct sender *sender, const struct sender_order *order)
{
	struct grant_result result = {0};
	char why[SIGN_WHY_SIZE];

	*order->sending = NULL;
	if (!make_client_assertion(order->settings, order->client_assertion, why)) {
		grant_fail(&result, GRANT_PERMANENT, "The private_key of profile %s: %s",
			order->settings->name, why);
		order->done(order->context, &result);
	} else if (begin(sender, order) < 0) {
		grant_fail(&result, GRANT_TEMPORARY, "The daemon is out of memory");
		order->done(order->context, &result);
	}
}

void sender_cancel(struct sending *sending)
{
	if (sending) {
		http_cancel(sending->transfer);
		sending_free(sending);
	}
}
