#include "client/subcommand.h"

#include <string.h>

#include "client/explain.h"
#include "client/health.h"
#include "client/login.h"
#include "client/print.h"
#include "client/sign_in.h"
#include "client/watch.h"

static const struct subcommand subcommands[] = {
	{"get", command_get,
		OPTION_BIT(OPTION_MIN_VALIDITY) | OPTION_BIT(OPTION_REJECT) |
			OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_HEADER),
		true, false,
		"Usage: gctoken get [PROFILE] [OPTION]...\n"
		"\n"
		"Prints a valid token of PROFILE (default) and a newline.\n"
		"\n"
		"  --min-validity S  with at least S seconds left\n"
		"  --reject FILE|-   not the one in FILE, or on standard input: the API answered\n"
		"                    401 to it\n"
		"  --header          as a header line: Authorization: Bearer TOKEN\n"
		"  --json            as JSON, with its expiration\n"},
	{"info", command_info, OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_API_URL), true, false,
		"Usage: gctoken info [PROFILE] [OPTION]...\n"
		"\n"
		"Prints the state of PROFILE (default); there is no secret in it.\n"
		"\n"
		"  --api-url         print the base URL of its API and nothing else\n"
		"  --json            as JSON\n"},
	{"status", command_status, OPTION_BIT(OPTION_JSON), false, false,
		"Usage: gctoken status [OPTION]...\n"
		"\n"
		"Prints the state of gctokend and of the profiles that you may see.\n"
		"\n"
		"  --json            as JSON\n"},
	{"services", command_services, OPTION_BIT(OPTION_JSON), false, false,
		"Usage: gctoken services [OPTION]...\n"
		"\n"
		"Prints what you may call, and on which profiles.\n"
		"\n"
		"  --json            as JSON\n"},
	{"exec", command_exec, OPTION_BIT(OPTION_MIN_VALIDITY), true, true,
		"Usage: gctoken exec [PROFILE] [OPTION]... -- COMMAND [ARGUMENT]...\n"
		"\n"
		"Runs COMMAND with a valid token of PROFILE (default) in\n"
		"GENESYSCLOUD_ACCESS_TOKEN and, where it is known, its region in\n"
		"GENESYSCLOUD_REGION.\n"
		"\n"
		"  --min-validity S  with at least S seconds left\n"
		"\n"
		"Exit status: that of COMMAND; 126 where it cannot be run, 127 where there is no\n"
		"such command.\n"},
	{"refresh", command_refresh, OPTION_BIT(OPTION_JSON), true, false,
		"Usage: gctoken refresh [PROFILE] [OPTION]...\n"
		"\n"
		"Has gctokend fetch a new token for PROFILE (default) now, and waits for it.\n"
		"\n"
		"  --json            as JSON\n"},
	{"login", command_login,
		OPTION_BIT(OPTION_NO_BROWSER) | OPTION_BIT(OPTION_DEVICE) | OPTION_BIT(OPTION_JSON),
		true, false,
		"Usage: gctoken login [PROFILE] [OPTION]...\n"
		"\n"
		"Signs PROFILE (default) in with the browser of this machine, waits until that\n"
		"is done, and prints the new state.\n"
		"\n"
		"  --no-browser      print the address to sign in at, and read from standard\n"
		"                    input the address that the browser is then sent to\n"
		"  --device          print an address and a code to enter there, with a browser\n"
		"                    on any machine: where PROFILE has grant = device\n"
		"  --json            as JSON\n"},
	{"authorize", command_authorize,
		OPTION_BIT(OPTION_URL) | OPTION_BIT(OPTION_STATE) |
			OPTION_BIT(OPTION_REDIRECT_URI) | OPTION_BIT(OPTION_JSON),
		true, false,
		"Usage: gctoken authorize [PROFILE] [OPTION]...\n"
		"\n"
		"Signs PROFILE (default) in with a browser elsewhere: prints the address to sign\n"
		"in at, reads from standard input the address that the browser is then sent to,\n"
		"or the code in it, and prints the new state.\n"
		"\n"
		"  --url             print the address and, on the next line, its state, and end\n"
		"  --state S         read the address or code for the state S, which an earlier\n"
		"                    --url printed; with --url: S is to be the state\n"
		"  --redirect-uri U  have the browser sent to U: redirect_uri of the profile, "
		"with\n"
		"                    another port where that is http://localhost\n"
		"  --json            as JSON\n"},
	{"logout", command_logout, OPTION_BIT(OPTION_JSON), true, false,
		"Usage: gctoken logout [PROFILE] [OPTION]...\n"
		"\n"
		"Has gctokend forget token and session of PROFILE (default), has the login\n"
		"server revoke them, and says whether it did. No token is fetched until somebody\n"
		"signs in, refreshes or sets a token.\n"
		"\n"
		"  --json            as JSON\n"},
	{"set-token", command_set_token,
		OPTION_BIT(OPTION_EXPIRES_IN) | OPTION_BIT(OPTION_EXPIRATION) |
			OPTION_BIT(OPTION_JSON),
		true, false,
		"Usage: gctoken set-token [PROFILE] --expires-in S | --expiration TIME "
		"[OPTION]...\n"
		"\n"
		"Reads a token for PROFILE (default) from the first line of standard input, has\n"
		"gctokend hand it out, and prints the new state.\n"
		"\n"
		"  --expires-in S    it is valid for S seconds\n"
		"  --expiration TIME it is valid until TIME, such as 2026-11-21T18:00:00Z\n"
		"  --json            as JSON\n"},
	{"explain", command_explain,
		OPTION_BIT(OPTION_USER) | OPTION_BIT(OPTION_UNIT) | OPTION_BIT(OPTION_JSON), true,
		false,
		"Usage: gctoken explain [PROFILE] [OPTION]...\n"
		"\n"
		"Prints what the rules of PROFILE (default) grant you and why, and when and why\n"
		"its token is refreshed next.\n"
		"\n"
		"  --user NAME|UID   judge that user; for root\n"
		"  --unit X.service  judge a process of that unit of systemd; for root\n"
		"  --json            as JSON\n"},
	{"health", command_health,
		OPTION_BIT(OPTION_WARNING) | OPTION_BIT(OPTION_CRITICAL) |
			OPTION_BIT(OPTION_FAILURES_WARNING) | OPTION_BIT(OPTION_FAILURES_CRITICAL),
		true, false,
		"Usage: gctoken health [PROFILE] [OPTION]...\n"
		"\n"
		"Prints how PROFILE is, or all profiles that you may see, as plugins for Nagios\n"
		"do: in one line, with performance data. CRITICAL is a profile without a valid\n"
		"token, and a gctokend that does not answer.\n"
		"\n"
		"  -w, --warning S   WARNING with a token that has less than S seconds left\n"
		"  -c, --critical S  CRITICAL with such a token\n"
		"  --failures-warning N\n"
		"                    WARNING from N failures in a row on (2)\n"
		"  --failures-critical N\n"
		"                    CRITICAL from N failures in a row on\n"
		"\n"
		"A threshold that is 0 or not given is never reached.\n"
		"\n"
		"Exit status, unlike below: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, which a\n"
		"wrong argument is, too.\n"},
	{"watch", command_watch, OPTION_BIT(OPTION_JSON), true, false,
		"Usage: gctoken watch [PROFILE] [OPTION]...\n"
		"\n"
		"Prints what happens to PROFILE, or to all profiles that you may hear of, in a\n"
		"line each and as it happens: new tokens, failures, sign-ins. It begins with how\n"
		"they are, and goes on until Ctrl-C; when gctokend is restarted it says so and\n"
		"connects again. No token is printed.\n"
		"\n"
		"  --json            each line as JSON, as gctokend sends it\n"},
	{"reload", command_reload, 0, false, false,
		"Usage: gctoken reload [OPTION]...\n"
		"\n"
		"Has gctokend read its configuration again, whole or not at all.\n"},
};

static const char help_whole[] =
	"Usage: gctoken SUBCOMMAND [PROFILE] [OPTION]...\n"
	"\n"
	"Asks gctokend for access tokens. PROFILE is \"default\" when left out.\n"
	"\n"
	"  get [PROFILE]                print a valid token\n"
	"  info [PROFILE]               print the state of a profile\n"
	"  status                       print the state of gctokend and its profiles\n"
	"  services                     print what you may call\n"
	"  exec [PROFILE] -- COMMAND    run COMMAND with a token in its environment\n"
	"  refresh [PROFILE]            fetch a new token now\n"
	"  login [PROFILE]              sign in with the browser of this machine\n"
	"  authorize [PROFILE]          sign in with a browser elsewhere, or by a script\n"
	"  logout [PROFILE]             forget and revoke its token and session\n"
	"  set-token [PROFILE]          hand out the token on standard input\n"
	"  explain [PROFILE]            print which rule grants or denies what\n"
	"  health [PROFILE]             check the profiles for a monitoring system\n"
	"  watch [PROFILE]              print what happens, as it happens\n"
	"  reload                       read the configuration again\n";

static const char help_common[] =
	"\n"
	"Everywhere, before or after the subcommand:\n"
	"\n"
	"  --socket PATH     gctokend's socket; else $GCTOKEN_SOCKET, else the first that\n"
	"                    accepts of $XDG_RUNTIME_DIR/gctokend/gctokend.sock and\n"
	"                    /run/gctokend/gctokend.sock\n"
	"  --timeout S       give up after S seconds (15)\n"
	"  -h, --help        print this text; with a subcommand, its own\n"
	"  --version         print the version\n"
	"\n"
	"Exit status: 0 done, 1 other failure, 2 usage, 3 no daemon, 4 access denied,\n"
	"5 login required, 6 temporary failure, 7 rejected by the login server.\n";

const struct subcommand *subcommand_find(const char *name)
{
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++) {
		if (strcmp(subcommands[i].name, name) == 0) {
			return &subcommands[i];
		}
	}
	return NULL;
}

int subcommand_print_help(const struct subcommand *subcommand)
{
	const char *help = subcommand ? subcommand->help : help_whole;
	int status = print_out(help, strlen(help));

	return status == EXIT_STATUS_DONE ? print_out(help_common, strlen(help_common)) : status;
}
