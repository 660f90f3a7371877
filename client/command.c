#include "client/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/connection.h"
#include "client/output.h"
#include "client/print.h"
#include "client/run.h"
#include "client/show.h"
#include "proto/escape.h"
#include "proto/message.h"
#include "proto/region.h"

enum {
	REJECT_MAX = 64 * 1024, /* bytes of a token to reject */
	DOMAIN_SIZE = 254,      /* of a host's name in DNS, with a NUL */
	SHOWN_SIZE = 1024,      /* of a text from outside in an error */
};

static void close_fd(const int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

/* Asks for a profile's token; *ret_token is in the reply. rejected may be NULL. */
static int ask_token(const struct arguments *arguments, struct connection *connection,
	const char *rejected, struct reply *reply, const char **ret_token)
{
	cJSON *parameters = ask_parameters(arguments->profile);
	int status = EXIT_STATUS_FAILURE;

	if (!parameters ||
		(arguments->min_validity >= 0 && !cJSON_AddNumberToObject(parameters, "minValidity",
							 (double)arguments->min_validity))) {
		cJSON_Delete(parameters);
		return output_fail_memory();
	}
	if (!ask_add_text(parameters, "rejectedToken", rejected)) {
		cJSON_Delete(parameters);
		return output_fail_memory();
	}
	status = ask(connection, "auth.getJwtToken", parameters, reply);
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	*ret_token = ask_token_of(reply);
	if (!*ret_token || !**ret_token || strpbrk(*ret_token, "\r\n")) {
		return ask_fail(connection, -EBADMSG);
	}
	return EXIT_STATUS_DONE;
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
	__attribute__((cleanup(output_free_secret))) char *token = calloc(1, REJECT_MAX + 4);
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
	__attribute__((cleanup(output_free_secret))) char *rejected = NULL;
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
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
	return arguments->json
		       ? output_json(reply.data)
		       : output_line(arguments->header ? "Authorization: Bearer " : "", token);
}

/* Asks something that is answered by the profile's state. */
static int ask_info(const struct arguments *arguments, struct connection *connection,
	const char *name, struct reply *reply)
{
	cJSON *parameters = ask_parameters(arguments->profile);

	return parameters ? ask(connection, name, parameters, reply) : output_fail_memory();
}

static const char *api_url(const struct reply *reply)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply->data, "apiUrl"));
}

int command_info(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int status = ask_info(arguments, connection, "auth.getTokenInfo", &reply);
	char profile[SHOWN_SIZE];

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	if (!arguments->api_url) {
		return output_data(arguments->json, reply.data, show_info);
	}
	if (!api_url(&reply)) {
		print_escape(profile, sizeof(profile), arguments->profile);
		print_error("the profile %s has no API URL (its tokens are not Genesys Cloud's)",
			profile);
		return EXIT_STATUS_FAILURE;
	}
	return output_line("", api_url(&reply));
}

int command_refresh(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int status = ask_info(arguments, connection, "auth.refresh", &reply);

	return status == EXIT_STATUS_DONE ? output_data(arguments->json, reply.data, show_summary)
					  : status;
}

/* What became of what the profile had at the login server. */
static int put_logout(const cJSON *data)
{
	const cJSON *why = cJSON_GetObjectItemCaseSensitive(data, "revocationError");
	bool revoked = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(data, "revoked"));
	char shown[SHOWN_SIZE];

	if (cJSON_IsString(why)) {
		print_escape(shown, sizeof(shown), why->valuestring);
		print_error("logged out here, but not at the login server: %s", shown);
		return EXIT_STATUS_DONE;
	}
	return output_line("", revoked ? "Logged out, and at the login server too."
				       : "Logged out; there was nothing to revoke.");
}

int command_logout(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int status = ask_info(arguments, connection, "auth.logout", &reply);

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	return arguments->json ? output_json(reply.data) : put_logout(reply.data);
}

int command_status(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int status = ask(connection, "system.getStatus", NULL, &reply);

	return status == EXIT_STATUS_DONE ? output_data(arguments->json, reply.data, show_status)
					  : status;
}

int command_services(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int status = ask(connection, "system.getAllowedServices", NULL, &reply);

	return status == EXIT_STATUS_DONE ? output_data(arguments->json, reply.data, show_services)
					  : status;
}

int command_reload(const struct arguments *arguments, struct connection *connection)
{
	static const char done[] = "Configuration reloaded.\n";
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	int r = ask_any(connection, "system.reload", NULL, &reply);

	if (r != 0) {
		return ask_fail(connection, r);
	}
	if (reply.data) {
		return print_out(done, strlen(done));
	}
	return ask_fail_reply(
		&reply, reply.code == ERROR_INVALID_REQUEST || reply.code == ERROR_INTERNAL
				? "the configuration from before stays in force"
				: NULL);
}

/* The region that the profile's tokens are for, or NULL where it cannot be told. */
static const char *ask_region(const struct arguments *arguments, struct connection *connection)
{
	static const char prefix[] = "https://api.";
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	cJSON *parameters = ask_parameters(arguments->profile);
	char domain[DOMAIN_SIZE] = "";
	const char *url = NULL;

	if (!parameters || ask_any(connection, "auth.getTokenInfo", parameters, &reply) != 0) {
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
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	const char *token = NULL;
	int status = ask_token(arguments, connection, NULL, &reply, &token);

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	setrlimit(RLIMIT_CORE, &arguments->core_limit);
	return run_command(arguments->command, token, ask_region(arguments, connection));
}
