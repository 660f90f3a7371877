/*
 * gctoken: reads the arguments and hands them to the subcommand. It does not know what a subcommand
 * does.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "client/command.h"
#include "client/connection.h"
#include "client/print.h"
#include "client/sign_in.h"
#include "proto/date.h"
#include "proto/error.h"
#include "proto/escape.h"

#define PROFILE_DEFAULT    "default"
#define TIMEOUT_DEFAULT_S  15.0 /* more than a daemon lets anybody wait by default */
#define TIMEOUT_MIN_S      0.001
#define TIMEOUT_MAX_S      3600.0
#define MIN_VALIDITY_MAX_S (31.0 * 24 * 60 * 60) /* no token counts as living longer */
#define EXPIRES_IN_MIN_S   1.0
#define EXPIRES_IN_MAX_S   1e9 /* beyond 31 days it counts as 31 days */

enum {
	SHOWN_SIZE = 200, /* of an argument in an error */
	USAGE_SIZE = 512,
};

enum option_id {
	OPTION_SOCKET = 256, /* above every character, which would be a short option */
	OPTION_TIMEOUT,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_JSON,
	OPTION_MIN_VALIDITY,
	OPTION_REJECT,
	OPTION_HEADER,
	OPTION_API_URL,
	OPTION_URL,
	OPTION_STATE,
	OPTION_REDIRECT_URI,
	OPTION_EXPIRES_IN,
	OPTION_EXPIRATION,
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"json", no_argument, NULL, OPTION_JSON},
	{"min-validity", required_argument, NULL, OPTION_MIN_VALIDITY},
	{"reject", required_argument, NULL, OPTION_REJECT},
	{"header", no_argument, NULL, OPTION_HEADER},
	{"api-url", no_argument, NULL, OPTION_API_URL},
	{"url", no_argument, NULL, OPTION_URL},
	{"state", required_argument, NULL, OPTION_STATE},
	{"redirect-uri", required_argument, NULL, OPTION_REDIRECT_URI},
	{"expires-in", required_argument, NULL, OPTION_EXPIRES_IN},
	{"expiration", required_argument, NULL, OPTION_EXPIRATION},
	{NULL, 0, NULL, 0},
};

#define BIT(option) (1u << ((option)-OPTION_SOCKET))
#define COMMON_OPTIONS \
	(BIT(OPTION_SOCKET) | BIT(OPTION_TIMEOUT) | BIT(OPTION_HELP) | BIT(OPTION_VERSION))

struct subcommand {
	const char *name;
	command *run;
	unsigned options; /* BITs, beside COMMON_OPTIONS */
	bool takes_profile;
	bool takes_command;
	const char *help;
};

static const struct subcommand subcommands[] = {
	{"get", command_get,
		BIT(OPTION_MIN_VALIDITY) | BIT(OPTION_REJECT) | BIT(OPTION_JSON) |
			BIT(OPTION_HEADER),
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
	{"info", command_info, BIT(OPTION_JSON) | BIT(OPTION_API_URL), true, false,
		"Usage: gctoken info [PROFILE] [OPTION]...\n"
		"\n"
		"Prints the state of PROFILE (default); there is no secret in it.\n"
		"\n"
		"  --api-url         print the base URL of its API and nothing else\n"
		"  --json            as JSON\n"},
	{"status", command_status, BIT(OPTION_JSON), false, false,
		"Usage: gctoken status [OPTION]...\n"
		"\n"
		"Prints the state of gctokend and of the profiles that you may see.\n"
		"\n"
		"  --json            as JSON\n"},
	{"services", command_services, BIT(OPTION_JSON), false, false,
		"Usage: gctoken services [OPTION]...\n"
		"\n"
		"Prints what you may call, and on which profiles.\n"
		"\n"
		"  --json            as JSON\n"},
	{"exec", command_exec, BIT(OPTION_MIN_VALIDITY), true, true,
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
	{"refresh", command_refresh, BIT(OPTION_JSON), true, false,
		"Usage: gctoken refresh [PROFILE] [OPTION]...\n"
		"\n"
		"Has gctokend fetch a new token for PROFILE (default) now, and waits for it.\n"
		"\n"
		"  --json            as JSON\n"},
	{"authorize", command_authorize,
		BIT(OPTION_URL) | BIT(OPTION_STATE) | BIT(OPTION_REDIRECT_URI) | BIT(OPTION_JSON),
		true, false,
		"Usage: gctoken authorize [PROFILE] [OPTION]...\n"
		"\n"
		"Signs PROFILE (default) in with a browser: prints the address to sign in at,\n"
		"reads from standard input the address that the browser is then sent to, or the\n"
		"code in it, and prints the new state.\n"
		"\n"
		"  --url             print the address and, on the next line, its state, and end\n"
		"  --state S         read the address or code for the state S, which an earlier\n"
		"                    --url printed; with --url: S is to be the state\n"
		"  --redirect-uri U  have the browser sent to U: redirect_uri of the profile, "
		"with\n"
		"                    another port where that is http://localhost\n"
		"  --json            as JSON\n"},
	{"set-token", command_set_token,
		BIT(OPTION_EXPIRES_IN) | BIT(OPTION_EXPIRATION) | BIT(OPTION_JSON), true, false,
		"Usage: gctoken set-token [PROFILE] --expires-in S | --expiration TIME "
		"[OPTION]...\n"
		"\n"
		"Reads a token for PROFILE (default) from the first line of standard input, has\n"
		"gctokend hand it out, and prints the new state.\n"
		"\n"
		"  --expires-in S    it is valid for S seconds\n"
		"  --expiration TIME it is valid until TIME, such as 2026-11-21T18:00:00Z\n"
		"  --json            as JSON\n"},
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
	"  authorize [PROFILE]          sign in with a browser\n"
	"  set-token [PROFILE]          hand out the token on standard input\n"
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

struct invocation {
	const struct subcommand *subcommand;
	unsigned given; /* BITs of the options that were there */
	bool has_profile;
	const char *socket;
	double timeout_s;
	struct arguments arguments;
};

/* Tells what is wrong with the arguments; subcommand may be NULL. */
static int usage(const struct subcommand *subcommand, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int usage(const struct subcommand *subcommand, const char *format, ...)
{
	char text[USAGE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_error("%s (see gctoken %s%s--help)", text, subcommand ? subcommand->name : "",
		subcommand ? " " : "");
	return EXIT_STATUS_USAGE;
}

/* Reads digits with or without a fraction, from min to max. */
static bool parse_seconds(const char *text, double min, double max, double *ret_s)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits);
	size_t len = whole;

	if (text[len] == '.') {
		len += 1 + strspn(text + len + 1, digits);
	}
	if (whole == 0 || text[len] != '\0') {
		return false;
	}
	*ret_s = strtod(text, NULL);
	return *ret_s >= min && *ret_s <= max;
}

static int take_word(struct invocation *invocation, const char *word)
{
	char shown[SHOWN_SIZE];

	print_escape(shown, sizeof(shown), word);
	if (!invocation->subcommand) {
		for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++) {
			if (strcmp(subcommands[i].name, word) == 0) {
				invocation->subcommand = &subcommands[i];
				return EXIT_STATUS_DONE;
			}
		}
		return usage(NULL, "there is no subcommand %s", shown);
	}
	if (!invocation->subcommand->takes_profile) {
		return usage(invocation->subcommand, "%s takes no PROFILE: leave %s out",
			invocation->subcommand->name, shown);
	}
	if (invocation->has_profile) {
		return usage(invocation->subcommand, "one PROFILE is enough: leave %s out%s", shown,
			invocation->subcommand->takes_command ? ", or put -- before COMMAND" : "");
	}
	if (*word == '\0' || !escape_is_utf8(word, strlen(word))) {
		return usage(invocation->subcommand, "PROFILE has to be a name, not '%s'", shown);
	}
	invocation->has_profile = true;
	invocation->arguments.profile = word;
	return EXIT_STATUS_DONE;
}

/* Whether a value can stand in a request. */
static int take_text(const struct invocation *invocation, const char *name, const char *value)
{
	char shown[SHOWN_SIZE];

	if (*value != '\0' && escape_is_utf8(value, strlen(value))) {
		return EXIT_STATUS_DONE;
	}
	print_escape(shown, sizeof(shown), value);
	return usage(invocation->subcommand, "%s wants a text, not '%s'", name, shown);
}

static int take_option(struct invocation *invocation, int option, const char *value)
{
	struct arguments *arguments = &invocation->arguments;
	int64_t unix_ms = 0;
	double s = 0;

	invocation->given |= BIT(option);
	switch ((enum option_id)option) {
	case OPTION_SOCKET:
		invocation->socket = value;
		return *value ? EXIT_STATUS_DONE
			      : usage(invocation->subcommand, "--socket wants a path");
	case OPTION_TIMEOUT:
		return parse_seconds(value, TIMEOUT_MIN_S, TIMEOUT_MAX_S, &invocation->timeout_s)
			       ? EXIT_STATUS_DONE
			       : usage(invocation->subcommand,
					 "--timeout wants seconds, from %g to %g, such as 2.5",
					 TIMEOUT_MIN_S, TIMEOUT_MAX_S);
	case OPTION_MIN_VALIDITY:
		if (!parse_seconds(value, 0, MIN_VALIDITY_MAX_S, &s) || s != (double)(int64_t)s) {
			return usage(invocation->subcommand,
				"--min-validity wants whole seconds, from 0 to %.0f",
				MIN_VALIDITY_MAX_S);
		}
		arguments->min_validity = (int64_t)s;
		return EXIT_STATUS_DONE;
	case OPTION_REJECT:
		arguments->reject = value;
		return EXIT_STATUS_DONE;
	case OPTION_JSON:
		arguments->json = true;
		return EXIT_STATUS_DONE;
	case OPTION_HEADER:
		arguments->header = true;
		return EXIT_STATUS_DONE;
	case OPTION_API_URL:
		arguments->api_url = true;
		return EXIT_STATUS_DONE;
	case OPTION_URL:
		arguments->url = true;
		return EXIT_STATUS_DONE;
	case OPTION_STATE:
		arguments->state = value;
		return take_text(invocation, "--state", value);
	case OPTION_REDIRECT_URI:
		arguments->redirect_uri = value;
		return take_text(invocation, "--redirect-uri", value);
	case OPTION_EXPIRES_IN:
		return parse_seconds(
			       value, EXPIRES_IN_MIN_S, EXPIRES_IN_MAX_S, &arguments->expires_in)
			       ? EXIT_STATUS_DONE
			       : usage(invocation->subcommand,
					 "--expires-in wants seconds, from %g to %.0f",
					 EXPIRES_IN_MIN_S, EXPIRES_IN_MAX_S);
	case OPTION_EXPIRATION:
		arguments->expiration = value;
		return date_parse(value, &unix_ms)
			       ? EXIT_STATUS_DONE
			       : usage(invocation->subcommand,
					 "--expiration wants a date and time with Z or an offset, "
					 "such as 2026-11-21T18:00:00Z");
	case OPTION_HELP:
	case OPTION_VERSION:
		break;
	}
	return EXIT_STATUS_DONE;
}

/* What getopt_long() could not take: argument is the one that it stands at. */
static int refuse_option(const struct invocation *invocation, const char *argument)
{
	char letter[] = {'-', (char)optopt, '\0'};
	bool is_letter = optopt != 0 && optopt < OPTION_SOCKET;
	char shown[SHOWN_SIZE];

	print_escape(shown, sizeof(shown), is_letter ? letter : argument);
	if (optopt >= OPTION_SOCKET) {
		return usage(invocation->subcommand, "%s takes no value", shown);
	}
	return usage(invocation->subcommand, "there is no option %s", shown);
}

static int parse(int argc, char **argv, struct invocation *invocation)
{
	int status = EXIT_STATUS_DONE;
	int option = 0;

	/* In the order in which they stand (-): what is behind -- is COMMAND's. */
	while (status == EXIT_STATUS_DONE &&
		(option = getopt_long(argc, argv, "-:h", long_options, NULL)) != -1) {
		switch (option) {
		case 1:
			status = take_word(invocation, optarg);
			break;
		case 'h':
			status = take_option(invocation, OPTION_HELP, NULL);
			break;
		case ':':
			status = usage(
				invocation->subcommand, "%s wants a value", argv[optind - 1]);
			break;
		case '?':
			status = refuse_option(invocation, argv[optind - 1]);
			break;
		default:
			status = take_option(invocation, option, optarg);
		}
	}
	if (status == EXIT_STATUS_DONE && optind < argc && invocation->subcommand &&
		invocation->subcommand->takes_command) {
		invocation->arguments.command = argv + optind;
		return status;
	}
	for (; status == EXIT_STATUS_DONE && optind < argc; optind++) {
		status = take_word(invocation, argv[optind]);
	}
	return status;
}

/* Whether the options go with the subcommand, and with each other. */
static int check(const struct invocation *invocation)
{
	const struct subcommand *subcommand = invocation->subcommand;
	const struct arguments *arguments = &invocation->arguments;
	unsigned wrong = 0;

	if (!subcommand) {
		return usage(NULL, "say what to do, for example: gctoken get");
	}
	wrong = invocation->given & ~(subcommand->options | COMMON_OPTIONS);
	for (const struct option *option = long_options; option->name; option++) {
		if (wrong & BIT(option->val)) {
			return usage(
				subcommand, "%s takes no --%s", subcommand->name, option->name);
		}
	}
	if (arguments->json && (arguments->header || arguments->api_url)) {
		return usage(subcommand, "choose between --json and --%s",
			arguments->header ? "header" : "api-url");
	}
	if (subcommand->run == command_set_token &&
		!(invocation->given & BIT(OPTION_EXPIRES_IN)) == !arguments->expiration) {
		return usage(subcommand,
			"say until when the token is valid: --expires-in S or --expiration TIME");
	}
	if (subcommand->takes_command && !arguments->command) {
		return usage(subcommand, "say what to run, behind --: gctoken exec -- COMMAND");
	}
	return EXIT_STATUS_DONE;
}

static int print_help(const struct subcommand *subcommand)
{
	const char *help = subcommand ? subcommand->help : help_whole;
	int status = print_out(help, strlen(help));

	return status == EXIT_STATUS_DONE ? print_out(help_common, strlen(help_common)) : status;
}

/* Tokens pass through here: no core file, and no other process of the same user looks in. */
static void harden(struct rlimit *ret_core_limit)
{
	struct rlimit none = {0};

	getrlimit(RLIMIT_CORE, ret_core_limit);
	none.rlim_max = ret_core_limit->rlim_max;
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv)
{
	static const char version[] = "gctoken " GCTOKEND_VERSION "\n";
	struct invocation invocation = {
		.timeout_s = TIMEOUT_DEFAULT_S,
		.arguments = {.profile = PROFILE_DEFAULT, .min_validity = -1},
	};
	struct connection connection;
	int status = parse(argc, argv, &invocation);

	if (status == EXIT_STATUS_DONE && (invocation.given & BIT(OPTION_HELP))) {
		return print_help(invocation.subcommand);
	}
	if (status == EXIT_STATUS_DONE && (invocation.given & BIT(OPTION_VERSION))) {
		return print_out(version, strlen(version));
	}
	if (status == EXIT_STATUS_DONE) {
		status = check(&invocation);
	}
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	if (connection_init(
		    &connection, invocation.socket, (int64_t)(invocation.timeout_s * 1000)) < 0) {
		return usage(NULL,
			"the path of the socket is longer than %d bytes: name another "
			"with --socket",
			CONNECTION_PATH_SIZE - 1);
	}
	harden(&invocation.arguments.core_limit);
	return invocation.subcommand->run(&invocation.arguments, &connection);
}
