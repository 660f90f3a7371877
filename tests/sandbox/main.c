/* The program: options, start, the line that says where it listens, stop. */
#include "authorize.h"
#include "client.h"
#include "device.h"
#include "fault.h"
#include "help.h"
#include "json.h"
#include "jwt.h"
#include "mem.h"
#include "pki.h"
#include "route.h"
#include "server.h"
#include "session.h"
#include "state.h"
#include "stats.h"
#include "token.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAIN_ERROR_SIZE   512
#define MAIN_LISTEN       "127.0.0.1:0"
#define MAIN_EXPIRES_IN_S 86400
#define MAIN_DEMO_CLIENT  "{\"id\":\"demo\",\"secret\":\"demo-secret\"}"

#define EXIT_USAGE 2

struct options {
	const char *listen;
	const char *tls_listen;
	const char *tls_cert;
	const char *tls_key;
	bool tls_ask;
	const char *dir;
	const char *client_file;
	const char *rules_file;
	const char *log_file;
	int64_t expires_in;
	enum client_format format;
};

/* All that has to be freed at the end. */
struct sandbox {
	struct state state;
	struct event_base *base;
	struct server *server;
	struct event *signals[2];
	SSL_CTX *tls;
	char *ca; /* the path of ca.pem; NULL without one of our own */
};

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "gctokend-sandbox: %s%s%s; see --help\n", what, value ? ": " : "",
		value ? value : "");
	return EXIT_USAGE;
}

/* What is wrong with the options taken together, or NULL. */
static const char *options_error(const struct options *options)
{
	if (!options->tls_cert != !options->tls_key) {
		return "--tls-cert and --tls-key go together";
	}
	if (options->tls_listen && !options->tls_cert && !options->dir) {
		return "--tls-listen needs --dir, or --tls-cert and --tls-key";
	}
	return NULL;
}

/* 0, or the exit status; -1 to exit with 0 at once. */
static int options_parse(struct options *options, int argc, char **argv)
{
	enum {
		LISTEN = 1,
		TLS_LISTEN,
		TLS_CERT,
		TLS_KEY,
		TLS_ASK,
		DIR,
		CLIENTS,
		EXPIRES,
		FORMAT,
		RULES,
		LOG
	};
	static const struct option known[] = {
		{"listen", required_argument, NULL, LISTEN},
		{"tls-listen", required_argument, NULL, TLS_LISTEN},
		{"tls-cert", required_argument, NULL, TLS_CERT},
		{"tls-key", required_argument, NULL, TLS_KEY},
		{"tls-ask-certificate", no_argument, NULL, TLS_ASK},
		{"dir", required_argument, NULL, DIR},
		{"client-file", required_argument, NULL, CLIENTS},
		{"expires-in", required_argument, NULL, EXPIRES},
		{"token-format", required_argument, NULL, FORMAT},
		{"rules", required_argument, NULL, RULES},
		{"log", required_argument, NULL, LOG},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char **const strings[] = {
		[LISTEN] = &options->listen,
		[TLS_LISTEN] = &options->tls_listen,
		[TLS_CERT] = &options->tls_cert,
		[TLS_KEY] = &options->tls_key,
		[DIR] = &options->dir,
		[CLIENTS] = &options->client_file,
		[RULES] = &options->rules_file,
		[LOG] = &options->log_file,
	};
	char *end;
	for (int option; (option = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
		switch (option) {
		case 'h':
			help_print();
			return -1;
		case '?':
			return usage_error("bad option", NULL);
		case TLS_ASK:
			options->tls_ask = true;
			break;
		case EXPIRES:
			options->expires_in = strtoll(optarg, &end, 10);
			if (*end || options->expires_in < 1 ||
				options->expires_in > CLIENT_EXPIRES_IN_MAX) {
				return usage_error("--expires-in: not a number of seconds", optarg);
			}
			break;
		case FORMAT:
			if (!client_format_parse(optarg, &options->format)) {
				return usage_error(
					"--token-format: opaque, RS256 or ES256", optarg);
			}
			break;
		default:
			*strings[option] = optarg;
		}
	}
	if (optind < argc) {
		return usage_error("unexpected argument", argv[optind]);
	}
	const char *wrong = options_error(options);
	return wrong ? usage_error(wrong, NULL) : 0;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool load_files(struct state *state, const struct options *options, char *error)
{
	cJSON *demo = json_parse(MAIN_DEMO_CLIENT, strlen(MAIN_DEMO_CLIENT));
	bool ok = client_put(state->clients, demo, error, MAIN_ERROR_SIZE);
	cJSON_Delete(demo);
	if (ok && options->client_file) {
		cJSON *clients = json_read_file(options->client_file, error, MAIN_ERROR_SIZE);
		ok = clients && client_put_all(state->clients, clients, error, MAIN_ERROR_SIZE);
		cJSON_Delete(clients);
	}
	if (ok && options->rules_file) {
		cJSON *rules = json_read_file(options->rules_file, error, MAIN_ERROR_SIZE);
		ok = rules && fault_set(state->faults, rules, error, MAIN_ERROR_SIZE);
		cJSON_Delete(rules);
	}
	if (ok && options->log_file) {
		int fd = open(options->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		state->log = fd >= 0 ? fdopen(fd, "a") : NULL;
		ok = state->log != NULL;
		if (ok) {
			setvbuf(state->log, NULL, _IOLBF, 0);
		} else {
			snprintf(error, MAIN_ERROR_SIZE, "%s: %s", options->log_file,
				strerror(errno));
		}
	}
	return ok;
}

static bool load_tls(struct sandbox *sandbox, const struct options *options, char *error)
{
	if (options->tls_cert) {
		sandbox->tls = pki_context(options->tls_cert, options->tls_key, options->tls_ask,
			error, MAIN_ERROR_SIZE);
		return sandbox->tls != NULL;
	}
	if (pki_make(options->dir, error, MAIN_ERROR_SIZE) != 0) {
		return false;
	}
	char *cert = mem_printf("%s/server.pem", options->dir);
	char *key = mem_printf("%s/server.key", options->dir);
	sandbox->ca = mem_printf("%s/ca.pem", options->dir);
	sandbox->tls = pki_context(cert, key, options->tls_ask, error, MAIN_ERROR_SIZE);
	free(cert);
	free(key);
	return sandbox->tls != NULL;
}

/* The URL of a listener: its numeric address, as given, with the port that it has got. */
static char *url_of(const char *address, int port)
{
	const char *colon = strrchr(address, ':');
	return mem_printf("http://%.*s:%d", (int)(colon - address), address, port);
}

static bool start_listeners(
	struct sandbox *sandbox, const struct options *options, cJSON *line, char *error)
{
	struct state *state = &sandbox->state;
	int port = server_listen(
		sandbox->server, SERVER_PLAIN, options->listen, NULL, error, MAIN_ERROR_SIZE);
	if (port < 0) {
		return false;
	}
	state->http_url = url_of(options->listen, port);
	if (options->tls_listen) {
		port = load_tls(sandbox, options, error)
			       ? server_listen(sandbox->server, SERVER_TLS, options->tls_listen,
					 sandbox->tls, error, MAIN_ERROR_SIZE)
			       : -1;
		if (port < 0) {
			return false;
		}
		state->https_url = mem_printf("https://localhost:%d", port);
	}
	port = server_listen(
		sandbox->server, SERVER_CONTROL, MAIN_LISTEN, NULL, error, MAIN_ERROR_SIZE);
	if (port < 0) {
		return false;
	}
	char *control = url_of(MAIN_LISTEN, port);
	cJSON_AddStringToObject(line, "http", state->http_url);
	cJSON_AddItemToObject(line, "https",
		state->https_url ? cJSON_CreateString(state->https_url) : cJSON_CreateNull());
	cJSON_AddItemToObject(
		line, "ca", sandbox->ca ? cJSON_CreateString(sandbox->ca) : cJSON_CreateNull());
	cJSON_AddStringToObject(line, "control", control);
	cJSON_AddNumberToObject(line, "pid", getpid());
	free(control);
	return true;
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
	event_base_loopbreak(arg);
}

static void sandbox_init(struct sandbox *sandbox, const struct options *options)
{
	struct state *state = &sandbox->state;
	struct event_config *config = event_config_new();
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	sandbox->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!sandbox->base) {
		mem_die("libevent does not start");
	}
	state->clients = client_list_new(options->expires_in, options->format);
	state->keys = jwt_keys_new();
	state->tokens = token_store_new(state->keys);
	state->codes = code_store_new();
	state->devices = device_store_new();
	state->sessions = session_store_new();
	state->faults = fault_list_new();
	state->stats = stats_new();
	sandbox->server = server_new(sandbox->base, &route_handler, state);
	const int numbers[] = {SIGTERM, SIGINT};
	for (int i = 0; i < 2; i++) {
		sandbox->signals[i] = evsignal_new(
			sandbox->base, numbers[i], on_signal, sandbox->base);
		event_add(sandbox->signals[i], NULL);
	}
}

static void sandbox_done(struct sandbox *sandbox)
{
	struct state *state = &sandbox->state;
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL); /* it is ending already: a second signal has no say */
	server_free(sandbox->server);       /* first: it reports the requests that it ends */
	event_free(sandbox->signals[0]);
	event_free(sandbox->signals[1]);
	event_base_free(sandbox->base);
	stats_free(state->stats);
	fault_list_free(state->faults);
	code_store_free(state->codes);
	device_store_free(state->devices);
	session_store_free(state->sessions);
	token_store_free(state->tokens);
	jwt_keys_free(state->keys);
	client_list_free(state->clients);
	if (state->log) {
		fclose(state->log);
	}
	free(state->http_url);
	free(state->https_url);
	free(sandbox->ca);
	SSL_CTX_free(sandbox->tls);
	libevent_global_shutdown();
}

int main(int argc, char **argv)
{
	struct options options = {.listen = MAIN_LISTEN, .expires_in = MAIN_EXPIRES_IN_S};
	struct sandbox sandbox = {0};
	char error[MAIN_ERROR_SIZE] = "";
	int status = options_parse(&options, argc, argv);
	if (status != 0) {
		return status < 0 ? 0 : status;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	mem_init();
	sandbox_init(&sandbox, &options);
	cJSON *line = cJSON_CreateObject();
	bool ok = load_files(&sandbox.state, &options, error) &&
		  start_listeners(&sandbox, &options, line, error);
	if (ok) {
		char *text = json_print(line);
		printf("%s\n", text);
		fflush(stdout);
		free(text);
		event_base_dispatch(sandbox.base);
	} else {
		fprintf(stderr, "gctokend-sandbox: %s\n", error);
	}
	cJSON_Delete(line);
	sandbox_done(&sandbox);
	return ok ? 0 : 1;
}
