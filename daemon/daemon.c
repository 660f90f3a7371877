#include "daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "core/access.h"
#include "core/authorize.h"
#include "core/broker.h"
#include "core/grant.h"
#include "core/quota.h"
#include "core/settings.h"
#include "dispatch.h"
#include "io/clock.h"
#include "io/config.h"
#include "io/harden.h"
#include "io/listener.h"
#include "io/log.h"
#include "io/sign.h"
#include "io/watch.h"
#include "proto/message.h"
#include "upstream.h"

enum {
	SIGNALS = 4,
	WHY_SIZE = 1024,
	SHUTDOWN_WAIT_S = 5, /* for flights that may bring a refresh token */
};

struct daemon {
	struct event_base *base;
	struct event *signals[SIGNALS];
	struct clock *clock;
	struct watch *watch;
	struct listener *listener;
	struct upstream *upstream;
	struct broker *broker; /* upstream's */
	struct quota *quota;
	struct dispatch *dispatch;
	struct config *config;
	struct config_environment environment;
	struct payload *refusal; /* what a connection over the limits is told */
	char *config_path, *socket_path;
	const char *log_level, *log_format; /* the command line's, or NULL */
	const char *socket_option;          /* borrowed */
	struct clients *clients;
	bool stopping;
};

/* What was put to the broker may have brought its next deadline forward. */
static void rearm(void *context)
{
	struct daemon *daemon = context;

	clock_arm(daemon->clock, broker_next(daemon->broker));
	if (daemon->stopping && !broker_is_busy(daemon->broker)) {
		event_base_loopbreak(daemon->base);
	}
}

static void on_due(void *context)
{
	struct daemon *daemon = context;

	broker_tick(daemon->broker, clock_now());
	rearm(daemon);
}

static void on_stepped(void *context, int64_t step_ms)
{
	struct daemon *daemon = context;

	log_info("the wall clock was set by %" PRId64 " ms", step_ms);
	broker_wall_stepped(daemon->broker, step_ms, clock_now());
	rearm(daemon);
}

static void on_accepted(void *context, int fd)
{
	struct daemon *daemon = context;

	clients_accept(daemon->clients, daemon->listener, fd);
}

/* ---- configuration */

/* Collects what config_load() tells: to the log, and cut to a buffer. */
struct told {
	char *text;
	size_t size, len;
};

static void on_problem(void *context, enum log_level level, const char *text)
{
	struct told *told = context;

	log_message(level, NULL, "%s", text);
	if (level == LOG_LEVEL_ERROR && told->text && told->len < told->size) {
		int n = snprintf(told->text + told->len, told->size - told->len, "%s%s",
			told->len > 0 ? "; " : "", text);

		told->len += (size_t)n;
	}
}

static bool may_still(void *context, const struct waiter *waiter)
{
	return call_may_still(waiter);
}

static int load(const char *path, const struct config_environment *environment, struct told *told,
	struct config **ret_config)
{
	int r = config_load(path, environment, on_problem, told, ret_config);

	harden_wipe_stack(); /* the parser has put secrets there */
	return r;
}

static const char *first(const char *a, const char *b)
{
	return a ? a : b;
}

static void apply_logging(const struct daemon *daemon, const struct config *config)
{
	log_setup(first(daemon->log_level, config->log_level),
		first(daemon->log_format, config->log_format));
	log_setup_outputs(config->log_to_console, config->log_file_path);
	upstream_log_bodies(daemon->upstream, config->log_request_body, config->log_response_body);
}

/* Whether anything of a profile is to outlive the daemon. */
static bool needs_state(const struct config *config)
{
	for (size_t i = 0; i < config->n_profiles; i++) {
		if (grant_is_stored(config->profiles[i])) {
			return true;
		}
	}
	return false;
}

/* Whether any rule asks for the unit of a caller. */
static bool needs_units(const struct config *config)
{
	for (size_t i = 0; i < config->n_profiles; i++) {
		if (access_needs_unit(config->profiles[i]->allow)) {
			return true;
		}
	}
	return access_needs_unit(config->allow);
}

/* Puts the configuration in place of the one before, and takes it over if it returns 0; else a
 * negative errno, with a sentence in the log and in why. */
static int apply(struct daemon *daemon, struct config *config, char *why, size_t why_size)
{
	int r = needs_state(config) ? upstream_open_state(daemon->upstream, why, why_size) : 0;

	if (r < 0) {
		log_error("%s", why);
		return r;
	}
	upstream_forget_authorities(daemon->upstream);
	clients_need_units(daemon->clients, needs_units(config)); /* waiters are judged by them */
	r = broker_configure(
		daemon->broker, config->profiles, config->n_profiles, may_still, clock_now());
	if (r < 0) {
		snprintf(why, why_size, "The daemon is out of memory");
		log_error("%s", why);
		return r;
	}
	quota_set(daemon->quota, &(struct quota_limits){
					 .connections = config->max_connections,
					 .connections_per_uid = config->max_connections_per_uid,
					 .waiters = config->max_waiters,
					 .requests = config->rate_limit,
					 .quarantine_ms = config->rate_limit_quarantine_delay_ms,
					 .own_uid = geteuid(),
				 });
	apply_logging(daemon, config);
	config_free(daemon->config);
	daemon->config = config;
	rearm(daemon);
	return 0;
}

/* --socket, [daemon] socket, or the place where gctoken looks. */
static char *choose_socket(const struct daemon *daemon)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *path = NULL;

	if (daemon->socket_option) {
		return strdup(daemon->socket_option);
	}
	if (daemon->config->socket) {
		return strdup(daemon->config->socket);
	}
	if (geteuid() != 0 && runtime && runtime[0] == '/') {
		return asprintf(&path, "%s/gctokend/gctokend.sock", runtime) < 0 ? NULL : path;
	}
	return strdup("/run/gctokend/gctokend.sock");
}

static void warn_of_other_socket(const struct daemon *daemon)
{
	char *path = choose_socket(daemon);

	if (path && strcmp(path, daemon->socket_path) != 0) {
		log_warning("the socket stays %s; %s takes effect at the next start",
			daemon->socket_path, path);
	}
	free(path);
}

/* Live reload, as the configuration that is in force has it. */
static void watch_files(struct daemon *daemon)
{
	int r = 0;

	if (daemon->config->live_reload) {
		r = watch_start(daemon->watch);
	} else {
		watch_stop(daemon->watch);
	}
	if (r < 0) {
		log_warning("changes of %s are not seen (%s); send SIGHUP or call gctoken reload",
			daemon->config_path, strerror(-r));
	}
}

static bool reload(void *context, char *why, size_t why_size)
{
	struct daemon *daemon = context;
	struct told told = {why, why_size, 0};
	struct config *config;
	int r;

	watch_mark(daemon->watch);
	r = load(daemon->config_path, &daemon->environment, &told, &config);
	if (r == 0) {
		r = apply(daemon, config, why, why_size);
		if (r < 0) {
			config_free(config);
		}
	} else if (r == -ENOMEM) {
		snprintf(why, why_size, "The daemon is out of memory");
	}
	if (r < 0) {
		log_error("the configuration before stays in force");
		return false;
	}
	watch_files(daemon);
	log_info("configuration reloaded from %s", daemon->config_path);
	warn_of_other_socket(daemon);
	return true;
}

static void on_changed(void *context, int error)
{
	struct daemon *daemon = context;
	char why[WHY_SIZE]; /* the log has told */

	if (error < 0) {
		log_warning("changes of %s are not seen any longer (%s); send SIGHUP or call "
			    "gctoken reload",
			daemon->config_path, strerror(-error));
	} else if (daemon->config->has_file && access(daemon->config_path, F_OK) < 0 &&
		   errno == ENOENT) {
		log_warning("%s was removed; the configuration before stays in force",
			daemon->config_path);
	} else {
		log_info("%s, or a drop-in of it, has changed", daemon->config_path);
		reload(daemon, why, sizeof(why));
	}
}

static int64_t wall_offset(void *context)
{
	return clock_wall_offset();
}

static const struct access_rules *rules(void *context)
{
	struct daemon *daemon = context;

	return daemon->config->allow;
}

static const struct authorize_random authorize_random = {sign_verifier, sign_challenge, sign_state};

static const struct call_ops call_ops = {wall_offset, reload, rules, &authorize_random};

int daemon_check_config(const char *config_path)
{
	struct config_environment environment;
	struct told told = {0};
	struct config *config;
	int r;

	config_environment_take(&environment);
	r = load(config_path, &environment, &told, &config);
	config_environment_done(&environment);
	if (r < 0) {
		return r == -ENOMEM ? EXIT_STATUS_FAILURE : EXIT_STATUS_BAD_CONFIG;
	}
	printf("%s: good, %zu profile%s\n", config_path, config->n_profiles,
		config->n_profiles == 1 ? "" : "s");
	config_free(config);
	return EXIT_STATUS_DONE;
}

/* ---- life */

static void on_hangup(evutil_socket_t signal, short what, void *context)
{
	char why[WHY_SIZE]; /* the log has told */

	reload(context, why, sizeof(why));
}

static void on_rotated(evutil_socket_t signal, short what, void *context)
{
	log_reopen();
}

static void on_terminate(evutil_socket_t signal, short what, void *context)
{
	struct daemon *daemon = context;

	const struct timeval wait = {.tv_sec = SHUTDOWN_WAIT_S};

	if (daemon->stopping) {
		event_base_loopbreak(daemon->base);
		return;
	}
	log_info("stopping");
	daemon->stopping = true;
	broker_shutdown(daemon->broker);
	event_base_loopexit(daemon->base, broker_is_busy(daemon->broker) ? &wait : NULL);
}

static struct event_base *make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
		base = event_base_new_with_config(config);
		event_config_free(config);
	}
	return base;
}

static const struct {
	int number;
	event_callback_fn act;
} signal_actions[SIGNALS] = {
	{SIGHUP, on_hangup},
	{SIGUSR1, on_rotated},
	{SIGTERM, on_terminate},
	{SIGINT, on_terminate},
};

/* From now on none of them changes anything, not the exit status either. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < SIGNALS; i++) {
		sigaddset(&set, signal_actions[i].number);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool add_signals(struct daemon *daemon)
{
	for (int i = 0; i < SIGNALS; i++) {
		daemon->signals[i] = evsignal_new(
			daemon->base, signal_actions[i].number, signal_actions[i].act, daemon);
		if (!daemon->signals[i] || event_add(daemon->signals[i], NULL) < 0) {
			return false;
		}
	}
	return true;
}

static bool make_parts(struct daemon *daemon)
{
	return (daemon->base = make_base()) &&
	       (daemon->upstream = upstream_new(daemon->base, rearm, daemon)) &&
	       (daemon->broker = upstream_broker(daemon->upstream)) &&
	       (daemon->quota = quota_new()) &&
	       (daemon->dispatch = dispatch_new(
			daemon->broker, daemon->quota, &call_ops, daemon, clock_now())) &&
	       (daemon->clients = clients_new(
			daemon->base, daemon->quota, daemon->dispatch, rearm, daemon)) &&
	       clock_new(daemon->base, on_due, on_stepped, daemon, &daemon->clock) == 0 &&
	       (daemon->watch = watch_new(
			daemon->base, daemon->config_path, WATCH_QUIET_MS, on_changed, daemon)) &&
	       (daemon->refusal = message_error(ERROR_RATE_LIMITED,
			"Too many connections; close some, or try again shortly", 1)) &&
	       add_signals(daemon);
}

static int load_first(struct daemon *daemon)
{
	char why[WHY_SIZE];
	struct told told = {0};
	struct config *config;
	int r = load(daemon->config_path, &daemon->environment, &told, &config);

	if (r == -EINVAL) {
		return EXIT_STATUS_BAD_CONFIG;
	}
	if (r < 0) {
		log_error("out of memory");
		return EXIT_STATUS_FAILURE;
	}
	if (apply(daemon, config, why, sizeof(why)) < 0) {
		config_free(config);
		return EXIT_STATUS_FAILURE;
	}
	watch_files(daemon);
	return EXIT_STATUS_DONE;
}

static int listen_there(struct daemon *daemon)
{
	static char refusal[512];
	char why[LISTENER_WHY_MAX];
	size_t len = (size_t)snprintf(
		refusal, sizeof(refusal), "%s%s", MESSAGE_HEAD_NONE, daemon->refusal->bytes);

	daemon->socket_path = choose_socket(daemon);
	if (!daemon->socket_path) {
		log_error("out of memory");
		return EXIT_STATUS_FAILURE;
	}
	if (listener_new(daemon->base,
		    &(struct listener_config){
			    .path = daemon->socket_path,
			    .accepted = on_accepted,
			    .refusal = refusal,
			    .refusal_len = len,
			    .context = daemon,
		    },
		    &daemon->listener, why) < 0) {
		log_error("%s", why);
		return EXIT_STATUS_FAILURE;
	}
	return EXIT_STATUS_DONE;
}

int daemon_new(const struct daemon_options *options, struct daemon **ret_daemon)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int status = EXIT_STATUS_FAILURE;

	if (!daemon) {
		log_error("out of memory");
		return status;
	}
	daemon->log_level = options->log_level;
	daemon->log_format = options->log_format;
	config_environment_take(&daemon->environment);
	daemon->socket_option = options->socket;
	daemon->config_path = strdup(options->config_path);
	if (!daemon->config_path || !make_parts(daemon)) {
		log_error("out of memory, or the kernel lacks epoll or timerfd");
	} else {
		status = load_first(daemon);
	}
	if (status == EXIT_STATUS_DONE) {
		status = listen_there(daemon);
	}
	if (status != EXIT_STATUS_DONE) {
		daemon_free(daemon);
		return status;
	}
	*ret_daemon = daemon;
	return status;
}

void daemon_run(struct daemon *daemon)
{
	log_info("gctokend %s serves %zu profile%s on %s", GCTOKEND_VERSION,
		daemon->config->n_profiles, daemon->config->n_profiles == 1 ? "" : "s",
		daemon->socket_path);
	event_base_dispatch(daemon->base);
	block_signals();
}

void daemon_free(struct daemon *daemon)
{
	if (!daemon) {
		return;
	}
	listener_free(daemon->listener);
	clients_free(daemon->clients);
	dispatch_free(daemon->dispatch);
	quota_free(daemon->quota);
	upstream_free(daemon->upstream);
	clock_free(daemon->clock);
	watch_free(daemon->watch);
	for (int i = 0; i < SIGNALS; i++) {
		if (daemon->signals[i]) {
			event_free(daemon->signals[i]);
		}
	}
	if (daemon->base) {
		event_base_free(daemon->base);
	}
	payload_unref(daemon->refusal);
	config_free(daemon->config);
	config_environment_done(&daemon->environment);
	free(daemon->config_path);
	free(daemon->socket_path);
	free(daemon);
}
