#include "daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "core/answer.h"
#include "core/broker.h"
#include "core/quota.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/token.h"
#include "dispatch.h"
#include "io/clock.h"
#include "io/config.h"
#include "io/credential.h"
#include "io/http.h"
#include "io/listener.h"
#include "io/log.h"
#include "io/peer.h"
#include "io/tls.h"
#include "proto/message.h"

enum { SIGNALS = 3 };

/* One connection: its bytes and its requests. */
struct client {
	LIST_ENTRY(client) link; /* in daemon->clients */
	struct daemon *daemon;
	struct peer *peer;
	struct peer_credentials credentials;
	struct session session;
};

struct daemon {
	struct event_base *base;
	struct event *signals[SIGNALS];
	struct clock *clock;
	struct tls *tls;
	struct http *http;
	struct listener *listener;
	struct broker *broker;
	struct quota *quota;
	struct dispatch *dispatch;
	struct config *config;
	struct config_environment environment;
	struct payload *refusal; /* what a connection over the limits is told */
	char *config_path, *socket_path;
	LIST_HEAD(, client) clients;
};

/* What was put to the broker may have brought its next deadline forward. */
static void rearm(struct daemon *daemon)
{
	clock_arm(daemon->clock, broker_next(daemon->broker));
}

/* ---- attempts: broker → HTTP → grant → broker */

static void log_result(
	const struct profile *profile, const struct grant_result *result, int64_t now_ms)
{
	const char *name = profile->settings->name;
	const char *id = result->correlation_id[0] != '\0' ? result->correlation_id : "none";

	if (profile->verdict == GRANT_GRANTED) {
		log_message(LOG_LEVEL_INFO, name,
			"new token, valid for %" PRId64 " s (correlation id %s)",
			(token_expires(profile->token) - now_ms) / 1000, id);
	} else if (profile->due_ms != PROFILE_NEVER) {
		log_message(LOG_LEVEL_WARNING, name,
			"%s; next attempt in %" PRId64 " s (correlation id %s)", result->message,
			(profile->due_ms - now_ms + 999) / 1000, id);
	} else {
		log_message(LOG_LEVEL_WARNING, name, "%s (correlation id %s)", result->message, id);
	}
}

static void finish(struct attempt *attempt, struct grant_result *result)
{
	struct daemon *daemon = attempt->context;
	struct profile *profile = attempt->profile;
	int64_t now_ms = clock_now();

	broker_finish(daemon->broker, attempt, result, now_ms);
	log_result(profile, result, now_ms);
	grant_result_done(result);
	rearm(daemon);
}

static void on_answer(void *context, const struct http_answer *http_answer)
{
	struct attempt *attempt = context;
	const struct settings *settings = attempt->profile->settings;
	struct answer_http answer = {
		.error = http_answer->error,
		.status = http_answer->status,
		.body = http_answer->body,
		.body_len = http_answer->body_len,
		.retry_after = http_answer->retry_after,
		.date = http_answer->date,
		.correlation_id = http_answer->correlation_id,
		.sent_ms = attempt->sent_ms,
	};
	struct grant_result result;

	log_message(LOG_LEVEL_DEBUG, settings->name, "POST %s: %d in %" PRId64 " ms%s%s",
		settings->token_url, http_answer->status, http_answer->duration_ms,
		http_answer->error ? ": " : "", http_answer->error ? http_answer->error : "");
	grant_judge(settings, &answer, &result);
	finish(attempt, &result);
}

/* A secret file is read anew for each attempt, so that one that was mended needs no reload. */
static bool read_secret(struct settings *settings, char why[CREDENTIAL_WHY_MAX])
{
	struct secret *secret;

	if (!settings->client_secret_file) {
		snprintf(why, CREDENTIAL_WHY_MAX, "%s",
			settings->client_secret_problem ? settings->client_secret_problem : "");
		return settings->client_secret != NULL;
	}
	if (credential_read(settings->client_secret_file, &secret, why) < 0) {
		return false;
	}
	secret_free(settings->client_secret);
	settings->client_secret = secret;
	return true;
}

static int post(struct daemon *daemon, struct attempt *attempt)
{
	const struct settings *settings = attempt->profile->settings;
	struct grant_request request;
	struct http_transfer *transfer;
	int r = grant_request_init(&request, settings);

	if (r < 0) {
		return r;
	}
	r = http_post(daemon->http,
		&(struct http_request){
			.url = settings->token_url,
			.unix_socket = settings->unix_socket,
			.ca_file = settings->ca_file,
			.form = request.form,
			.authorization = request.authorization,
			.connect_timeout_ms = settings->connect_timeout_ms,
			.request_timeout_ms = settings->request_timeout_ms,
		},
		on_answer, attempt, &transfer);
	grant_request_done(&request);
	if (r == 0) {
		attempt->transfer = transfer;
	}
	return r;
}

static void start_attempt(void *context, struct attempt *attempt)
{
	struct daemon *daemon = context;
	char why[CREDENTIAL_WHY_MAX];
	struct grant_result result = {0};

	if (!read_secret(attempt->profile->settings, why)) {
		grant_fail(&result, GRANT_PERMANENT, "%s", why);
		finish(attempt, &result);
	} else if (post(daemon, attempt) < 0) {
		grant_fail(&result, GRANT_TEMPORARY, "The daemon is out of memory");
		finish(attempt, &result);
	}
}

static void cancel_attempt(void *context, struct attempt *attempt)
{
	http_cancel(attempt->transfer);
}

static uint32_t random_number(void *context)
{
	return arc4random();
}

static const struct broker_ops broker_ops = {start_attempt, cancel_attempt, random_number};

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

/* ---- connections: listener → peer → dispatch → peer */

static struct client *client_of(struct session *session)
{
	return (struct client *)((char *)session - offsetof(struct client, session));
}

static void send_answer(
	struct session *session, const char *head, size_t head_len, struct payload *payload)
{
	peer_send(client_of(session)->peer, head, head_len, payload);
}

static void count_pending(struct session *session, int change)
{
	peer_pending(client_of(session)->peer, change);
}

static const struct session_ops session_ops = {send_answer, count_pending};

static bool on_line(void *context, char *line, size_t len)
{
	struct client *client = context;
	struct daemon *daemon = client->daemon;
	bool go_on = dispatch_line(daemon->dispatch, &client->session, line, len, clock_now());

	rearm(daemon);
	return go_on;
}

static void on_too_long(void *context)
{
	struct client *client = context;

	dispatch_too_long(client->daemon->dispatch, &client->session);
}

/* Forgets what the client asked for; its peer is freed by whoever calls. */
static void client_free(struct client *client)
{
	struct daemon *daemon = client->daemon;

	LIST_REMOVE(client, link);
	session_done(&client->session, daemon->dispatch);
	quota_disconnect(daemon->quota, client->session.user, clock_now());
	peer_credentials_done(&client->credentials);
	free(client);
}

static void on_closed(void *context)
{
	client_free(context);
}

static const struct peer_ops peer_ops = {on_line, on_too_long, on_closed};

/* Takes credentials and fd over in any case. */
static void serve(struct daemon *daemon, int fd, struct peer_credentials *credentials)
{
	struct quota_user *user = quota_connect(daemon->quota, credentials->uid, clock_now());
	struct client *client = user ? calloc(1, sizeof(*client)) : NULL;
	struct access_subject who = {
		.uid = credentials->uid,
		.gids = credentials->gids,
		.n_gids = credentials->n_gids,
		.privileged = credentials->uid == 0 || credentials->uid == geteuid(),
	};

	if (client) {
		client->peer = peer_new(daemon->base, fd, &peer_ops, client);
	}
	if (!client || !client->peer) {
		if (user) {
			quota_disconnect(daemon->quota, user, clock_now());
		}
		if (!client) {
			listener_refuse(daemon->listener, fd);
		}
		free(client);
		peer_credentials_done(credentials);
		return;
	}
	client->daemon = daemon;
	client->credentials = *credentials;
	session_init(&client->session, &session_ops, &who, user);
	LIST_INSERT_HEAD(&daemon->clients, client, link);
}

static void on_accepted(void *context, int fd)
{
	struct peer_credentials credentials;
	int r = peer_credentials_get(fd, &credentials);

	if (r < 0) {
		log_warning("a connection was refused: cannot tell whose it is: %s", strerror(-r));
		close(fd);
		return;
	}
	serve(context, fd, &credentials);
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
	return dispatch_may_still(waiter);
}

/* Puts the configuration in place of the one before; takes it over if it returns 0. */
static int apply(struct daemon *daemon, struct config *config)
{
	int r;

	tls_forget(daemon->tls);
	r = broker_configure(
		daemon->broker, config->profiles, config->n_profiles, may_still, clock_now());
	if (r < 0) {
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
	config_free(daemon->config);
	daemon->config = config;
	rearm(daemon);
	return 0;
}

static bool reload(void *context, char *why, size_t why_size)
{
	struct daemon *daemon = context;
	struct told told = {why, why_size, 0};
	struct config *config;
	int r = config_load(daemon->config_path, &daemon->environment, on_problem, &told, &config);

	if (r == 0) {
		r = apply(daemon, config);
		if (r < 0) {
			config_free(config);
		}
	}
	if (r == -ENOMEM) {
		snprintf(why, why_size, "The daemon is out of memory");
	}
	if (r < 0) {
		log_error("the configuration before stays in force");
		return false;
	}
	log_info("configuration reloaded from %s", daemon->config_path);
	return true;
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

static const struct dispatch_ops dispatch_ops = {wall_offset, reload, rules};

int daemon_check_config(const char *config_path)
{
	struct config_environment environment;
	struct told told = {0};
	struct config *config;
	int r;

	config_environment_take(&environment);
	r = config_load(config_path, &environment, on_problem, &told, &config);
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
	char why[1]; /* the log has told */

	reload(context, why, sizeof(why));
}

static void on_terminate(evutil_socket_t signal, short what, void *context)
{
	struct daemon *daemon = context;

	log_info("stopping");
	broker_shutdown(daemon->broker);
	event_base_loopexit(daemon->base, NULL);
}

/* --socket, [daemon] socket, or the place where gctoken looks. */
static char *choose_socket(const struct daemon *daemon, const char *option)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *path = NULL;

	if (option) {
		return strdup(option);
	}
	if (daemon->config->socket) {
		return strdup(daemon->config->socket);
	}
	if (geteuid() != 0 && runtime && runtime[0] == '/') {
		return asprintf(&path, "%s/gctokend/gctokend.sock", runtime) < 0 ? NULL : path;
	}
	return strdup("/run/gctokend/gctokend.sock");
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

static bool add_signals(struct daemon *daemon)
{
	static const int numbers[SIGNALS] = {SIGHUP, SIGTERM, SIGINT};

	for (int i = 0; i < SIGNALS; i++) {
		daemon->signals[i] = evsignal_new(daemon->base, numbers[i],
			numbers[i] == SIGHUP ? on_hangup : on_terminate, daemon);
		if (!daemon->signals[i] || event_add(daemon->signals[i], NULL) < 0) {
			return false;
		}
	}
	return true;
}

static bool make_parts(struct daemon *daemon)
{
	return (daemon->base = make_base()) && (daemon->tls = tls_new()) &&
	       (daemon->http = http_new(daemon->base, daemon->tls)) &&
	       (daemon->broker = broker_new(&broker_ops, daemon)) &&
	       (daemon->quota = quota_new()) &&
	       (daemon->dispatch = dispatch_new(
			daemon->broker, daemon->quota, &dispatch_ops, daemon, clock_now())) &&
	       clock_new(daemon->base, on_due, on_stepped, daemon, &daemon->clock) == 0 &&
	       (daemon->refusal = message_error(ERROR_RATE_LIMITED,
			"Too many connections; close some, or try again shortly", 1)) &&
	       add_signals(daemon);
}

static int load_first(struct daemon *daemon)
{
	struct told told = {0};
	struct config *config;
	int r = config_load(daemon->config_path, &daemon->environment, on_problem, &told, &config);

	if (r == -EINVAL) {
		return EXIT_STATUS_BAD_CONFIG;
	}
	if (r < 0 || apply(daemon, config) < 0) {
		log_error("out of memory");
		return EXIT_STATUS_FAILURE;
	}
	return EXIT_STATUS_DONE;
}

static int listen_there(struct daemon *daemon, const char *socket_option)
{
	static char refusal[512];
	char why[LISTENER_WHY_MAX];
	size_t len = (size_t)snprintf(
		refusal, sizeof(refusal), "%s%s", MESSAGE_HEAD_NONE, daemon->refusal->bytes);

	daemon->socket_path = choose_socket(daemon, socket_option);
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
	LIST_INIT(&daemon->clients);
	config_environment_take(&daemon->environment);
	daemon->config_path = strdup(options->config_path);
	if (!daemon->config_path || !make_parts(daemon)) {
		log_error("out of memory, or the kernel lacks epoll or timerfd");
	} else {
		status = load_first(daemon);
	}
	if (status == EXIT_STATUS_DONE) {
		status = listen_there(daemon, options->socket);
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
}

void daemon_free(struct daemon *daemon)
{
	struct client *client;

	if (!daemon) {
		return;
	}
	listener_free(daemon->listener);
	while ((client = LIST_FIRST(&daemon->clients))) {
		peer_free(client->peer);
		client_free(client);
	}
	broker_free(daemon->broker);
	http_free(daemon->http);
	tls_free(daemon->tls);
	dispatch_free(daemon->dispatch);
	quota_free(daemon->quota);
	clock_free(daemon->clock);
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
