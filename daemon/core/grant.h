/*
 * The OAuth 2.0 grants: what a token request says, and what its answer means.
 * It does not send anything, and does not know when to ask again. Each grant is one file and one
 * row of the table in grant.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct answer_http;
struct form;
struct secret;
struct settings;
struct token;

enum {
	GRANT_MESSAGE_SIZE = 1024, /* of a sentence for people */
};

struct grant {
	const char *name;
	/* Adds grant_type and what belongs to it; the client's authentication is added for all
	 * grants alike. */
	void (*fill)(const struct settings *settings, struct form *form);
	/* A refresh token, code or assertion is sent, so that invalid_grant means: a person or
	 * plugin has to act. */
	bool sends_session;
};

/* The grant of that name, or NULL. */
const struct grant *grant_find(const char *name);

struct grant_request {
	struct secret *form;          /* owned; application/x-www-form-urlencoded */
	struct secret *authorization; /* owned; the header's value, or NULL */
};

/* Builds a token request (RFC 6749 sections 2.3.1 and 4). settings must hold its secret. Returns 0,
 * or -ENOMEM. */
int grant_request_init(struct grant_request *request, const struct settings *settings);
void grant_request_done(struct grant_request *request);

enum grant_verdict {
	GRANT_NONE, /* nothing was asked yet */
	GRANT_GRANTED,
	GRANT_TEMPORARY,      /* ask again by the back-off */
	GRANT_PERMANENT,      /* asking again will not help until somebody mends something */
	GRANT_LOGIN_REQUIRED, /* a person or plugin has to act */
};

struct grant_result {
	enum grant_verdict verdict;
	struct token *token;    /* owned; with GRANT_GRANTED */
	int64_t retry_after_ms; /* 0: none given */
	int status;             /* of HTTP; 0: no answer came */
	char message[GRANT_MESSAGE_SIZE];
	char upstream_error[TEXT_UPSTREAM_SIZE]; /* OAuth's error code, "" where there was none */
	char correlation_id[TEXT_UPSTREAM_SIZE];
};

/* Judges an answer (RFC 6749 sections 5.1 and 5.2, and how servers really are). */
void grant_judge(const struct settings *settings, const struct answer_http *answer,
	struct grant_result *result);

/* A result that did not come from a server: a secret that cannot be read, no memory. */
void grant_fail(struct grant_result *result, enum grant_verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Frees what was not taken out. */
void grant_result_done(struct grant_result *result);

/* The rows of the table, a file each. */
extern const struct grant grant_client_credentials;
