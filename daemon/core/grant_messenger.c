#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "code.h"
#include "grant.h"
#include "secret.h"
#include "settings.h"

#define EXCHANGE "oauthcodegrantjwtexchange"
#define REFRESH  "refresh"

/* Adds a text unless it is NULL. False when there is no memory. */
static bool add_text(cJSON *object, const char *name, const char *text)
{
	return !text || cJSON_AddStringToObject(object, name, text);
}

static bool add_secret(cJSON *object, const char *name, const struct secret *secret)
{
	return !secret || cJSON_AddStringToObject(object, name, secret_reveal(secret));
}

/* What a sign-in has brought: a code, or by the implicit flow an id token. */
static bool add_code(cJSON *object, const struct code *code)
{
	return add_secret(object, "code", code->code) &&
	       add_text(object, "redirectUri", code->redirect_uri) &&
	       add_secret(object, "codeVerifier", code->verifier) &&
	       add_secret(object, "idToken", code->id_token) &&
	       add_secret(object, "nonce", code->nonce) &&
	       (!code->has_max_age ||
		       cJSON_AddNumberToObject(object, "maxAge", (double)code->max_age_s)) &&
	       add_text(object, "iss", code->iss);
}

/* NULL when there is no memory. */
static struct secret *print(const cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);
	struct secret *printed = text ? secret_new(text, strlen(text)) : NULL;

	cJSON_free(text);
	return printed;
}

/* As Genesys Cloud's messenger does it: JSON, and the deployment is all there is of a client. */
static int request(const struct settings *settings, const struct grant_input *input,
	struct grant_request *request)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *oauth = NULL;
	bool good = object;

	request->is_json = true;
	if (input->refresh_token) {
		good = good && add_secret(object, "refreshToken", input->refresh_token);
	} else {
		good = good && add_text(object, "deploymentId", settings->client_id);
		oauth = good ? cJSON_AddObjectToObject(object, "oauth") : NULL;
		good = oauth && add_code(oauth, input->code);
	}
	if (asprintf(&request->url, "%s/%s", settings->token_url,
		    input->refresh_token ? REFRESH : EXCHANGE) < 0) {
		request->url = NULL;
		good = false;
	}
	request->body = good ? print(object) : NULL;
	cJSON_Delete(object);
	return request->body ? 0 : -ENOMEM;
}

const struct grant grant_messenger = {
	.name = "messenger",
	.parts = GRANT_DEPLOYMENT | GRANT_CODE | GRANT_SESSION,
	.client_auth = CLIENT_AUTH_NONE,
	.request = request,
	.read = answer_jwt,
};
