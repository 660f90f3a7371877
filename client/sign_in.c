#include "client/sign_in.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/authorization.h"
#include "client/ending.h"
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

/* Brings what the browser came back with, and prints the state. Where the daemon could not take a
 * sign-in of our own it is to forget it. */
static int bring(const struct arguments *arguments, struct connection *connection,
	const struct redirect *redirect, const char *state, bool own)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int r = authorization_bring(
		connection, arguments->profile, arguments->redirect_uri, state, redirect, &reply);

	if (r != 0) {
		return ask_fail(connection, r);
	}
	if (own && !reply.data && reply.code == ERROR_RATE_LIMITED) {
		authorization_withdraw(connection, arguments->profile, state);
	}
	return reply.data ? output_data(arguments->json, reply.data, show_summary)
			  : ask_fail_reply(&reply, NULL);
}

/* Tells what is wrong with what was read. */
static bool is_of_sign_in(const struct redirect *redirect, const char *state)
{
	if (redirect->is_address && (!redirect->state || strcmp(redirect->state, state) != 0)) {
		print_error("that address is not of this sign-in: its state is %s; nothing was "
			    "sent: copy the one that the browser shows after this sign-in",
			redirect->state ? "another" : "missing");
		return false;
	}
	return true;
}

/* Reads the address or code into *ret_line, which *redirect then points into. Returns an exit
 * status. Who has pasted something else at a terminal may try again. */
static int read_redirect(const char *state, char **ret_line, struct redirect *redirect)
{
	do {
		int status;

		input_free(ret_line);
		*ret_line = NULL;
		status = input_line("Address that the browser was sent to, or the code in it (not "
				    "shown): ",
			"code", ret_line);
		if (status != EXIT_STATUS_DONE) {
			return status;
		}
		if (!redirect_read(redirect, *ret_line)) {
			print_error("there is neither a code nor an error in that address, nor a "
				    "token; copy the whole of what the browser shows after the "
				    "sign-in");
		} else if (is_of_sign_in(redirect, state)) {
			return EXIT_STATUS_DONE;
		}
	} while (isatty(STDIN_FILENO));
	return EXIT_STATUS_FAILURE;
}

static int begin(
	const struct arguments *arguments, struct connection *connection, struct reply *reply)
{
	return authorization_begin(
		connection, arguments->profile, arguments->redirect_uri, arguments->state, reply);
}

/* Ends a sign-in that another process has begun. */
static int end_other(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(input_free))) char *line = NULL;
	struct redirect redirect;
	int status = read_redirect(arguments->state, &line, &redirect);

	return status == EXIT_STATUS_DONE
		       ? bring(arguments, connection, &redirect, arguments->state, false)
		       : status;
}

static int begin_for_other(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int status = begin(arguments, connection, &reply);

	return status == EXIT_STATUS_DONE ? put_url(arguments, &reply) : status;
}

/* Where the sign-in does not come to its end, the daemon forgets it. */
static int begin_and_end(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	__attribute__((cleanup(input_free))) char *line = NULL;
	struct redirect redirect;
	char shown[URL_SHOWN_SIZE];
	const char *state;
	int status;

	status = authorization_check(connection, arguments->profile);
	if (status == EXIT_STATUS_DONE) {
		status = begin(arguments, connection, &reply);
	}
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	ending_hold();
	state = authorization_text(&reply, "state");
	print_escape(shown, sizeof(shown), authorization_text(&reply, "url"));
	print_prompt("Sign in at this address:\n\n");
	print_prompt(shown);
	print_prompt("\n\n");
	status = read_redirect(state, &line, &redirect);
	if (status != EXIT_STATUS_DONE || ending_is_due()) {
		authorization_withdraw(connection, arguments->profile, state);
	}
	ending_release();
	return status == EXIT_STATUS_DONE ? bring(arguments, connection, &redirect, state, true)
					  : status;
}

int command_authorize(const struct arguments *arguments, struct connection *connection)
{
	if (arguments->url) {
		return begin_for_other(arguments, connection);
	}
	return arguments->state ? end_other(arguments, connection)
				: begin_and_end(arguments, connection);
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
