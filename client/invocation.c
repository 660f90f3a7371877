#include "client/invocation.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/print.h"
#include "client/sign_in.h"
#include "proto/date.h"
#include "proto/escape.h"

#define PROFILE_DEFAULT   "default"
#define TIMEOUT_DEFAULT_S 15.0 /* more than a daemon lets anybody wait by default */
#define TIMEOUT_MIN_S     0.001
#define TIMEOUT_MAX_S     3600.0
#define LIFETIME_MAX_S    (31.0 * 24 * 60 * 60) /* no token counts as living longer */
#define EXPIRES_IN_MIN_S  1.0
#define EXPIRES_IN_MAX_S  1e9 /* beyond 31 days it counts as 31 days */

enum {
	SHOWN_SIZE = 200, /* of an argument in a fault */
	FAILURES_MAX = 1000000,
	FAILURES_WARNING_DEFAULT = 2,
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
	{"user", required_argument, NULL, OPTION_USER},
	{"unit", required_argument, NULL, OPTION_UNIT},
	{"warning", required_argument, NULL, OPTION_WARNING},
	{"critical", required_argument, NULL, OPTION_CRITICAL},
	{"failures-warning", required_argument, NULL, OPTION_FAILURES_WARNING},
	{"failures-critical", required_argument, NULL, OPTION_FAILURES_CRITICAL},
	{"no-browser", no_argument, NULL, OPTION_NO_BROWSER},
	{"device", no_argument, NULL, OPTION_DEVICE},
	{NULL, 0, NULL, 0},
};

static const char *option_name(enum option_id id)
{
	const struct option *option = long_options;

	while (option->val != (int)id) {
		option++;
	}
	return option->name;
}

void invocation_refuse(struct invocation *invocation, const char *format, ...)
{
	const struct subcommand *subcommand = invocation->subcommand;
	char text[INVOCATION_FAULT_SIZE - SHOWN_SIZE];
	va_list args;

	if (*invocation->fault) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(invocation->fault, sizeof(invocation->fault), "%s (see gctoken %s%s--help)", text,
		subcommand ? subcommand->name : "", subcommand ? " " : "");
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

static void take_profile(struct invocation *invocation, const char *word)
{
	const struct subcommand *subcommand = invocation->subcommand;
	char shown[SHOWN_SIZE];

	print_escape(shown, sizeof(shown), word);
	if (!subcommand->takes_profile) {
		invocation_refuse(
			invocation, "%s takes no PROFILE: leave %s out", subcommand->name, shown);
	} else if (invocation->arguments.profile) {
		invocation_refuse(invocation, "one PROFILE is enough: leave %s out%s", shown,
			subcommand->takes_command ? ", or put -- before COMMAND" : "");
	} else if (*word == '\0' || !escape_is_utf8(word, strlen(word))) {
		invocation_refuse(invocation, "PROFILE has to be a name, not '%s'", shown);
	}
	invocation->arguments.profile = word;
}

static void take_word(struct invocation *invocation, const char *word)
{
	char shown[SHOWN_SIZE];

	assert(word);
	if (invocation->subcommand) {
		take_profile(invocation, word);
		return;
	}
	invocation->subcommand = subcommand_find(word);
	if (!invocation->subcommand) {
		print_escape(shown, sizeof(shown), word);
		invocation_refuse(invocation, "there is no subcommand %s", shown);
	}
}

/* A value that has to be one that can stand in a request. */
static const char *take_text(
	struct invocation *invocation, enum option_id option, const char *value)
{
	char shown[SHOWN_SIZE];

	if (*value == '\0' || !escape_is_utf8(value, strlen(value))) {
		print_escape(shown, sizeof(shown), value);
		invocation_refuse(
			invocation, "--%s wants a text, not '%s'", option_name(option), shown);
	}
	return value;
}

static void take_socket(struct invocation *invocation, const char *value)
{
	if (*value == '\0') {
		invocation_refuse(invocation, "--socket wants a path");
	}
	invocation->socket = value;
}

static void take_timeout(struct invocation *invocation, const char *value)
{
	if (!parse_seconds(value, TIMEOUT_MIN_S, TIMEOUT_MAX_S, &invocation->timeout_s)) {
		invocation_refuse(invocation, "--timeout wants seconds, from %g to %g, such as 2.5",
			TIMEOUT_MIN_S, TIMEOUT_MAX_S);
	}
}

/* A whole number from 0 to max; what for people: "seconds". */
static int64_t take_whole(struct invocation *invocation, enum option_id option, const char *what,
	const char *value, double max)
{
	double number = 0;

	if (!parse_seconds(value, 0, max, &number) || number != (double)(int64_t)number) {
		invocation_refuse(invocation, "--%s wants whole %s, from 0 to %.0f",
			option_name(option), what, max);
		return 0;
	}
	return (int64_t)number;
}

static void take_threshold(struct invocation *invocation, enum option_id option, const char *value)
{
	bool warning = option == OPTION_WARNING || option == OPTION_FAILURES_WARNING;
	struct threshold *threshold = warning ? &invocation->arguments.warning
					      : &invocation->arguments.critical;

	if (option == OPTION_WARNING || option == OPTION_CRITICAL) {
		threshold->left_s = take_whole(
			invocation, option, "seconds", value, LIFETIME_MAX_S);
	} else {
		threshold->failures = take_whole(
			invocation, option, "numbers", value, FAILURES_MAX);
	}
}

static void take_expires_in(struct invocation *invocation, const char *value)
{
	if (!parse_seconds(
		    value, EXPIRES_IN_MIN_S, EXPIRES_IN_MAX_S, &invocation->arguments.expires_in)) {
		invocation_refuse(invocation, "--expires-in wants seconds, from %g to %.0f",
			EXPIRES_IN_MIN_S, EXPIRES_IN_MAX_S);
	}
}

static void take_expiration(struct invocation *invocation, const char *value)
{
	int64_t unix_ms = 0;

	if (!date_parse(value, &unix_ms)) {
		invocation_refuse(invocation, "--expiration wants a date and time with Z or an "
					      "offset, such as 2026-11-21T18:00:00Z");
	}
	invocation->arguments.expiration = value;
}

static void take_flag(struct arguments *arguments, enum option_id option)
{
	arguments->json |= option == OPTION_JSON;
	arguments->header |= option == OPTION_HEADER;
	arguments->api_url |= option == OPTION_API_URL;
	arguments->url |= option == OPTION_URL;
	arguments->no_browser |= option == OPTION_NO_BROWSER;
	arguments->device |= option == OPTION_DEVICE;
}

static void take_option(struct invocation *invocation, enum option_id option, const char *value)
{
	struct arguments *arguments = &invocation->arguments;

	invocation->given |= OPTION_BIT(option);
	switch (option) {
	case OPTION_SOCKET:
		take_socket(invocation, value);
		break;
	case OPTION_TIMEOUT:
		take_timeout(invocation, value);
		break;
	case OPTION_MIN_VALIDITY:
		arguments->min_validity = take_whole(
			invocation, option, "seconds", value, LIFETIME_MAX_S);
		break;
	case OPTION_REJECT:
		arguments->reject = value;
		break;
	case OPTION_JSON:
	case OPTION_HEADER:
	case OPTION_API_URL:
	case OPTION_URL:
	case OPTION_NO_BROWSER:
	case OPTION_DEVICE:
		take_flag(arguments, option);
		break;
	case OPTION_STATE:
		arguments->state = take_text(invocation, option, value);
		break;
	case OPTION_REDIRECT_URI:
		arguments->redirect_uri = take_text(invocation, option, value);
		break;
	case OPTION_EXPIRES_IN:
		take_expires_in(invocation, value);
		break;
	case OPTION_EXPIRATION:
		take_expiration(invocation, value);
		break;
	case OPTION_USER:
		arguments->user = take_text(invocation, option, value);
		break;
	case OPTION_UNIT:
		arguments->unit = take_text(invocation, option, value);
		break;
	case OPTION_WARNING:
	case OPTION_CRITICAL:
	case OPTION_FAILURES_WARNING:
	case OPTION_FAILURES_CRITICAL:
		take_threshold(invocation, option, value);
		break;
	case OPTION_HELP:
	case OPTION_VERSION:
		break;
	}
}

/* What getopt_long() could not take: argument is the one that it stands at. */
static void refuse_option(struct invocation *invocation, const char *argument)
{
	char letter[] = {'-', (char)optopt, '\0'};
	bool is_letter = optopt != 0 && optopt < OPTION_SOCKET;
	char shown[SHOWN_SIZE];

	print_escape(shown, sizeof(shown), is_letter ? letter : argument);
	if (optopt >= OPTION_SOCKET) {
		invocation_refuse(invocation, "%s takes no value", shown);
	} else {
		invocation_refuse(invocation, "there is no option %s", shown);
	}
}

static void take_all(struct invocation *invocation, int argc, char **argv)
{
	int option = 0;

	/* In the order in which they stand (-): what is behind -- is COMMAND's. */
	while ((option = getopt_long(argc, argv, "-:hw:c:", long_options, NULL)) != -1) {
		switch (option) {
		case 1:
			take_word(invocation, optarg);
			break;
		case 'h':
			take_option(invocation, OPTION_HELP, NULL);
			break;
		case 'w':
			take_option(invocation, OPTION_WARNING, optarg);
			break;
		case 'c':
			take_option(invocation, OPTION_CRITICAL, optarg);
			break;
		case ':':
			invocation_refuse(invocation, "%s wants a value", argv[optind - 1]);
			break;
		case '?':
			refuse_option(invocation, argv[optind - 1]);
			break;
		default:
			take_option(invocation, option, optarg);
		}
	}
	if (optind < argc && invocation->subcommand && invocation->subcommand->takes_command) {
		invocation->arguments.command = argv + optind;
		return;
	}
	for (; optind < argc; optind++) {
		take_word(invocation, argv[optind]);
	}
}

/* What is critical has to be worse than what is a warning. */
static void check_thresholds(struct invocation *invocation)
{
	const struct threshold *warning = &invocation->arguments.warning;
	const struct threshold *critical = &invocation->arguments.critical;

	if (warning->left_s > 0 && critical->left_s > warning->left_s) {
		invocation_refuse(invocation, "--critical has to be at most what --warning is");
	}
	if ((invocation->given & OPTION_BIT(OPTION_FAILURES_WARNING)) && critical->failures > 0 &&
		critical->failures < warning->failures) {
		invocation_refuse(invocation,
			"--failures-critical has to be at least what --failures-warning is");
	}
}

/* Whether the options go with the subcommand, and with each other. */
static void check(struct invocation *invocation)
{
	const struct subcommand *subcommand = invocation->subcommand;
	const struct arguments *arguments = &invocation->arguments;
	unsigned wrong = 0;

	if (!subcommand) {
		invocation_refuse(invocation, "say what to do, for example: gctoken get");
		return;
	}
	wrong = invocation->given & ~(subcommand->options | OPTIONS_COMMON);
	for (const struct option *option = long_options; option->name; option++) {
		if (wrong & OPTION_BIT(option->val)) {
			invocation_refuse(
				invocation, "%s takes no --%s", subcommand->name, option->name);
		}
	}
	if (arguments->json && (arguments->header || arguments->api_url)) {
		invocation_refuse(invocation, "choose between --json and --%s",
			arguments->header ? "header" : "api-url");
	}
	if (arguments->device && arguments->no_browser) {
		invocation_refuse(invocation, "choose between --device and --no-browser");
	}
	if (subcommand->run == command_set_token &&
		!(invocation->given & OPTION_BIT(OPTION_EXPIRES_IN)) == !arguments->expiration) {
		invocation_refuse(invocation,
			"say until when the token is valid: --expires-in S or --expiration TIME");
	}
	check_thresholds(invocation);
	if (subcommand->takes_command && !arguments->command) {
		invocation_refuse(
			invocation, "say what to run, behind --: gctoken exec -- COMMAND");
	}
}

void invocation_parse(struct invocation *invocation, int argc, char **argv)
{
	*invocation = (struct invocation){
		.timeout_s = TIMEOUT_DEFAULT_S,
		.arguments = {.min_validity = -1,
			.warning.failures = FAILURES_WARNING_DEFAULT,
			.argv = argv},
	};
	take_all(invocation, argc, argv);
	if (!(invocation->given & (OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION)))) {
		check(invocation);
	}
	invocation->arguments.profile_given = invocation->arguments.profile;
	if (!invocation->arguments.profile) {
		invocation->arguments.profile = PROFILE_DEFAULT;
	}
}
