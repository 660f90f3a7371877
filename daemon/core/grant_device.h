/*
 * The request that begins a device authorization, and what its answer brings (RFC 8628 sections 3.1
 * and 3.2). It does not know what becomes of the codes.
 */
#pragma once

#include <stdint.h>

#include "grant.h"

struct answer_http;
struct secret;
struct settings;

enum {
	GRANT_DEVICE_CODE_MAX = 4096,     /* characters of a device code */
	GRANT_DEVICE_USER_CODE_MAX = 128, /* of a user code */
	GRANT_DEVICE_URI_MAX = 2048,
};

/* All owned. */
struct grant_device_codes {
	struct secret *device_code;
	char *user_code;                 /* printable ASCII */
	char *verification_uri;          /* likewise, http or https */
	char *verification_uri_complete; /* the same with the user code in it; NULL: none */
	int64_t lifetime_ms;
	int64_t interval_ms; /* 0: not said */
};

/* As grant_request_init(), to the device authorization endpoint. */
int grant_device_request(struct grant_request *request, const struct settings *settings,
	const struct grant_input *input);

/* Judges the answer; with GRANT_GRANTED the codes are the caller's. */
void grant_device_judge(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, struct grant_device_codes *ret_codes,
	struct grant_result *result);

void grant_device_codes_done(struct grant_device_codes *codes);
