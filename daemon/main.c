#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "configuration.h"
#include "daemon.h"
#include "io/config.h"
#include "io/harden.h"
#include "io/log.h"
#include "proto/error.h"

static const char help[] =
	"gctokend - keeps a fresh OAuth 2.0 access token for each profile and hands it to local "
	"services\n"
	"\n"
	"Usage: gctokend [OPTION]...\n"
	"\n"
	"  --config FILE       read this configuration; else $GCTOKEND_CONFIG, then\n"
	"                      $XDG_CONFIG_HOME/gctokend/gctokend.conf (not as root),\n"
	"                      then /etc/gctokend/gctokend.conf\n"
	"  --socket PATH       listen here; else the [daemon] section's socket, then\n"
	"                      $XDG_RUNTIME_DIR/gctokend/gctokend.sock (not as root),\n"
	"                      then /run/gctokend/gctokend.sock\n"
	"  --check-config      tell every mistake in the configuration and exit: 0 or 78\n"
	"  --log-level LEVEL   none, error, warning, info (default), debug or trace\n"
	"  --log-format FORMAT text (default) or json; these two go before [logging]\n"
	"  --help              print this and exit\n"
	"  --version           print the version and exit\n"
	"\n"
	"It stays in the foreground. SIGHUP reloads the configuration, SIGUSR1 opens the\n"
	"log file again, SIGTERM ends it.\n"
	"See gctokend(8), gctokend.conf(5) and gctoken(1).\n";

enum option_code {
	OPTION_CONFIG = 256,
	OPTION_SOCKET,
	OPTION_CHECK_CONFIG,
	OPTION_LOG_LEVEL,
	OPTION_LOG_FORMAT,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
	{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
	{"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{0},
};

struct arguments {
	const char *config, *socket, *log_level, *log_format;
	bool check_config;
};

static void usage(const char *what, const char *value)
{
	fprintf(stderr, "gctokend: %s%s; try gctokend --help\n", what, value);
	exit(EXIT_STATUS_USAGE);
}

static void print_and_exit(const char *text)
{
	exit(fputs(text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_STATUS_FAILURE
							    : EXIT_STATUS_DONE);
}

static void set_log_level(struct arguments *arguments, const char *name)
{
	enum log_level level;

	if (!log_level_find(name, &level)) {
		usage("there is no log level ", name);
	}
	arguments->log_level = name;
}

static void set_log_format(struct arguments *arguments, const char *name)
{
	enum log_format format;

	if (!log_format_find(name, &format)) {
		usage("there is no log format ", name);
	}
	arguments->log_format = name;
}

static void parse(int argc, char **argv, struct arguments *arguments)
{
	int code;

	while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (code) {
		case OPTION_CONFIG:
			arguments->config = optarg;
			break;
		case OPTION_SOCKET:
			arguments->socket = optarg;
			if (*optarg == '\0') {
				usage("--socket wants a path", "");
			}
			break;
		case OPTION_CHECK_CONFIG:
			arguments->check_config = true;
			break;
		case OPTION_LOG_LEVEL:
			set_log_level(arguments, optarg);
			break;
		case OPTION_LOG_FORMAT:
			set_log_format(arguments, optarg);
			break;
		case OPTION_HELP:
			print_and_exit(help);
			break;
		case OPTION_VERSION:
			print_and_exit("gctokend " GCTOKEND_VERSION "\n");
			break;
		default:
			exit(EXIT_STATUS_USAGE); /* getopt has told */
		}
	}
	if (optind < argc) {
		usage("unexpected argument ", argv[optind]);
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct daemon *daemon;
	char *path;
	int status;

	harden_process();
	parse(argc, argv, &arguments);
	log_setup(arguments.log_level, arguments.log_format);
	path = config_path(arguments.config);
	if (!path) {
		log_error("out of memory");
		return EXIT_STATUS_FAILURE;
	}
	if (arguments.check_config) {
		status = configuration_check(path);
		free(path);
		return status;
	}
	status = daemon_new(
		&(struct daemon_options){
			.configuration =
				{
					.path = path,
					.log_level = arguments.log_level,
					.log_format = arguments.log_format,
				},
			.socket = arguments.socket,
		},
		&daemon);
	free(path);
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	daemon_run(daemon);
	daemon_free(daemon);
	return EXIT_STATUS_DONE;
}
