#include "exchange.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/echoes.h"
#include "core/grant.h"
#include "core/redact.h"
#include "core/settings.h"
#include "core/token.h"
#include "io/http.h"
#include "io/log.h"

enum {
	HEADERS_MAX = 32,        /* of an answer that are told */
	REQUEST_HEADERS_MAX = 4, /* of a request likewise */
};

struct exchange {
	struct exchange_bodies bodies;
	const char *method;
	char *url;
	const char *content_type;            /* its header; NULL: there is no body */
	bool authorized;                     /* with a header */
	char request_body[REDACT_BODY_SIZE]; /* when it is told */
};

/* The pieces of an answer, made fit to be shown. */
struct shown {
	char headers[HEADERS_MAX][TEXT_UPSTREAM_SIZE];
	const char *list[HEADERS_MAX + 1];
	char body[REDACT_BODY_SIZE];
};

struct exchange *exchange_new(const struct exchange_bodies *bodies, const struct settings *settings,
	const struct grant_input *input, const struct grant_request *request)
{
	struct exchange *exchange;
	struct echoes echoes;

	/* Whether it will fail cannot be known yet. */
	if (!log_enabled_exchange(true)) {
		return NULL;
	}
	exchange = calloc(1, sizeof(*exchange));
	if (!exchange) {
		return NULL;
	}
	exchange->url = strdup(request->url);
	if (!exchange->url) {
		exchange_free(exchange);
		return NULL;
	}
	exchange->bodies = *bodies;
	exchange->method = request->method;
	exchange->authorized = request->authorization;
	if (request->body) {
		exchange->content_type = request->is_json ? HTTP_TYPE_JSON : HTTP_TYPE_FORM;
	}
	if (request->body && bodies->request) {
		grant_echoes(&echoes, settings, input);
		(request->is_json ? redact_json : redact_form)(
			exchange->request_body, request->body, &echoes);
		echoes_done(&echoes);
	}
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	if (exchange) {
		free(exchange->url);
		free(exchange);
	}
}

static void show_headers(struct shown *shown, const char *lines, const struct echoes *echoes)
{
	size_t n = 0;

	while (*lines && n < HEADERS_MAX) {
		size_t len = strcspn(lines, "\n");

		redact_header(shown->headers[n], lines, len, echoes);
		shown->list[n] = shown->headers[n];
		n++;
		lines += len + (lines[len] ? 1 : 0);
	}
}

/* Shows what the level asks for; NULL when there is no memory. */
static struct shown *show(const struct exchange *exchange, bool failed,
	const struct http_answer *answer, const struct echoes *echoes)
{
	struct shown *shown = calloc(1, sizeof(*shown));

	if (!shown) {
		return NULL;
	}
	if (answer->headers && (failed || log_enabled(LOG_LEVEL_TRACE))) {
		show_headers(shown, answer->headers, echoes);
	}
	if (failed && exchange->bodies.response) {
		redact_body(shown->body, answer->body, answer->body_len, echoes);
	}
	return shown;
}

const char *exchange_correlation_id(const struct grant_result *result)
{
	return result->status != 0 || result->correlation_id[0] != '\0' ? result->correlation_id
									: NULL;
}

/* As they are sent, NULL behind the last. */
static void list_request_headers(
	const char *list[REQUEST_HEADERS_MAX + 1], const struct exchange *exchange)
{
	static const char agent[] = "User-Agent: " HTTP_AGENT;
	size_t n = 0;

	list[n++] = HTTP_ACCEPT;
	if (exchange->content_type) {
		list[n++] = exchange->content_type;
	}
	list[n++] = agent;
	if (exchange->authorized) {
		list[n++] = "Authorization: ***";
	}
	list[n] = NULL;
}

void exchange_log(const struct exchange *exchange, const struct settings *settings,
	const struct grant_input *input, const struct http_answer *answer,
	const struct grant_result *result)
{
	const char *id = exchange_correlation_id(result);
	bool failed = result->verdict != GRANT_GRANTED && !result->pending;
	const char *request_headers[REQUEST_HEADERS_MAX + 1];
	struct log_exchange told = {
		.status = answer->error ? 0 : answer->status,
		.duration_ms = answer->duration_ms,
		.request_headers = request_headers,
	};
	struct echoes echoes;
	struct shown *shown;

	if (!exchange || !log_enabled_exchange(failed)) {
		return;
	}
	list_request_headers(request_headers, exchange);
	told.method = exchange->method;
	told.url = exchange->url;
	grant_echoes(&echoes, settings, input);
	echoes_add(&echoes, result->token ? result->token->value : NULL);
	echoes_add(&echoes, result->refresh_token);
	shown = show(exchange, failed, answer, &echoes);
	echoes_done(&echoes);
	told.request_body = exchange->bodies.request && exchange->content_type
				    ? exchange->request_body
				    : NULL;
	if (shown && shown->list[0]) {
		told.response_headers = shown->list;
	}
	if (shown && shown->body[0] != '\0') {
		told.response_body = shown->body;
	}
	if (answer->error) {
		log_exchange(failed, settings->name, id, &told,
			"%s %s: no answer after %" PRId64 " ms: %s", told.method, told.url,
			answer->duration_ms, answer->error);
	} else {
		log_exchange(failed, settings->name, id, &told, "%s %s: HTTP %d in %" PRId64 " ms",
			told.method, told.url, answer->status, answer->duration_ms);
	}
	free(shown);
}
