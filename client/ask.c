#include "client/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/output.h"
#include "client/print.h"
#include "proto/frame.h"

enum {
	RETRY_SIZE = 48,
	SHOWN_SIZE = 1024,        /* of a text from outside in an error */
	MESSAGE_SIZE = 16 * 1024, /* of an errorMessage there: a reload's tells every mistake */
};

char *ask_token_of(const struct reply *reply)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply->data, "jwtToken"));
}

void ask_free_reply(struct reply *reply)
{
	char *token = ask_token_of(reply);

	if (token) {
		explicit_bzero(token, strlen(token));
	}
	reply_done(reply);
}

int ask_any(struct connection *connection, const char *name, cJSON *parameters, struct reply *reply)
{
	__attribute__((cleanup(output_free_secret))) char *line = message_request(name, parameters);
	__attribute__((cleanup(output_free_secret))) char *text = NULL;
	size_t len = 0;
	int r = 0;

	if (!line) {
		return -ENOMEM;
	}
	if (strlen(line) > FRAME_LINE_MAX + 1) {
		return -E2BIG;
	}
	r = connection_ask(connection, line, strlen(line), &text, &len);
	if (r != 0) {
		return r;
	}
	return reply_parse(reply, text, len) ? 0 : -EBADMSG;
}

int ask_why(char why[ASK_WHY_SIZE], const struct connection *connection, int r)
{
	char path[SHOWN_SIZE];
	char other[SHOWN_SIZE];

	print_escape(path, sizeof(path), connection->paths[connection->at]);
	switch (r) {
	case CONNECTION_NO_DAEMON:
		print_escape(
			other, sizeof(other), connection->n_paths > 1 ? connection->paths[1] : "");
		snprintf(why, ASK_WHY_SIZE,
			"no daemon on %s%s%s (start it with: systemctl start gctokend, or name "
			"another with --socket)",
			path, *other ? " or " : "", other);
		return EXIT_STATUS_NO_DAEMON;
	case CONNECTION_DENIED:
		snprintf(why, ASK_WHY_SIZE,
			"no permission to connect to %s (ask who runs gctokend, or name another "
			"socket with --socket)",
			path);
		return EXIT_STATUS_DENIED;
	case CONNECTION_TIMEOUT:
		snprintf(why, ASK_WHY_SIZE,
			"no answer from gctokend on %s in time (try again, or wait longer with "
			"--timeout)",
			path);
		return EXIT_STATUS_TEMPORARY;
	case CONNECTION_CLOSED:
		snprintf(why, ASK_WHY_SIZE,
			"gctokend on %s closed the connection twice without an answer (try "
			"again; if it lasts, see: journalctl -u gctokend)",
			path);
		return EXIT_STATUS_TEMPORARY;
	case CONNECTION_TOO_LONG:
		snprintf(why, ASK_WHY_SIZE,
			"the reply from %s is longer than %d KiB (is it gctokend's socket?)", path,
			CONNECTION_REPLY_MAX / 1024);
		return EXIT_STATUS_FAILURE;
	case -EBADMSG:
		snprintf(why, ASK_WHY_SIZE,
			"what %s sent is no reply of gctokend (is it gctokend's socket?)", path);
		return EXIT_STATUS_FAILURE;
	case -E2BIG:
		snprintf(why, ASK_WHY_SIZE,
			"the request is longer than the %d KiB that gctokend takes (is "
			"the token one of its tokens?)",
			FRAME_LINE_MAX / 1024);
		return EXIT_STATUS_FAILURE;
	default:
		snprintf(why, ASK_WHY_SIZE, "cannot ask gctokend on %s: %s", path, strerror(-r));
		return EXIT_STATUS_FAILURE;
	}
}

int ask_why_error(char why[ASK_WHY_SIZE], const struct reply *reply, const char *advice)
{
	char text[MESSAGE_SIZE];
	char code[SHOWN_SIZE];
	char retry[RETRY_SIZE] = "";

	print_escape(text, sizeof(text), reply->text);
	print_escape(code, sizeof(code), reply->code_name);
	if (reply->retry_after > 0) {
		snprintf(retry, sizeof(retry), ", try again in %lld s",
			(long long)reply->retry_after);
	}
	snprintf(why, ASK_WHY_SIZE, "%s (%s%s); %s", text, code, retry,
		advice ? advice : print_advice(reply->code));
	return error_exit_status(reply->code);
}

int ask_fail(const struct connection *connection, int r)
{
	char why[ASK_WHY_SIZE];
	int status = ask_why(why, connection, r);

	print_error("%s", why);
	return status;
}

int ask_fail_reply(const struct reply *reply, const char *advice)
{
	char why[ASK_WHY_SIZE];
	int status = ask_why_error(why, reply, advice);

	print_error("%s", why);
	return status;
}

int ask(struct connection *connection, const char *name, cJSON *parameters, struct reply *reply)
{
	int r = ask_any(connection, name, parameters, reply);

	if (r != 0) {
		return ask_fail(connection, r);
	}
	return reply->data ? EXIT_STATUS_DONE : ask_fail_reply(reply, NULL);
}

cJSON *ask_parameters(const char *profile)
{
	cJSON *parameters = cJSON_CreateObject();

	if (!cJSON_AddStringToObject(parameters, "profile", profile)) {
		cJSON_Delete(parameters);
		return NULL;
	}
	return parameters;
}

bool ask_add_text(cJSON *parameters, const char *name, const char *text)
{
	return !text || cJSON_AddItemToObject(parameters, name, cJSON_CreateStringReference(text));
}
