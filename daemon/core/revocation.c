#include "revocation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "secret.h"
#include "settings.h"
#include "token.h"

#define MESSENGER_END "/revoke"
#define GENESYS_END   "/api/v2/tokens/me"

enum { UNAUTHORIZED = 401 };

/* How the server lets tokens be revoked. */
enum way {
	WAY_NONE,
	WAY_MESSENGER,
	WAY_GENESYS,
	WAY_RFC_7009,
};

static enum way way_of(const struct settings *settings)
{
	if (settings->grant->parts & GRANT_DEPLOYMENT) {
		return WAY_MESSENGER;
	}
	if (settings->revocation_url) {
		return WAY_RFC_7009;
	}
	return settings->api_revokes ? WAY_GENESYS : WAY_NONE;
}

static enum revocation_step first_step(struct revocation *revocation)
{
	const struct settings *settings = revocation->settings;

	if (!revocation->token && !revocation->refresh_token) {
		return REVOCATION_ENDED;
	}
	switch (way_of(settings)) {
	case WAY_NONE:
		snprintf(revocation->why, sizeof(revocation->why),
			"It is not known how the login server %s revokes tokens; set "
			"revocation_url for profile %s",
			settings->token_host, settings->name);
		break;
	case WAY_MESSENGER:
	case WAY_GENESYS:
		return revocation->token ? REVOCATION_BEARER : REVOCATION_REFRESH;
	case WAY_RFC_7009:
		return revocation->refresh_token ? REVOCATION_REFRESH_TOKEN
						 : REVOCATION_ACCESS_TOKEN;
	}
	return REVOCATION_ENDED;
}

struct revocation *revocation_new(
	struct settings *settings, struct secret *token, struct secret *refresh_token)
{
	struct revocation *revocation = calloc(1, sizeof(*revocation));

	if (revocation) {
		revocation->settings = settings_ref(settings);
		revocation->token = token;
		revocation->refresh_token = refresh_token;
		revocation->step = first_step(revocation);
	}
	return revocation;
}

void revocation_free(struct revocation *revocation)
{
	if (revocation) {
		settings_unref(revocation->settings);
		secret_free(revocation->token);
		secret_free(revocation->refresh_token);
		secret_free(revocation->client_assertion);
		free(revocation);
	}
}

/* ---- requests */

struct grant_input revocation_input(const struct revocation *revocation)
{
	return (struct grant_input){
		.token = revocation->token,
		.refresh_token = revocation->refresh_token,
		.client_assertion = revocation->client_assertion,
	};
}

/* RFC 6750 section 2.1. */
static int fill_bearer(const struct revocation *revocation, struct grant_request *request)
{
	const struct settings *settings = revocation->settings;
	bool is_messenger = way_of(settings) == WAY_MESSENGER;
	struct form header = {0};

	request->method = "DELETE";
	form_add_raw(&header, "Bearer ", strlen("Bearer "));
	form_add_raw(&header, secret_reveal(revocation->token), secret_len(revocation->token));
	request->authorization = form_take(&header);
	if (asprintf(&request->url, "%s%s", is_messenger ? settings->token_url : settings->api_url,
		    is_messenger ? MESSENGER_END : GENESYS_END) < 0) {
		request->url = NULL;
	}
	return request->authorization && request->url ? 0 : -ENOMEM;
}

/* RFC 7009 section 2.1. */
static int fill_rfc_7009(const struct revocation *revocation, struct grant_request *request)
{
	bool is_refresh_token = revocation->step == REVOCATION_REFRESH_TOKEN;
	struct grant_input input = revocation_input(revocation);
	struct form form = {0};

	form_add(&form, "token",
		secret_reveal(is_refresh_token ? revocation->refresh_token : revocation->token));
	form_add(&form, "token_type_hint", is_refresh_token ? "refresh_token" : "access_token");
	return grant_fill_client(
		request, revocation->settings->revocation_url, revocation->settings, &input, &form);
}

int revocation_request(const struct revocation *revocation, struct grant_request *request)
{
	struct grant_input input = {
		.refresh_token = revocation->refresh_token,
		.client_assertion = revocation->client_assertion,
	};
	int r;

	if (revocation->step == REVOCATION_REFRESH) {
		return grant_request_init(request, revocation->settings, &input);
	}
	*request = (struct grant_request){.method = "POST"};
	r = revocation->step == REVOCATION_BEARER ? fill_bearer(revocation, request)
						  : fill_rfc_7009(revocation, request);
	if (r < 0) {
		grant_request_done(request);
	}
	return r;
}

/* ---- answers */

void revocation_judge(const struct revocation *revocation, const struct answer_http *answer,
	struct grant_result *result)
{
	struct grant_input input = revocation_input(revocation);

	if (revocation->step == REVOCATION_REFRESH) {
		grant_judge(revocation->settings, &input, answer, result);
	} else {
		grant_judge_revocation(revocation->settings, &input, answer, result);
	}
}

static void replace(struct secret **place, struct secret *secret)
{
	secret_free(*place);
	*place = secret;
}

static enum revocation_step fail(struct revocation *revocation, const struct grant_result *result)
{
	memcpy(revocation->why, result->message, sizeof(revocation->why));
	return REVOCATION_ENDED;
}

static enum revocation_step succeed(struct revocation *revocation)
{
	revocation->revoked = true;
	return REVOCATION_ENDED;
}

static enum revocation_step after_bearer(
	struct revocation *revocation, const struct grant_result *result)
{
	if (result->verdict == GRANT_GRANTED) {
		return succeed(revocation);
	}
	if (result->status != UNAUTHORIZED) {
		return fail(revocation, result);
	}
	if (!revocation->refresh_token) {
		return succeed(revocation); /* the server takes it no more, which was to be done */
	}
	return revocation->refreshes < REVOCATION_REFRESHES_MAX ? REVOCATION_REFRESH
								: fail(revocation, result);
}

static enum revocation_step after_refresh(
	struct revocation *revocation, struct grant_result *result)
{
	revocation->refreshes++;
	if (result->verdict == GRANT_LOGIN_REQUIRED) {
		return succeed(revocation); /* the session has ended before */
	}
	if (result->verdict != GRANT_GRANTED) {
		return fail(revocation, result);
	}
	replace(&revocation->token, result->token->value);
	result->token->value = NULL;
	if (result->refresh_token) {
		replace(&revocation->refresh_token, result->refresh_token);
		result->refresh_token = NULL;
	}
	return REVOCATION_BEARER;
}

static enum revocation_step after_refresh_token(
	struct revocation *revocation, const struct grant_result *result)
{
	if (result->verdict != GRANT_GRANTED) {
		return fail(revocation, result);
	}
	return revocation->token ? REVOCATION_ACCESS_TOKEN : succeed(revocation);
}

/* Servers whose access tokens are JWTs cannot end one (RFC 7009 section 2.2.1); its session has
 * ended then. */
static enum revocation_step after_access_token(
	struct revocation *revocation, const struct grant_result *result)
{
	bool is_unsupported = strcmp(result->upstream_error, "unsupported_token_type") == 0;

	if (result->verdict == GRANT_GRANTED || (is_unsupported && revocation->refresh_token)) {
		return succeed(revocation);
	}
	return fail(revocation, result);
}

void revocation_go_on(struct revocation *revocation, struct grant_result *result)
{
	secret_free(revocation->client_assertion);
	revocation->client_assertion = NULL;
	switch (revocation->step) {
	case REVOCATION_BEARER:
		revocation->step = after_bearer(revocation, result);
		break;
	case REVOCATION_REFRESH:
		revocation->step = after_refresh(revocation, result);
		break;
	case REVOCATION_REFRESH_TOKEN:
		revocation->step = after_refresh_token(revocation, result);
		break;
	case REVOCATION_ACCESS_TOKEN:
		revocation->step = after_access_token(revocation, result);
		break;
	case REVOCATION_ENDED:
		break;
	}
}
