#include "client/authorization.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/cell.h"
#include "client/output.h"
#include "client/print.h"

enum {
	WITHDRAW_MS = 2 * 1000, /* for the daemon to forget a sign-in */
	BRING_GAP_MAX_S = 3,    /* between two tries to bring what the browser came back with */
	SHOWN_SIZE = 1024,      /* of a text from outside */
};

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
	return cell_member(reply->data, name);
}

/* Whether the reply to system.explain says that an endpoint is denied. */
static bool is_denied(const struct reply *reply, const char *endpoint)
{
	const cJSON *right;

	cJSON_ArrayForEach (right, cJSON_GetObjectItemCaseSensitive(reply->data, "rights")) {
		const char *name = cell_member(right, "endpoint");

		if (name && strcmp(name, endpoint) == 0) {
			return cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(right, "granted"));
		}
	}
	return false;
}

int authorization_check(struct connection *connection, const char *profile)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	cJSON *parameters = ask_parameters(profile);
	char shown[SHOWN_SIZE];
	int r = parameters ? ask_any(connection, "system.explain", parameters, &reply) : -ENOMEM;

	if (r != 0) {
		return ask_fail(connection, r);
	}
	if (!is_denied(&reply, "auth.authorize")) {
		return EXIT_STATUS_DONE;
	}
	print_escape(shown, sizeof(shown), profile);
	print_error(
		"you may begin no sign-in for the profile %s: nothing grants you auth.authorize, "
		"which would end it (access_denied); have a rule of its allow name "
		"auth.getAuthorizeUrl and auth.authorize",
		shown);
	return error_exit_status(ERROR_ACCESS_DENIED);
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

/* Waits until it makes sense to try again; false where that would be too late. */
static bool wait_for_turn(const struct connection *connection, const struct reply *reply)
{
	int64_t left_ms = connection->deadline_ms - connection_now_ms();
	int64_t wait_s = reply->retry_after > 1 ? reply->retry_after : 1;

	if (wait_s * 1000 >= left_ms) {
		return false;
	}
	sleep((unsigned)(wait_s < BRING_GAP_MAX_S ? wait_s : BRING_GAP_MAX_S));
	return true;
}

int authorization_bring(struct connection *connection, const char *profile,
	const char *redirect_uri, const char *state, const struct redirect *redirect,
	struct reply *reply)
{
	/* A person takes their time: what comes now has its own. */
	connection->deadline_ms = connection_now_ms() + connection->timeout_ms;
	for (;;) {
		cJSON *parameters = parameters_of_redirect(profile, redirect_uri, state, redirect);
		int r = parameters ? ask_any(connection, "auth.authorize", parameters, reply)
				   : -ENOMEM;

		if (r != 0 || reply->data || reply->code != ERROR_RATE_LIMITED ||
			!wait_for_turn(connection, reply)) {
			return r;
		}
		ask_free_reply(reply);
		*reply = (struct reply){0};
	}
}

void authorization_withdraw(struct connection *connection, const char *profile, const char *state)
{
	static const struct redirect refusal = {.error = "withdrawn"};
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	struct connection hurried = *connection;

	if (hurried.timeout_ms > WITHDRAW_MS) {
		hurried.timeout_ms = WITHDRAW_MS;
	}
	authorization_bring(&hurried, profile, NULL, state, &refusal, &reply);
}
