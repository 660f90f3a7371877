#include "client/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/print.h"
#include "proto/error.h"

enum { COMMAND_SHOWN_SIZE = 200 };

int run_command(char *const *argv, const char *token, const char *region)
{
	char shown[COMMAND_SHOWN_SIZE];
	char *copy = NULL;
	int why = 0;

	if (setenv("GENESYSCLOUD_ACCESS_TOKEN", token, 1) < 0 ||
		(region && setenv("GENESYSCLOUD_REGION", region, 1) < 0)) {
		print_error("cannot set the environment: %s", strerror(errno));
		return EXIT_STATUS_CANNOT_EXECUTE;
	}
	execvp(argv[0], argv);
	why = errno;
	copy = getenv("GENESYSCLOUD_ACCESS_TOKEN");
	if (copy) {
		explicit_bzero(copy, strlen(copy));
	}
	print_escape(shown, sizeof(shown), argv[0]);
	print_error("cannot run %s: %s", shown, strerror(why));
	return why == ENOENT ? EXIT_STATUS_NOT_FOUND : EXIT_STATUS_CANNOT_EXECUTE;
}
