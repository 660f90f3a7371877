/*
 * What is told of a request to a login server and its answer, by the levels of the Genesys Cloud
 * SDKs: takes the pieces that the level asks for, has the secrets in them replaced, and logs them.
 * It does not know what follows from the answer.
 */
#pragma once

#include <stdbool.h>

struct exchange;
struct grant_input;
struct grant_request;
struct grant_result;
struct http_answer;
struct settings;

/* Which bodies are told: log_request_body, log_response_body. */
struct exchange_bodies {
	bool request, response;
};

/* Keeps what may be told of a request that is to be sent; NULL when nothing will be, or when there
 * is no memory. Only the call borrows. */
struct exchange *exchange_new(const struct exchange_bodies *bodies, const struct settings *settings,
	const struct grant_input *input, const struct grant_request *request);

/* Takes NULL. */
void exchange_free(struct exchange *exchange);

/* Logs it with its answer, on which result is the verdict. Takes NULL, and logs nothing. */
void exchange_log(const struct exchange *exchange, const struct settings *settings,
	const struct grant_input *input, const struct http_answer *answer,
	const struct grant_result *result);

/* For log_event(): "" where the answer had no id, NULL where there was no answer. */
const char *exchange_correlation_id(const struct grant_result *result);
