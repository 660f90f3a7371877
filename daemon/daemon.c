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
#include "configuration.h"
#include "core/authorize.h"
#include "core/broker.h"
#include "core/quota.h"
#include "dispatch.h"
#include "io/clock.h"
#include "io/listener.h"
#include "io/log.h"
#include "io/sign.h"
#include "proto/message.h"
#include "upstream.h"

enum {
	SIGNALS = 4,
	SHUTDOWN_WAIT_S = 5, /* for flights that may bring a refresh token */
};

struct daemon {
	struct event_base *base;
	struct event *signals[SIGNALS];
	struct clock *clock;
	struct listener *listener;
	struct upstream *upstream;
	struct broker *broker; /* upstream's */
	struct quota *quota;
	struct dispatch *dispatch;
	struct configuration *configuration;
	struct payload *refusal; /* what a connection over the limits is told */
	char *socket_path;
	const char *socket_option; /* borrowed */
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

/* --socket, [daemon] socket, or the place where gctoken looks. */
static char *choose_socket(const struct daemon *daemon)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *path = NULL;

	if (daemon->socket_option) {
		return strdup(daemon->socket_option);
	}
	if (configuration_socket(daemon->configuration)) {
		return strdup(configuration_socket(daemon->configuration));
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

static void on_reloaded(void *context, bool taken)
{
	struct daemon *daemon = context;

	rearm(daemon);
	if (taken) {
		warn_of_other_socket(daemon);
	}
}

static const struct configuration_ops configuration_ops = {on_reloaded};

static int64_t wall_offset(void *context)
{
	return clock_wall_offset();
}

static const char *reload(void *context)
{
	struct daemon *daemon = context;

	return configuration_reload(daemon->configuration)
		       ? NULL
		       : configuration_failure(daemon->configuration);
}

static const struct access_rules *rules(void *context)
{
	struct daemon *daemon = context;

	return configuration_rules(daemon->configuration);
}

static const struct authorize_random authorize_random = {sign_verifier, sign_challenge, sign_state};

static const struct call_ops call_ops = {wall_offset, reload, rules, &authorize_random};

/* ---- life */

static void on_hangup(evutil_socket_t signal, short what, void *context)
{
	reload(context); /* the log tells */
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

static bool make_parts(struct daemon *daemon, const struct configuration_options *configuration)
{
	return (daemon->base = make_base()) &&
	       (daemon->upstream = upstream_new(daemon->base, rearm, daemon)) &&
	       (daemon->broker = upstream_broker(daemon->upstream)) &&
	       (daemon->quota = quota_new()) &&
	       (daemon->dispatch = dispatch_new(
			daemon->broker, daemon->quota, &call_ops, daemon, clock_now())) &&
	       (daemon->clients = clients_new(
			daemon->base, daemon->quota, daemon->dispatch, rearm, daemon)) &&
	       (daemon->configuration = configuration_new(configuration,
			&(struct configuration_parts){
				daemon->base, daemon->upstream, daemon->quota, daemon->clients},
			&configuration_ops, daemon)) &&
	       clock_new(daemon->base, on_due, on_stepped, daemon, &daemon->clock) == 0 &&
	       (daemon->refusal = message_error(ERROR_RATE_LIMITED,
			"Too many connections; close some, or try again shortly", 1)) &&
	       add_signals(daemon);
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
	daemon->socket_option = options->socket;
	if (!make_parts(daemon, &options->configuration)) {
		log_error("out of memory, or the kernel lacks epoll or timerfd");
	} else {
		status = configuration_start(daemon->configuration);
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
	size_t n = broker_profiles(daemon->broker, &(struct profile *const *){NULL});

	log_info("gctokend %s serves %zu profile%s on %s", GCTOKEND_VERSION, n, n == 1 ? "" : "s",
		daemon->socket_path);
	rearm(daemon);
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
	configuration_free(daemon->configuration);
	for (int i = 0; i < SIGNALS; i++) {
		if (daemon->signals[i]) {
			event_free(daemon->signals[i]);
		}
	}
	if (daemon->base) {
		event_base_free(daemon->base);
	}
	payload_unref(daemon->refusal);
	free(daemon->socket_path);
	free(daemon);
}
