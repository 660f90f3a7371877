#include "client/watch.h"

#include <errno.h>
#include <string.h>

#include "client/ask.h"
#include "client/output.h"
#include "client/print.h"
#include "client/stream.h"

enum {
	SHOWN_SIZE = 1024,             /* of a text from outside in an error */
	AGAIN_MS = 200,                /* between looks for a daemon that has gone */
	UNWRITTEN = STREAM_UNHEARD + 1 /* standard output takes no more, which was told */
};

struct watch {
	const struct arguments *arguments;
	struct connection *connection;
	struct stream stream;
	struct reply reply; /* the last line; all zero where there is none */
};

static void watch_done(struct watch *watch)
{
	ask_free_reply(&watch->reply);
	stream_close(&watch->stream);
}

/* ---- lines */

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

/* Returns 0 with a reply or an event, or what stream_next() does, or -EBADMSG. */
static int read_line(struct watch *watch, int64_t deadline_ms)
{
	char *line = NULL;
	size_t len = 0;
	int r = 0;

	ask_free_reply(&watch->reply);
	watch->reply = (struct reply){0};
	r = stream_next(&watch->stream, deadline_ms, &line, &len);
	if (r == 0 && !reply_parse(&watch->reply, line, len)) {
		r = -EBADMSG;
	}
	return r;
}

static int subscribe_once(struct watch *watch, const char *line)
{
	int r = 0;

	stream_close(&watch->stream);
	r = stream_open(&watch->stream, watch->connection, line, strlen(line));
	return r == 0 ? read_line(watch, watch->connection->deadline_ms) : r;
}

/* A connection that closes unanswered is tried once more. Returns as read_line(). */
static int subscribe(struct watch *watch)
{
	__attribute__((cleanup(output_free_secret))) char *line = make_request(watch->arguments);
	int r = 0;

	if (!line) {
		return -ENOMEM;
	}
	r = subscribe_once(watch, line);
	return r == CONNECTION_CLOSED ? subscribe_once(watch, line) : r;
}

/* ---- events */

static int print_event(const struct watch *watch)
{
	size_t len = 0;
	__attribute__((cleanup(output_free_secret))) char *text = output_render(
		watch->arguments->json, watch->reply.tree, show_event, &len);
	int r = 0;

	if (!text) {
		return -ENOMEM;
	}
	r = print_bytes(text, len);
	if (r < 0 && r != -EPIPE) {
		print_error("cannot write to standard output: %s", strerror(-r));
		return UNWRITTEN;
	}
	return r == 0 ? 0 : STREAM_UNHEARD;
}

/* Prints what comes. Returns 0 when the daemon has said why it ends, as read_line(), or UNWRITTEN.
 */
static int print_events(struct watch *watch)
{
	int r = 0;

	while (r == 0) {
		r = read_line(watch, INT64_MAX);
		if (r == 0 && !watch->reply.data) {
			break;
		}
		if (r == 0) {
			r = print_event(watch);
		}
	}
	return r;
}

/* ---- a daemon that comes back */

/* Whether there may be more to hear, of who asks again. */
static bool is_passing(const struct watch *watch, int r)
{
	return r == CONNECTION_CLOSED || r == CONNECTION_NO_DAEMON ||
	       (r == 0 && !watch->reply.data && watch->reply.retryable);
}

static void tell_passing(const struct watch *watch, int r)
{
	const struct connection *connection = watch->connection;
	char text[SHOWN_SIZE];
	char code[SHOWN_SIZE];

	if (r == 0) {
		print_escape(text, sizeof(text), watch->reply.text);
		print_escape(code, sizeof(code), watch->reply.code_name);
		print_error("%s (%s); connecting again", text, code);
	} else {
		print_escape(text, sizeof(text), connection->paths[connection->at]);
		print_error("gctokend on %s closed the connection; connecting again", text);
	}
}

/* How long the daemon wants to be left alone. */
static int64_t pause_ms(const struct watch *watch, int r)
{
	int64_t after_s = r == 0 ? watch->reply.retry_after : 0;

	return after_s > 0 ? after_s * 1000 : AGAIN_MS;
}

/* Subscribes again, for as long as the daemon may take to come back. Takes and returns what
 * subscribe() does. */
static int subscribe_again(struct watch *watch, int r)
{
	struct connection *connection = watch->connection;

	connection->deadline_ms = connection_now_ms() + connection->timeout_ms;
	while (is_passing(watch, r)) {
		int64_t until_ms = connection_now_ms() + pause_ms(watch, r);

		if (until_ms >= connection->deadline_ms) {
			break;
		}
		r = stream_pause(until_ms);
		if (r == 0) {
			r = subscribe(watch);
		}
	}
	return r;
}

/* ---- the whole */

/* Returns an exit status. */
static int tell_end(const struct watch *watch, int r)
{
	switch (r) {
	case STREAM_UNHEARD:
		return EXIT_STATUS_DONE;
	case UNWRITTEN:
		return EXIT_STATUS_FAILURE;
	case 0:
		return ask_fail_reply(&watch->reply, NULL);
	default:
		return ask_fail(watch->connection, r);
	}
}

int command_watch(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(watch_done))) struct watch watch = {
		.arguments = arguments,
		.connection = connection,
		.stream.fd = -1,
	};
	int r = subscribe(&watch);

	while (r == 0 && watch.reply.data) {
		r = print_events(&watch);
		if (is_passing(&watch, r)) {
			tell_passing(&watch, r);
			r = subscribe_again(&watch, r);
		}
	}
	return tell_end(&watch, r);
}
