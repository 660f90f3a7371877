/*
 * What was sent to a login server and what it answered, made fit to be logged: credentials, codes
 * and tokens replaced by ***, escaped and cut as core/text does. It does not know who logs it.
 */
#pragma once

#include <stddef.h>

#include "text.h"

struct echoes;
struct secret;

enum {
	REDACT_BODY_MAX = 2048, /* bytes shown of a body */
	REDACT_BODY_SIZE = REDACT_BODY_MAX + TEXT_CUT_SIZE,
};

/* A request's form: only parameters that are known to be harmless show their values. */
void redact_form(
	char dst[REDACT_BODY_SIZE], const struct secret *form, const struct echoes *echoes);

/* The same for a request's JSON: only members that are known to be harmless show their values. */
void redact_json(
	char dst[REDACT_BODY_SIZE], const struct secret *json, const struct echoes *echoes);

/*
 * An answer's body, JSON or whatever it is. Hidden are the values of what is named like a token or
 * another secret, and known secrets: as they stand, behind escapes of JSON and behind %NN.
 */
void redact_body(
	char dst[REDACT_BODY_SIZE], const char *body, size_t len, const struct echoes *echoes);

/* A line of an answer's headers, "Name: value" (RFC 9112 section 5). */
void redact_header(
	char dst[TEXT_UPSTREAM_SIZE], const char *line, size_t len, const struct echoes *echoes);
