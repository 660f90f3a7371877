#include "client/login.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/device.h"
#include "client/print.h"
#include "client/sign_in.h"

#define PROGRAM "gctoken-login"

/* Becomes the program beside this one, as where both were built. Returns only when that fails. */
static void run_beside(const struct arguments *arguments)
{
	static const char self[] = "/proc/self/exe";
	char path[PATH_MAX];
	ssize_t len = readlink(self, path, sizeof(path) - sizeof(PROGRAM));
	char *name;

	if (len <= 0) {
		return;
	}
	path[len] = '\0';
	name = strrchr(path, '/');
	if (name) {
		memcpy(name + 1, PROGRAM, sizeof(PROGRAM));
		execv(path, arguments->argv);
	}
}

int command_login(const struct arguments *arguments, struct connection *connection)
{
	static const char path[] = GCTOKEN_LIBEXECDIR "/" PROGRAM;

	if (arguments->device) {
		return command_device(arguments, connection);
	}
	if (arguments->no_browser) {
		return command_authorize(arguments, connection);
	}
	setrlimit(RLIMIT_CORE, &arguments->core_limit);
	run_beside(arguments);
	execv(path, arguments->argv);
	print_error("cannot run %s: %s (install it with gctoken, or sign in with --no-browser)",
		path, strerror(errno));
	return EXIT_STATUS_FAILURE;
}
