#include "client/sign_in.h"

#include <errno.h>
#include <string.h>

#include "client/ask.h"
#include "client/authorization.h"
#include "client/input.h"
#include "client/output.h"
#include "client/print.h"
#include "client/redirect.h"
#include "client/show.h"

enum { URL_SHOWN_SIZE = 16 * 1024 };

static int put_url(const struct arguments *arguments, const struct reply *reply)
{
	int status;

	if (arguments->json) {
		return output_json(reply->data);
	}
	status = output_line("", authorization_text(reply, "url"));
	return status == EXIT_STATUS_DONE ? output_line("", authorization_text(reply, "state"))
					  : status;
}

/* Brings what the browser came back with, and prints the state. */
static int bring(const struct arguments *arguments, struct connection *connection,
	const struct redirect *redirect, const char *state)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int r = authorization_bring(
		connection, arguments->profile, arguments->redirect_uri, state, redirect, &reply);

	if (r != 0) {
		return ask_fail(connection, r);
	}
	return reply.data ? output_data(arguments->json, reply.data, show_summary)
			  : ask_fail_reply(&reply, NULL);
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
		print_error("there is neither a code nor an error in that address, nor a token; "
			    "copy the whole of what the browser shows after the sign-in");
		return EXIT_STATUS_FAILURE;
	}
	if (redirect.is_address && (!redirect.state || strcmp(redirect.state, state) != 0)) {
		print_error("that address is not of this sign-in: its state is %s; nothing was "
			    "sent, begin again with: gctoken authorize",
			redirect.state ? "another" : "missing");
		return EXIT_STATUS_FAILURE;
	}
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
	status = authorization_begin(
		connection, arguments->profile, arguments->redirect_uri, arguments->state, &reply);
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	if (arguments->url) {
		return put_url(arguments, &reply);
	}
	print_escape(shown, sizeof(shown), authorization_text(&reply, "url"));
	print_prompt("Sign in at this address:\n\n");
	print_prompt(shown);
	print_prompt("\n\n");
	return read_and_bring(arguments, connection, authorization_text(&reply, "state"));
}

/* ---- set-token */

int command_set_token(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(input_free))) char *token = NULL;
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	cJSON *parameters;
	int status = input_line("Access token (not shown): ", "token", &token);

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	parameters = ask_parameters(arguments->profile);
	if (!parameters || !ask_add_text(parameters, "token", token) ||
		!ask_add_text(parameters, "expiration", arguments->expiration) ||
		(!arguments->expiration &&
			!cJSON_AddNumberToObject(parameters, "expiresIn", arguments->expires_in))) {
		cJSON_Delete(parameters);
		return output_fail_memory();
	}
	status = ask(connection, "auth.setAccessToken", parameters, &reply);
	return status == EXIT_STATUS_DONE ? output_data(arguments->json, reply.data, show_summary)
					  : status;
}
