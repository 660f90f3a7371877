#include "client/sign_in.h"

#include <errno.h>
#include <string.h>

#include "client/ask.h"
#include "client/input.h"
#include "client/output.h"
#include "client/print.h"
#include "client/redirect.h"
#include "client/show.h"

enum { URL_SHOWN_SIZE = 16 * 1024 };

static const char *member(const struct reply *reply, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply->data, name));
}

/* Parameters with the profile and some texts, those not NULL; NULL after it was told that there is
 * no memory. */
static cJSON *parameters_of(const struct arguments *arguments, const char *const texts[][2])
{
	cJSON *parameters = ask_parameters(arguments->profile);
	bool good = parameters;

	for (size_t i = 0; good && texts[i][0]; i++) {
		good = ask_add_text(parameters, texts[i][0], texts[i][1]);
	}
	if (!good) {
		cJSON_Delete(parameters);
		output_fail_memory();
		return NULL;
	}
	return parameters;
}

/* Asks what is answered by the profile's state, and prints it. Takes the parameters over. */
static int ask_and_put(const struct arguments *arguments, struct connection *connection,
	const char *name, cJSON *parameters)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int status = ask(connection, name, parameters, &reply);

	return status == EXIT_STATUS_DONE ? output_data(arguments->json, reply.data, show_summary)
					  : status;
}

/* ---- authorize */

/* Asks for the address to sign in at; there is a url and a state in the reply. */
static int ask_url(
	const struct arguments *arguments, struct connection *connection, struct reply *reply)
{
	const char *const texts[][2] = {{"redirectUri", arguments->redirect_uri},
		{"state", arguments->state}, {NULL, NULL}};
	cJSON *parameters = parameters_of(arguments, texts);
	int status = EXIT_STATUS_FAILURE;

	if (parameters) {
		status = ask(connection, "auth.getAuthorizeUrl", parameters, reply);
	}
	if (status == EXIT_STATUS_DONE && (!member(reply, "url") || !member(reply, "state"))) {
		return ask_fail(connection, -EBADMSG);
	}
	return status;
}

static int put_url(const struct arguments *arguments, const struct reply *reply)
{
	int status;

	if (arguments->json) {
		return output_json(reply->data);
	}
	status = output_line("", member(reply, "url"));
	return status == EXIT_STATUS_DONE ? output_line("", member(reply, "state")) : status;
}

/* Brings what the browser came back with. redirect is not of another state. */
static int bring(const struct arguments *arguments, struct connection *connection,
	const struct redirect *redirect, const char *state)
{
	const char *const code[][2] = {{"code", redirect->code}, {"state", state},
		{"redirectUri", arguments->redirect_uri}, {NULL, NULL}};
	const char *const refusal[][2] = {{"error", redirect->error},
		{"errorDescription", redirect->error_description}, {"state", state}, {NULL, NULL}};
	cJSON *parameters = parameters_of(arguments, redirect->error ? refusal : code);

	return parameters ? ask_and_put(arguments, connection, "auth.authorize", parameters)
			  : EXIT_STATUS_FAILURE;
}

/* Reads the address or code, and brings it. */
static int read_and_bring(
	const struct arguments *arguments, struct connection *connection, const char *state)
{
	__attribute__((cleanup(input_free))) char *line = NULL;
	struct redirect redirect;
	int status = input_line("Address that the browser was sent to, or the code in it (not "
				"shown): ",
		"code", &line);

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	if (!redirect_read(&redirect, line)) {
		print_error("there is neither a code nor an error in that address; copy the whole "
			    "of what the browser shows after the sign-in");
		return EXIT_STATUS_FAILURE;
	}
	if (redirect.is_address && (!redirect.state || strcmp(redirect.state, state) != 0)) {
		print_error("that address is not of this sign-in: its state is %s; nothing was "
			    "sent, begin again with: gctoken authorize",
			redirect.state ? "another" : "missing");
		return EXIT_STATUS_FAILURE;
	}
	/* A person takes their time: what comes now has its own. */
	connection->deadline_ms = 0;
	return bring(arguments, connection, &redirect, state);
}

int command_authorize(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	char shown[URL_SHOWN_SIZE];
	int status;

	if (arguments->state && !arguments->url) {
		return read_and_bring(arguments, connection, arguments->state);
	}
	status = ask_url(arguments, connection, &reply);
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	if (arguments->url) {
		return put_url(arguments, &reply);
	}
	print_escape(shown, sizeof(shown), member(&reply, "url"));
	print_prompt("Sign in at this address:\n\n");
	print_prompt(shown);
	print_prompt("\n\n");
	return read_and_bring(arguments, connection, member(&reply, "state"));
}

/* ---- set-token */

int command_set_token(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(input_free))) char *token = NULL;
	int status = input_line("Access token (not shown): ", "token", &token);
	const char *const texts[][2] = {
		{"token", token}, {"expiration", arguments->expiration}, {NULL, NULL}};
	cJSON *parameters = status == EXIT_STATUS_DONE ? parameters_of(arguments, texts) : NULL;

	if (!parameters) {
		return status == EXIT_STATUS_DONE ? EXIT_STATUS_FAILURE : status;
	}
	if (!arguments->expiration &&
		!cJSON_AddNumberToObject(parameters, "expiresIn", arguments->expires_in)) {
		cJSON_Delete(parameters);
		return output_fail_memory();
	}
	return ask_and_put(arguments, connection, "auth.setAccessToken", parameters);
}
