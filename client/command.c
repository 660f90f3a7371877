#include "client/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/print.h"
#include "client/run.h"
#include "proto/escape.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "proto/region.h"

enum {
	REJECT_MAX = 64 * 1024, /* bytes of a token to reject */
	/* Room for a reply that is printed again. Numbers may come out longer than they came. */
	JSON_SIZE = 2 * CONNECTION_REPLY_MAX,
	DOMAIN_SIZE = 254, /* of a host's name in DNS, with a NUL */
	RETRY_SIZE = 48,
	SHOWN_SIZE = 1024,        /* of a text from outside in an error */
	MESSAGE_SIZE = 16 * 1024, /* of an errorMessage there: a reload's tells every mistake */
};

static void free_secret(char **text)
{
	if (*text) {
		explicit_bzero(*text, strlen(*text));
		free(*text);
	}
}

/* The token in a reply, or NULL. */
static char *reply_token(const struct reply *reply)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply->data, "jwtToken"));
}

static void free_reply(struct reply *reply)
{
	char *token = reply_token(reply);

	if (token) {
		explicit_bzero(token, strlen(token));
	}
	reply_done(reply);
}

static void close_fd(const int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

static int64_t wall_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int fail_memory(void)
{
	print_error("out of memory");
	return EXIT_STATUS_FAILURE;
}

/* Asks name of the daemon. Returns 0 with a reply, which may be an error; an enum
 * connection_outcome; -EBADMSG when what came is no reply; -E2BIG when the request is too long; or
 * another -errno. Takes the parameters over. */
static int request(
	struct connection *connection, const char *name, cJSON *parameters, struct reply *reply)
{
	__attribute__((cleanup(free_secret))) char *line = message_request(name, parameters);
	__attribute__((cleanup(free_secret))) char *text = NULL;
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

/* Tells why request() brought no reply. */
static int fail_request(const struct connection *connection, int r)
{
	char path[SHOWN_SIZE];
	char other[SHOWN_SIZE];

	print_escape(path, sizeof(path), connection->paths[connection->at]);
	switch (r) {
	case CONNECTION_NO_DAEMON:
		print_escape(
			other, sizeof(other), connection->n_paths > 1 ? connection->paths[1] : "");
		print_error("no daemon on %s%s%s (start it with: systemctl start gctokend, or name "
			    "another with --socket)",
			path, *other ? " or " : "", other);
		return EXIT_STATUS_NO_DAEMON;
	case CONNECTION_DENIED:
		print_error(
			"no permission to connect to %s (ask who runs gctokend, or name another "
			"socket with --socket)",
			path);
		return EXIT_STATUS_DENIED;
	case CONNECTION_TIMEOUT:
		print_error("no answer from gctokend on %s in time (try again, or wait longer with "
			    "--timeout)",
			path);
		return EXIT_STATUS_TEMPORARY;
	case CONNECTION_CLOSED:
		print_error("gctokend on %s closed the connection twice without an answer (try "
			    "again; if it lasts, see: journalctl -u gctokend)",
			path);
		return EXIT_STATUS_TEMPORARY;
	case CONNECTION_TOO_LONG:
		print_error("the reply from %s is longer than %d KiB (is it gctokend's socket?)",
			path, CONNECTION_REPLY_MAX / 1024);
		return EXIT_STATUS_FAILURE;
	case -EBADMSG:
		print_error(
			"what %s sent is no reply of gctokend (is it gctokend's socket?)", path);
		return EXIT_STATUS_FAILURE;
	case -E2BIG:
		print_error("the request is longer than the %d KiB that gctokend takes (is the "
			    "token to reject one of its tokens?)",
			FRAME_LINE_MAX / 1024);
		return EXIT_STATUS_FAILURE;
	default:
		print_error("cannot ask gctokend on %s: %s", path, strerror(-r));
		return EXIT_STATUS_FAILURE;
	}
}

static int fail_reply(const struct reply *reply, const char *advice)
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
	print_error(
		"%s (%s%s); %s", text, code, retry, advice ? advice : print_advice(reply->code));
	return error_exit_status(reply->code);
}

/* Asks, and tells what went wrong. Returns an exit status; *reply has data if that is
 * EXIT_STATUS_DONE. */
static int ask(
	struct connection *connection, const char *name, cJSON *parameters, struct reply *reply)
{
	int r = request(connection, name, parameters, reply);

	if (r != 0) {
		return fail_request(connection, r);
	}
	return reply->data ? EXIT_STATUS_DONE : fail_reply(reply, NULL);
}

static cJSON *profile_parameters(const struct arguments *arguments)
{
	cJSON *parameters = cJSON_CreateObject();

	if (!cJSON_AddStringToObject(parameters, "profile", arguments->profile)) {
		cJSON_Delete(parameters);
		return NULL;
	}
	return parameters;
}

/* Asks for a profile's token; *ret_token is in the reply. rejected may be NULL. */
static int ask_token(const struct arguments *arguments, struct connection *connection,
	const char *rejected, struct reply *reply, const char **ret_token)
{
	cJSON *parameters = profile_parameters(arguments);
	int status = EXIT_STATUS_FAILURE;

	if (!parameters ||
		(arguments->min_validity >= 0 && !cJSON_AddNumberToObject(parameters, "minValidity",
							 (double)arguments->min_validity))) {
		cJSON_Delete(parameters);
		return fail_memory();
	}
	/* A reference: cJSON makes no copy that would have to be wiped. */
	if (rejected && !cJSON_AddItemToObject(parameters, "rejectedToken",
				cJSON_CreateStringReference(rejected))) {
		cJSON_Delete(parameters);
		return fail_memory();
	}
	status = ask(connection, "auth.getJwtToken", parameters, reply);
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	*ret_token = reply_token(reply);
	if (!*ret_token || !**ret_token || strpbrk(*ret_token, "\r\n")) {
		return fail_request(connection, -EBADMSG);
	}
	return EXIT_STATUS_DONE;
}

static int put_json(const cJSON *data)
{
	/* Written in place: growing would leave copies of a token behind. Untouched pages are free
	 * of cost. */
	__attribute__((cleanup(free_secret))) char *text = malloc(JSON_SIZE);
	size_t len = 0;

	if (!text) {
		return fail_memory();
	}
	if (!cJSON_PrintPreallocated((cJSON *)data, text, JSON_SIZE - 1, false)) {
		explicit_bzero(text, JSON_SIZE);
		return fail_memory();
	}
	len = strlen(text);
	memcpy(text + len, "\n", 2);
	return print_out(text, len + 1);
}

static int put_data(const struct arguments *arguments, const cJSON *data, print_data *print)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = NULL;
	int status = EXIT_STATUS_FAILURE;

	if (arguments->json) {
		return put_json(data);
	}
	out = open_memstream(&text, &len);
	if (!out) {
		return fail_memory();
	}
	print(out, data, wall_clock_ms());
	status = fclose(out) == 0 ? print_out(text, len) : fail_memory();
	free(text);
	return status;
}

/* Prints one line. */
static int put_line(const char *prefix, const char *text)
{
	size_t size = strlen(prefix) + strlen(text) + sizeof("\n");
	__attribute__((cleanup(free_secret))) char *line = malloc(size);

	if (!line) {
		return fail_memory();
	}
	snprintf(line, size, "%s%s\n", prefix, text);
	return print_out(line, size - 1);
}

/* Reads up to size bytes of a file, or of stdin for "-". Returns 0, or -errno. */
static int read_file(const char *name, char *dst, size_t size, size_t *ret_len)
{
	__attribute__((cleanup(close_fd))) int opened = -1;
	int fd = STDIN_FILENO;
	ssize_t n = 1;

	if (strcmp(name, "-") != 0) {
		opened = open(name, O_RDONLY | O_CLOEXEC);
		fd = opened;
		if (fd < 0) {
			return -errno;
		}
	}
	for (*ret_len = 0; n > 0 && *ret_len < size; *ret_len += (size_t)n) {
		do {
			n = read(fd, dst + *ret_len, size - *ret_len);
		} while (n < 0 && errno == EINTR);
		if (n < 0) {
			return -errno;
		}
	}
	return 0;
}

/* Reads the token to reject, without the newline behind it. Returns an exit status. */
static int read_rejected(const char *name, char **ret_token)
{
	/* Room for CR, LF, a byte that is too many, and NUL. */
	__attribute__((cleanup(free_secret))) char *token = calloc(1, REJECT_MAX + 4);
	char shown[SHOWN_SIZE];
	size_t len = 0;
	int r = -ENOMEM;

	if (token) {
		r = read_file(name, token, REJECT_MAX + 3, &len);
	}
	print_escape(shown, sizeof(shown), strcmp(name, "-") == 0 ? "standard input" : name);
	if (r < 0) {
		print_error("cannot read the token to reject from %s: %s", shown, strerror(-r));
		return EXIT_STATUS_FAILURE;
	}
	if (len > 0 && token[len - 1] == '\n') {
		len -= len > 1 && token[len - 2] == '\r' ? 2 : 1;
	}
	if (len == 0 || len > REJECT_MAX || memchr(token, '\0', len) ||
		!escape_is_utf8(token, len)) {
		print_error("no token to reject in %s: that would be 1 to %d bytes of text", shown,
			REJECT_MAX);
		return EXIT_STATUS_FAILURE;
	}
	token[len] = '\0';
	*ret_token = token;
	token = NULL;
	return EXIT_STATUS_DONE;
}

int command_get(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(free_secret))) char *rejected = NULL;
	__attribute__((cleanup(free_reply))) struct reply reply = {0};
	const char *token = NULL;
	int status = EXIT_STATUS_DONE;

	if (arguments->reject) {
		status = read_rejected(arguments->reject, &rejected);
	}
	if (status == EXIT_STATUS_DONE) {
		status = ask_token(arguments, connection, rejected, &reply, &token);
	}
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	return arguments->json ? put_json(reply.data)
			       : put_line(arguments->header ? "Authorization: Bearer " : "", token);
}

/* Asks something that is answered by the profile's state. */
static int ask_info(const struct arguments *arguments, struct connection *connection,
	const char *name, struct reply *reply)
{
	cJSON *parameters = profile_parameters(arguments);

	return parameters ? ask(connection, name, parameters, reply) : fail_memory();
}

static const char *api_url(const struct reply *reply)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply->data, "apiUrl"));
}

int command_info(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(free_reply))) struct reply reply = {0};
	int status = ask_info(arguments, connection, "auth.getTokenInfo", &reply);
	char profile[SHOWN_SIZE];

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	if (!arguments->api_url) {
		return put_data(arguments, reply.data, print_info);
	}
	if (!api_url(&reply)) {
		print_escape(profile, sizeof(profile), arguments->profile);
		print_error("the profile %s has no API URL (its tokens are not Genesys Cloud's)",
			profile);
		return EXIT_STATUS_FAILURE;
	}
	return put_line("", api_url(&reply));
}

int command_refresh(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(free_reply))) struct reply reply = {0};
	int status = ask_info(arguments, connection, "auth.refresh", &reply);

	return status == EXIT_STATUS_DONE ? put_data(arguments, reply.data, print_summary) : status;
}

int command_status(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(free_reply))) struct reply reply = {0};
	int status = ask(connection, "system.getStatus", NULL, &reply);

	return status == EXIT_STATUS_DONE ? put_data(arguments, reply.data, print_status) : status;
}

int command_services(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(free_reply))) struct reply reply = {0};
	int status = ask(connection, "system.getAllowedServices", NULL, &reply);

	return status == EXIT_STATUS_DONE ? put_data(arguments, reply.data, print_services)
					  : status;
}

int command_reload(const struct arguments *arguments, struct connection *connection)
{
	static const char done[] = "Configuration reloaded.\n";
	__attribute__((cleanup(free_reply))) struct reply reply = {0};
	int r = request(connection, "system.reload", NULL, &reply);

	if (r != 0) {
		return fail_request(connection, r);
	}
	if (reply.data) {
		return print_out(done, strlen(done));
	}
	return fail_reply(
		&reply, reply.code == ERROR_INVALID_REQUEST || reply.code == ERROR_INTERNAL
				? "the configuration from before stays in force"
				: NULL);
}

/* The region that the profile's tokens are for, or NULL where it cannot be told. */
static const char *ask_region(const struct arguments *arguments, struct connection *connection)
{
	static const char prefix[] = "https://api.";
	__attribute__((cleanup(free_reply))) struct reply reply = {0};
	cJSON *parameters = profile_parameters(arguments);
	char domain[DOMAIN_SIZE] = "";
	const char *url = NULL;

	if (!parameters || request(connection, "auth.getTokenInfo", parameters, &reply) != 0) {
		return NULL;
	}
	url = api_url(&reply);
	if (!url || strncmp(url, prefix, strlen(prefix)) != 0) {
		return NULL;
	}
	url += strlen(prefix);
	snprintf(domain, sizeof(domain), "%.*s", (int)strcspn(url, ":/"), url);
	return region_of_domain(domain);
}

int command_exec(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(free_reply))) struct reply reply = {0};
	const char *token = NULL;
	int status = ask_token(arguments, connection, NULL, &reply, &token);

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	setrlimit(RLIMIT_CORE, &arguments->core_limit);
	return run_command(arguments->command, token, ask_region(arguments, connection));
}
