#include "client/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/output.h"
#include "client/print.h"
#include "client/show.h"
#include "client/user.h"

enum {
	SHOWN_SIZE = 200, /* of an argument in an error */
	GID_SIZE = 11,    /* of a gid and what parts it from the next */
};

/* "1000,27"; NULL when there is no memory. */
static char *join_gids(const struct user *user)
{
	size_t size = user->n_gids * GID_SIZE + 1;
	char *text = malloc(size);
	size_t len = 0;

	if (text) {
		*text = '\0';
	}
	for (size_t i = 0; text && i < user->n_gids; i++) {
		len += (size_t)snprintf(
			text + len, size - len, "%s%u", i > 0 ? "," : "", (unsigned)user->gids[i]);
	}
	return text;
}

static bool add_user(cJSON *parameters, const struct user *user)
{
	char *gids = join_gids(user);
	bool good = gids && cJSON_AddNumberToObject(parameters, "uid", user->uid) &&
		    cJSON_AddStringToObject(parameters, "gids", gids);

	free(gids);
	return good;
}

/* Looks a user up. Returns an exit status; where it is not EXIT_STATUS_DONE, people were told why.
 */
static int find_user(const char *name, struct user *user)
{
	int r = user_find(name, user);
	char shown[SHOWN_SIZE];

	if (r == 0) {
		return EXIT_STATUS_DONE;
	}
	print_escape(shown, sizeof(shown), name);
	if (r == -ENOENT) {
		print_error(
			"there is no user %s on this machine (getent passwd lists them)", shown);
	} else {
		print_error("cannot look up the user %s: %s", shown, strerror(-r));
	}
	return EXIT_STATUS_FAILURE;
}

int command_explain(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	__attribute__((cleanup(user_done))) struct user user = {0};
	cJSON *parameters = NULL;
	bool of_others = arguments->user || arguments->unit;
	int status = EXIT_STATUS_DONE;
	int r = 0;

	if (arguments->user) {
		status = find_user(arguments->user, &user);
	}
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	parameters = ask_parameters(arguments->profile);
	if (!parameters || !ask_add_text(parameters, "unit", arguments->unit) ||
		(arguments->user && !add_user(parameters, &user))) {
		cJSON_Delete(parameters);
		return output_fail_memory();
	}
	r = ask_any(connection, "system.explain", parameters, &reply);
	if (r != 0) {
		return ask_fail(connection, r);
	}
	if (!reply.data) {
		return ask_fail_reply(
			&reply, reply.code == ERROR_ACCESS_DENIED && of_others && geteuid() != 0
					? "only root may ask about others: run it with sudo"
					: NULL);
	}
	return output_data(arguments->json, reply.data, show_explain);
}
