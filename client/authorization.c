#include "client/authorization.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/ask.h"
#include "client/output.h"

enum { WITHDRAW_MS = 2 * 1000 /* for the daemon to forget a sign-in */ };

/* Parameters with the profile and some texts, those not NULL; NULL when there is no memory. */
static cJSON *parameters_of(const char *profile, const char *const texts[][2])
{
	cJSON *parameters = ask_parameters(profile);
	bool good = parameters;

	for (size_t i = 0; good && texts[i][0]; i++) {
		good = ask_add_text(parameters, texts[i][0], texts[i][1]);
	}
	if (!good) {
		cJSON_Delete(parameters);
		return NULL;
	}
	return parameters;
}

const char *authorization_text(const struct reply *reply, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply->data, name));
}

int authorization_begin(struct connection *connection, const char *profile,
	const char *redirect_uri, const char *state, struct reply *reply)
{
	cJSON *parameters = parameters_of(
		profile, (const char *const[][2]){
				 {"redirectUri", redirect_uri}, {"state", state}, {NULL, NULL}});
	int status = EXIT_STATUS_FAILURE;

	if (!parameters) {
		return output_fail_memory();
	}
	status = ask(connection, "auth.getAuthorizeUrl", parameters, reply);
	if (status == EXIT_STATUS_DONE &&
		(!authorization_text(reply, "url") || !authorization_text(reply, "state") ||
			!authorization_text(reply, "redirectUri"))) {
		return ask_fail(connection, -EBADMSG);
	}
	return status;
}

/* A lifetime that is no number of seconds is left out: the daemon may know another. */
static bool add_lifetime(cJSON *parameters, const char *seconds)
{
	if (!seconds || *seconds == '\0' || seconds[strspn(seconds, "0123456789")] != '\0') {
		return true;
	}
	return cJSON_AddNumberToObject(parameters, "expiresIn", strtod(seconds, NULL));
}

/* NULL when there is no memory. */
static cJSON *parameters_of_redirect(const char *profile, const char *redirect_uri,
	const char *state, const struct redirect *redirect)
{
	const char *const refusal[][2] = {{"error", redirect->error},
		{"errorDescription", redirect->error_description}, {"state", state}, {NULL, NULL}};
	const char *const code[][2] = {{"code", redirect->code}, {"state", state},
		{"redirectUri", redirect_uri}, {NULL, NULL}};
	const char *const token[][2] = {{"token", redirect->token}, {"state", state}, {NULL, NULL}};
	cJSON *parameters;

	if (redirect->error || !redirect->token) {
		return parameters_of(profile, redirect->error ? refusal : code);
	}
	parameters = parameters_of(profile, token);
	if (parameters && !add_lifetime(parameters, redirect->expires_in)) {
		cJSON_Delete(parameters);
		return NULL;
	}
	return parameters;
}

int authorization_bring(struct connection *connection, const char *profile,
	const char *redirect_uri, const char *state, const struct redirect *redirect,
	struct reply *reply)
{
	cJSON *parameters = parameters_of_redirect(profile, redirect_uri, state, redirect);

	/* A person takes their time: what comes now has its own. */
	connection->deadline_ms = 0;
	return parameters ? ask_any(connection, "auth.authorize", parameters, reply) : -ENOMEM;
}

void authorization_withdraw(struct connection *connection, const char *profile, const char *state)
{
	static const struct redirect refusal = {.error = "access_denied"};
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	struct connection hurried = *connection;

	if (hurried.timeout_ms > WITHDRAW_MS) {
		hurried.timeout_ms = WITHDRAW_MS;
	}
	authorization_bring(&hurried, profile, NULL, state, &refusal, &reply);
}
