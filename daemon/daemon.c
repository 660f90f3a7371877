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

#include "auditor.h"
#include "clients.h"
#include "configuration.h"
#include "core/authorize.h"
#include "core/broker.h"
#include "core/profile.h"
#include "core/quota.h"
#include "dispatch.h"
#include "events.h"
#include "io/activation.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/sign.h"
#include "plugins.h"
#include "proto/error.h"
#include "providers.h"
#include "reception.h"
#include "store.h"
#include "supervision.h"
#include "upstream.h"

enum {
	SIGNALS = 4,
	SHUTDOWN_WAIT_S = 5, /* for flights that may bring a refresh token */
	STORE_WAIT_S = 1,    /* for a service manager that is too busy to take what it stores */
};

struct daemon {
	struct event_base *base;
	struct event *signals[SIGNALS];
	struct clock *clock;
	struct reception *reception;
	struct upstream *upstream;
	struct broker *broker; /* upstream's */
	struct quota *quota;
	struct providers *providers;
	struct plugins *plugins;
	struct audit *audit;
	struct events *events;
	struct dispatch *dispatch;
	struct configuration *configuration;
	struct supervision *supervision;
	struct activation activation;
	struct store *store; /* NULL: there is no service manager */
	struct clients *clients;
	bool stopping;
};

static int64_t first(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

/* Something was put to the broker. That may have brought its next deadline forward, and the store
 * is given what it changed: answers and requests leave after the callback that ends with this. */
static void rearm(void *context)
{
	struct daemon *daemon = context;
	int64_t store_ms = store_update(daemon->store, daemon->broker);
	int64_t next_ms = broker_next(daemon->broker);

	next_ms = first(next_ms, audit_next(daemon->audit));
	next_ms = first(next_ms, providers_next(daemon->providers));
	clock_arm(daemon->clock, first(next_ms, store_ms));
	if (daemon->stopping && !broker_is_busy(daemon->broker) && store_ms == INT64_MAX) {
		event_base_loopbreak(daemon->base);
	}
}

static void on_due(void *context)
{
	struct daemon *daemon = context;

	broker_tick(daemon->broker, clock_now());
	providers_tick(daemon->providers, clock_now());
	audit_tick(daemon->audit, clock_now());
	rearm(daemon);
	supervision_changed(daemon->supervision);
}

static void on_stepped(void *context, int64_t step_ms)
{
	struct daemon *daemon = context;

	log_event(&(struct log_event){LOG_LEVEL_INFO, LOG_EVENT_CLOCK_SET},
		"the wall clock was set by %" PRId64 " ms", step_ms);
	broker_wall_stepped(daemon->broker, step_ms, clock_now());
	rearm(daemon);
}

static void on_news(void *context, const struct profile *profile, enum event_kind kind,
	const struct event_error *error)
{
	struct daemon *daemon = context;

	events_tell(daemon->events, profile, kind, error);
}

/* ---- configuration */

static void on_reloading(void *context)
{
	struct daemon *daemon = context;

	supervision_reloading(daemon->supervision);
}

static void on_reloaded(void *context, bool taken)
{
	struct daemon *daemon = context;

	if (taken) {
		store_restore(daemon->store, daemon->broker); /* the first one mended the start */
		providers_judge(daemon->providers);
		reception_check(daemon->reception);
		events_reloaded(daemon->events);
	}
	rearm(daemon);
	supervision_ready(daemon->supervision);
}

static void need_units(void *context, bool needed)
{
	struct daemon *daemon = context;

	clients_need_units(daemon->clients, needed);
}

static const struct configuration_ops configuration_ops = {need_units, on_reloading, on_reloaded};

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

static const char *unconfigured(void *context)
{
	struct daemon *daemon = context;

	return configuration_stands(daemon->configuration)
		       ? NULL
		       : configuration_failure(daemon->configuration);
}

static const struct access_rules *rules(void *context)
{
	struct daemon *daemon = context;

	return configuration_rules(daemon->configuration);
}

static const struct authorize_random authorize_random = {sign_verifier, sign_challenge, sign_state};

static void audit(void *context, const struct call_audit *entry)
{
	struct daemon *daemon = context;

	auditor_note(daemon->audit, entry);
}

static const struct call_ops call_ops = {
	wall_offset, reload, unconfigured, rules, &authorize_random, audit};

/* ---- providers */

static void ask(void *context, struct errand *errand)
{
	struct daemon *daemon = context;

	providers_ask(daemon->providers, errand);
}

static void unask(void *context, struct errand *errand)
{
	struct daemon *daemon = context;

	providers_unask(daemon->providers, errand);
}

static const struct upstream_ops upstream_ops = {rearm, ask, unask, on_news};

static int64_t now(void *context)
{
	return clock_now();
}

static struct session *start_plugin(
	void *context, const struct profile *profile, char why[PROVIDERS_WHY_SIZE])
{
	struct daemon *daemon = context;

	return plugins_start(daemon->plugins, profile->settings, why, PROVIDERS_WHY_SIZE);
}

static void end_plugin(void *context, struct session *session)
{
	struct daemon *daemon = context;

	plugins_end(daemon->plugins, session);
}

static void log_provider(
	void *context, const struct session *session, const char *profile, const char *what)
{
	log_message(LOG_LEVEL_INFO, profile, "process %d of user %u %s", (int)session->who.pid,
		session->who.uid, what);
}

static const struct providers_ops providers_ops = {
	now, start_plugin, end_plugin, rearm, log_provider};

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

	struct timeval wait = {.tv_sec = STORE_WAIT_S};

	if (daemon->stopping) {
		event_base_loopbreak(daemon->base);
		return;
	}
	log_event(&(struct log_event){LOG_LEVEL_INFO, LOG_EVENT_STOPPING}, "stopping");
	supervision_stopping(daemon->supervision);
	daemon->stopping = true;
	reception_end(daemon->reception);
	broker_shutdown(daemon->broker);
	events_end(daemon->events);
	store_hurry(daemon->store);
	if (broker_is_busy(daemon->broker)) {
		wait.tv_sec = SHUTDOWN_WAIT_S;
	}
	event_base_loopexit(daemon->base, &wait);
	rearm(daemon);
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
	       (daemon->upstream = upstream_new(daemon->base, &upstream_ops, daemon)) &&
	       (daemon->broker = upstream_broker(daemon->upstream)) &&
	       (daemon->quota = quota_new()) &&
	       (daemon->providers = providers_new(daemon->broker, &providers_ops, daemon)) &&
	       (daemon->audit = audit_new(auditor_left_out, NULL)) &&
	       (daemon->events = events_new()) &&
	       (daemon->dispatch = dispatch_new(daemon->broker, daemon->quota, daemon->providers,
			daemon->events, &call_ops, daemon, clock_now())) &&
	       (daemon->clients = clients_new(
			daemon->base, daemon->quota, daemon->dispatch, rearm, daemon)) &&
	       (daemon->plugins = plugins_new(daemon->base, daemon->clients)) &&
	       (daemon->configuration = configuration_new(configuration,
			&(struct configuration_parts){
				daemon->base, daemon->upstream, daemon->quota},
			&configuration_ops, daemon)) &&
	       (daemon->supervision = supervision_new(
			daemon->base, daemon->broker, daemon->configuration)) &&
	       clock_new(daemon->base, on_due, on_stepped, daemon, &daemon->clock) == 0 &&
	       add_signals(daemon);
}

static const struct log_event start_failed = {LOG_LEVEL_ERROR, LOG_EVENT_START_FAILED};

/* What the service manager passed. */
static bool take_activation(struct daemon *daemon)
{
	int r = activation_take(&daemon->activation);

	if (r < 0) {
		log_event(&start_failed, "cannot take the descriptors of the service manager: %s",
			strerror(-r));
		return false;
	}
	r = store_new(&daemon->activation, &daemon->store);
	if (r < 0) {
		log_error("cannot read what an earlier daemon left: %s", strerror(-r));
	}
	return r == 0;
}

/* Callers in the queue of a socket that was passed would be waiting for somebody to mend the
 * configuration; so they are served, and told. */
static int configure(struct daemon *daemon)
{
	int status = configuration_start(daemon->configuration);

	if (status != EXIT_STATUS_DONE && daemon->activation.listen_fd >= 0) {
		log_event(&start_failed,
			"there is no configuration; every request is answered with the mistake "
			"until it is mended");
		return EXIT_STATUS_DONE;
	}
	if (status == EXIT_STATUS_DONE) {
		store_restore(daemon->store, daemon->broker);
	}
	return status;
}

static int receive(struct daemon *daemon, const char *socket)
{
	int fd = daemon->activation.listen_fd;

	daemon->activation.listen_fd = -1;
	return reception_new(daemon->base,
		&(struct reception_options){
			.fd = fd,
			.socket = socket,
			.clients = daemon->clients,
			.configuration = daemon->configuration,
		},
		&daemon->reception);
}

int daemon_new(const struct daemon_options *options, struct daemon **ret_daemon)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int status = EXIT_STATUS_FAILURE;

	if (!daemon) {
		log_error("out of memory");
		return status;
	}
	daemon->activation.listen_fd = -1;
	if (!make_parts(daemon, &options->configuration)) {
		log_error("out of memory, or the kernel lacks epoll or timerfd");
	} else if (take_activation(daemon)) {
		status = configure(daemon);
	}
	if (status == EXIT_STATUS_DONE) {
		status = receive(daemon, options->socket);
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

	log_event(&(struct log_event){LOG_LEVEL_INFO, LOG_EVENT_STARTED},
		"gctokend %s serves %zu profile%s on %s", GCTOKEND_VERSION, n, n == 1 ? "" : "s",
		reception_path(daemon->reception));
	rearm(daemon);
	supervision_ready(daemon->supervision);
	event_base_dispatch(daemon->base);
	block_signals();
}

void daemon_free(struct daemon *daemon)
{
	if (!daemon) {
		return;
	}
	reception_free(daemon->reception);
	clients_free(daemon->clients);
	dispatch_free(daemon->dispatch);
	events_free(daemon->events);
	quota_free(daemon->quota);
	upstream_free(daemon->upstream);
	plugins_free(daemon->plugins);
	providers_free(daemon->providers);
	store_free(daemon->store);
	clock_free(daemon->clock);
	supervision_free(daemon->supervision);
	configuration_free(daemon->configuration);
	for (int i = 0; i < SIGNALS; i++) {
		if (daemon->signals[i]) {
			event_free(daemon->signals[i]);
		}
	}
	if (daemon->base) {
		event_base_free(daemon->base);
	}
	audit_free(daemon->audit);
	activation_done(&daemon->activation);
	free(daemon);
}
