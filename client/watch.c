#include "client/watch.h"

#include <errno.h>
#include <string.h>

#include "client/ask.h"
#include "client/output.h"
#include "client/print.h"
#include "client/stream.h"

enum { SHOWN_SIZE = 1024 /* of a text from outside in an error */ };

/* {"profiles":[profile]}; NULL when there is no memory. */
static cJSON *name_profile(const char *profile)
{
	cJSON *parameters = cJSON_CreateObject();
	cJSON *profiles = cJSON_AddArrayToObject(parameters, "profiles");

	if (!cJSON_AddItemToArray(profiles, cJSON_CreateString(profile))) {
		cJSON_Delete(parameters);
		return NULL;
	}
	return parameters;
}

/* Returns what the client asks with, which is the caller's; NULL when there is no memory. */
static char *make_request(const struct arguments *arguments)
{
	cJSON *parameters = NULL;

	if (arguments->profile_given) {
		parameters = name_profile(arguments->profile);
		if (!parameters) {
			return NULL;
		}
	}
	return message_request("events.subscribe", parameters);
}

/* Reads a line. Returns 0 with a reply or an event, or what stream_next() does, or -EBADMSG. */
static int read_line(struct stream *stream, int64_t deadline_ms, struct reply *reply)
{
	char *line = NULL;
	size_t len = 0;
	int r = stream_next(stream, deadline_ms, &line, &len);

	if (r != 0) {
		return r;
	}
	return reply_parse(reply, line, len) ? 0 : -EBADMSG;
}

static int open_once(
	struct stream *stream, struct connection *connection, const char *line, struct reply *reply)
{
	int r = stream_open(stream, connection, line, strlen(line));

	return r == 0 ? read_line(stream, connection->deadline_ms, reply) : r;
}

/* Subscribes; a connection that closes unanswered is tried once more. Returns as read_line(). */
static int subscribe(const struct arguments *arguments, struct connection *connection,
	struct stream *stream, struct reply *reply)
{
	__attribute__((cleanup(output_free_secret))) char *line = make_request(arguments);
	int r;

	if (!line) {
		return -ENOMEM;
	}
	r = open_once(stream, connection, line, reply);
	if (r == CONNECTION_CLOSED) {
		stream_close(stream);
		r = open_once(stream, connection, line, reply);
	}
	return r;
}

static int tell_why(const struct connection *connection, int r)
{
	char path[SHOWN_SIZE];

	if (r == STREAM_UNHEARD) {
		return EXIT_STATUS_DONE;
	}
	if (r != CONNECTION_CLOSED) {
		return ask_fail(connection, r);
	}
	print_escape(path, sizeof(path), connection->paths[connection->at]);
	print_error("gctokend on %s closed the connection (start again; if it lasts, see: "
		    "journalctl -u gctokend)",
		path);
	return EXIT_STATUS_TEMPORARY;
}

/* Prints the next event. Returns an exit status; *ret_goes_on unless it was the last. */
static int print_next(const struct arguments *arguments, const struct connection *connection,
	struct stream *stream, bool *ret_goes_on)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int r = read_line(stream, INT64_MAX, &reply);
	int status;

	if (r != 0) {
		return tell_why(connection, r);
	}
	if (!reply.data) {
		return ask_fail_reply(&reply, NULL);
	}
	status = output_data(arguments->json, reply.tree, show_event);
	*ret_goes_on = status == EXIT_STATUS_DONE;
	return status;
}

int command_watch(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(stream_close))) struct stream stream = {.fd = -1};
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	bool goes_on = true;
	int status = EXIT_STATUS_DONE;
	int r = subscribe(arguments, connection, &stream, &reply);

	if (r != 0) {
		return r == STREAM_UNHEARD ? EXIT_STATUS_DONE : ask_fail(connection, r);
	}
	if (!reply.data) {
		return ask_fail_reply(&reply, NULL);
	}
	while (goes_on) {
		goes_on = false;
		status = print_next(arguments, connection, &stream, &goes_on);
	}
	return status;
}
