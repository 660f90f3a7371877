/*
 * gctoken: hands the arguments to their subcommand. It does not know what a subcommand does.
 */
#include <string.h>
#include <sys/prctl.h>

#include "client/command.h"
#include "client/connection.h"
#include "client/health.h"
#include "client/invocation.h"
#include "client/print.h"
#include "proto/error.h"

/* Tokens pass through here: no core file, and no other process of the same user looks in. */
static void harden(struct rlimit *ret_core_limit)
{
	struct rlimit none = {0};

	getrlimit(RLIMIT_CORE, ret_core_limit);
	none.rlim_max = ret_core_limit->rlim_max;
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

static int refuse(const struct invocation *invocation)
{
	if (invocation->subcommand && invocation->subcommand->run == command_health) {
		return health_refuse(invocation->fault);
	}
	print_error("%s", invocation->fault);
	return EXIT_STATUS_USAGE;
}

int main(int argc, char **argv)
{
	static const char version[] = "gctoken " GCTOKEND_VERSION "\n";
	struct invocation invocation;
	struct connection connection;

	invocation_parse(&invocation, argc, argv);
	if (!*invocation.fault && (invocation.given & OPTION_BIT(OPTION_HELP))) {
		return subcommand_print_help(invocation.subcommand);
	}
	if (!*invocation.fault && (invocation.given & OPTION_BIT(OPTION_VERSION))) {
		return print_out(version, strlen(version));
	}
	if (connection_init(
		    &connection, invocation.socket, (int64_t)(invocation.timeout_s * 1000)) < 0) {
		invocation_refuse(&invocation,
			"the path of the socket is longer than %d bytes: name another with "
			"--socket",
			CONNECTION_PATH_SIZE - 1);
	}
	if (*invocation.fault) {
		return refuse(&invocation);
	}
	harden(&invocation.arguments.core_limit);
	return invocation.subcommand->run(&invocation.arguments, &connection);
}
