#include "client/device.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/authorization.h"
#include "client/output.h"
#include "client/print.h"
#include "client/show.h"

enum {
	WAIT_MS = 330 * 1000,  /* more than a daemon lets anybody wait at most */
	RETRY_MS = 1000,       /* between two questions where the daemon could not wait */
	RETRY_MAX_S = 60 * 60, /* at most, where it says how long */
	ABSENCES_MAX = 20,     /* so many in a row go unanswered, as while a daemon is restarted */
	SHOWN_SIZE = 4 * 1024, /* of a text from outside */
	PROMPT_SIZE = 3 * SHOWN_SIZE,
	ADVICE_SIZE = SHOWN_SIZE + 64,
	MINUTE_MS = 60 * 1000,
};

/* Asks for the codes. Returns an exit status. */
static int begin(
	const struct arguments *arguments, struct connection *connection, struct reply *reply)
{
	cJSON *parameters = ask_parameters(arguments->profile);
	int status = parameters ? ask(connection, "auth.getUserCode", parameters, reply)
				: output_fail_memory();

	if (status == EXIT_STATUS_DONE && (!authorization_text(reply, "userCode") ||
						  !authorization_text(reply, "verificationUri"))) {
		return ask_fail(connection, -EBADMSG);
	}
	return status;
}

/* " within 10 minutes", or nothing where it cannot be told. */
static void write_left(char *dst, size_t size, const struct reply *reply)
{
	const char *text = authorization_text(reply, "expiresAt");
	int64_t at_ms, minutes;

	*dst = '\0';
	if (text && message_parse_time(text, &at_ms)) {
		minutes = (at_ms - output_now_ms() + MINUTE_MS / 2) / MINUTE_MS;
		minutes = minutes > 1 ? minutes : 1;
		snprintf(dst, size, " within %lld minute%s", (long long)minutes,
			minutes == 1 ? "" : "s");
	}
}

static void show_codes(const struct reply *reply)
{
	const char *complete = authorization_text(reply, "verificationUriComplete");
	char uri[SHOWN_SIZE], code[SHOWN_SIZE], left[64], prompt[PROMPT_SIZE];

	print_escape(uri, sizeof(uri), authorization_text(reply, "verificationUri"));
	print_escape(code, sizeof(code), authorization_text(reply, "userCode"));
	write_left(left, sizeof(left), reply);
	snprintf(prompt, sizeof(prompt),
		"Open this address in a browser, on any machine, and enter the code%s:\n\n    %s\n"
		"    %s\n\n",
		left, uri, code);
	print_prompt(prompt);
	if (complete) {
		print_escape(uri, sizeof(uri), complete);
		snprintf(prompt, sizeof(prompt),
			"Or open this one, and compare the code:\n\n    %s\n\n", uri);
		print_prompt(prompt);
	}
}

/* Waits for the end as long as the daemon lets anybody wait. Returns as ask_any(). */
static int ask_end(const struct arguments *arguments, struct connection *connection,
	const char *user_code, struct reply *reply)
{
	cJSON *parameters = ask_parameters(arguments->profile);

	if (!parameters || !ask_add_text(parameters, "userCode", user_code)) {
		cJSON_Delete(parameters);
		return -ENOMEM;
	}
	connection->timeout_ms = WAIT_MS;
	connection->deadline_ms = 0;
	return ask_any(connection, "auth.authorizeDevice", parameters, reply);
}

/* Whether there was no answer, but one may come yet. */
static bool may_come_back(int r, const struct reply *reply)
{
	return r == CONNECTION_NO_DAEMON || r == CONNECTION_CLOSED ||
	       (r == 0 && !reply->data &&
		       (reply->code == ERROR_SHUTTING_DOWN || reply->code == ERROR_RATE_LIMITED));
}

/* How long to wait before the next question. */
static unsigned gap_s(const struct reply *reply, int64_t asked_ms)
{
	/* A quarantine is long, and each question before its end would be in vain. */
	if (reply->code == ERROR_RATE_LIMITED && reply->retry_after > RETRY_MS / 1000) {
		return reply->retry_after < RETRY_MAX_S ? (unsigned)reply->retry_after
							: RETRY_MAX_S;
	}
	return connection_now_ms() < asked_ms + RETRY_MS ? RETRY_MS / 1000 : 0;
}

static int finish(const struct arguments *arguments, const struct connection *connection, int r,
	const struct reply *reply)
{
	char advice[ADVICE_SIZE], shown[SHOWN_SIZE];

	if (r != 0) {
		return ask_fail(connection, r);
	}
	if (reply->data) {
		return output_data(arguments->json, reply->data, show_summary);
	}
	print_escape(shown, sizeof(shown), arguments->profile);
	snprintf(advice, sizeof(advice), "run: gctoken login --device %s", shown);
	return ask_fail_reply(reply, reply->code == ERROR_LOGIN_REQUIRED ? advice : NULL);
}

static int wait_for_end(
	const struct arguments *arguments, struct connection *connection, const char *user_code)
{
	for (int absences = 0;;) {
		__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
		int64_t asked_ms = connection_now_ms();
		int r = ask_end(arguments, connection, user_code, &reply);
		bool pending = r == 0 && !reply.data && reply.code == ERROR_REFRESH_TIMEOUT;

		absences = may_come_back(r, &reply) ? absences + 1 : 0;
		if (!pending && (absences == 0 || absences > ABSENCES_MAX)) {
			return finish(arguments, connection, r, &reply);
		}
		sleep(gap_s(&reply, asked_ms));
	}
}

int command_device(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply codes = {0};
	int status = begin(arguments, connection, &codes);

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	show_codes(&codes);
	return wait_for_end(arguments, connection, authorization_text(&codes, "userCode"));
}
