#include "configuration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "core/access.h"
#include "core/broker.h"
#include "core/grant.h"
#include "core/quota.h"
#include "core/settings.h"
#include "io/clock.h"
#include "io/config.h"
#include "io/harden.h"
#include "io/log.h"
#include "io/watch.h"
#include "keeper.h"
#include "proto/error.h"
#include "upstream.h"

enum {
	WHY_SIZE = 8 * 1024,

	/* As long as no configuration says it. */
	CONNECTIONS_MAX = 4096,
	CONNECTIONS_PER_UID_MAX = 1024,
};

/* All that config_load() tells as an error, cut; "" when it told none. */
struct told {
	char text[WHY_SIZE];
	size_t len;
};

struct configuration {
	struct configuration_parts parts;
	const struct configuration_ops *ops;
	void *context;
	struct broker *broker; /* upstream's */
	struct config_environment environment;
	struct config *config; /* NULL: none is in force */
	struct watch *watch;
	char *path;
	const char *log_level, *log_format; /* the command line's, or NULL */
	bool failed;                        /* the last reading; told says why */
	struct told told;
};

static void on_problem(void *context, enum log_level level, const char *text)
{
	struct told *told = context;

	log_event(&(struct log_event){level, LOG_EVENT_BAD_SETTING}, "%s", text);
	if (level == LOG_LEVEL_ERROR && told->len < sizeof(told->text)) {
		int n = snprintf(told->text + told->len, sizeof(told->text) - told->len, "%s%s",
			told->len > 0 ? "; " : "", text);

		told->len += (size_t)n;
	}
}

static int load(const char *path, const struct config_environment *environment, struct told *told,
	struct config **ret_config)
{
	int r;

	told->text[0] = '\0';
	told->len = 0;
	r = config_load(path, environment, on_problem, told, ret_config);
	harden_wipe_stack(); /* the parser has put secrets there */
	if (r == -ENOMEM) {
		on_problem(told, LOG_LEVEL_ERROR, "The daemon is out of memory");
	}
	return r;
}

/* ---- putting it in place */

static const char *first(const char *a, const char *b)
{
	return a ? a : b;
}

static void apply_logging(const struct configuration *configuration, const struct config *config)
{
	log_setup(first(configuration->log_level, config->log_level),
		first(configuration->log_format, config->log_format));
	log_setup_outputs(config->log_to_console, config->log_file_path);
	upstream_log_bodies(
		configuration->parts.upstream, config->log_request_body, config->log_response_body);
}

static bool may_still(void *context, const struct waiter *waiter)
{
	return call_may_still(waiter);
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

/* Whether it is stored that profiles were logged out, of which nothing else is. */
static bool has_logouts(const struct config *config)
{
	for (size_t i = 0; i < config->n_profiles; i++) {
		if (keeper_has_record(config->profiles[i]->name)) {
			return true;
		}
	}
	return false;
}

/* Returns 0, or a negative errno with a sentence where a profile cannot do without. */
static int open_state(struct upstream *upstream, const struct config *config, char why[WHY_SIZE])
{
	bool needed = needs_state(config);
	int r = needed || has_logouts(config) ? upstream_open_state(upstream, why, WHY_SIZE) : 0;

	if (r < 0 && !needed) {
		log_warning("a profile that was logged out may fetch a token: %s", why);
		return 0;
	}
	return r;
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

/* Puts config in place of the one before, and takes it over if it returns 0; else a negative errno,
 * with the reason told. */
static int apply(struct configuration *configuration, struct config *config)
{
	struct upstream *upstream = configuration->parts.upstream;
	char why[WHY_SIZE];
	int r = open_state(upstream, config, why);

	if (r < 0) {
		on_problem(&configuration->told, LOG_LEVEL_ERROR, why);
		return r;
	}
	upstream_forget_authorities(upstream);
	configuration->ops->need_units(configuration->context, needs_units(config));
	r = broker_configure(configuration->broker, config->profiles, config->n_profiles, may_still,
		clock_now());
	if (r < 0) {
		on_problem(&configuration->told, LOG_LEVEL_ERROR, "The daemon is out of memory");
		return r;
	}
	quota_set(configuration->parts.quota,
		&(struct quota_limits){
			.connections = config->max_connections,
			.connections_per_uid = config->max_connections_per_uid,
			.waiters = config->max_waiters,
			.requests = config->rate_limit,
			.quarantine_ms = config->rate_limit_quarantine_delay_ms,
			.own_uid = geteuid(),
		});
	apply_logging(configuration, config);
	config_free(configuration->config);
	configuration->config = config;
	return 0;
}

/* Returns 0, -EINVAL for a mistake in the files, or another negative errno. */
static int read_files(struct configuration *configuration)
{
	struct config *config = NULL;
	int r;

	watch_mark(configuration->watch);
	r = load(configuration->path, &configuration->environment, &configuration->told, &config);
	if (r == 0) {
		r = apply(configuration, config);
		if (r < 0) {
			config_free(config);
		}
	}
	configuration->failed = r < 0;
	return r;
}

/* Live reload, as the configuration that is in force has it; without one, a change may mend
 * that. */
static void watch_files(struct configuration *configuration)
{
	int r = 0;

	if (!configuration->config || configuration->config->live_reload) {
		r = watch_start(configuration->watch);
	} else {
		watch_stop(configuration->watch);
	}
	if (r < 0) {
		log_warning("changes of %s are not seen (%s); send SIGHUP or call gctoken reload",
			configuration->path, strerror(-r));
	}
}

int configuration_start(struct configuration *configuration)
{
	int r = read_files(configuration);

	watch_files(configuration);
	if (r < 0) {
		return r == -EINVAL ? EXIT_STATUS_BAD_CONFIG : EXIT_STATUS_FAILURE;
	}
	return EXIT_STATUS_DONE;
}

bool configuration_reload(struct configuration *configuration)
{
	int r;

	configuration->ops->reloading(configuration->context);
	r = read_files(configuration);
	if (r == 0) {
		watch_files(configuration);
		log_event(&(struct log_event){LOG_LEVEL_INFO, LOG_EVENT_RELOADED},
			"configuration reloaded from %s", configuration->path);
	} else {
		log_event(&(struct log_event){LOG_LEVEL_ERROR, LOG_EVENT_RELOAD_FAILED}, "%s",
			configuration->config ? "the configuration before stays in force"
					      : "there is still no configuration");
	}
	configuration->ops->reloaded(configuration->context, r == 0);
	return r == 0;
}

static void on_changed(void *context, int error)
{
	struct configuration *configuration = context;
	const char *path = configuration->path;

	if (error < 0) {
		log_warning("changes of %s are not seen any longer (%s); send SIGHUP or call "
			    "gctoken reload",
			path, strerror(-error));
	} else if (configuration->config && configuration->config->has_file &&
		   access(path, F_OK) < 0 && errno == ENOENT) {
		log_warning("%s was removed; the configuration before stays in force", path);
	} else {
		log_info("%s, or a drop-in of it, has changed", path);
		configuration_reload(configuration);
	}
}

/* ---- what is in force */

const char *configuration_failure(const struct configuration *configuration)
{
	return configuration->failed ? configuration->told.text : NULL;
}

bool configuration_stands(const struct configuration *configuration)
{
	return configuration->config;
}

const char *configuration_socket(const struct configuration *configuration)
{
	return configuration->config ? configuration->config->socket : NULL;
}

const struct access_rules *configuration_rules(const struct configuration *configuration)
{
	return configuration->config ? configuration->config->allow : NULL;
}

/* ---- life */

struct configuration *configuration_new(const struct configuration_options *options,
	const struct configuration_parts *parts, const struct configuration_ops *ops, void *context)
{
	struct configuration *configuration = calloc(1, sizeof(*configuration));

	if (!configuration) {
		return NULL;
	}
	configuration->parts = *parts;
	configuration->ops = ops;
	configuration->context = context;
	configuration->broker = upstream_broker(parts->upstream);
	configuration->log_level = options->log_level;
	configuration->log_format = options->log_format;
	config_environment_take(&configuration->environment);
	configuration->path = strdup(options->path);
	configuration->watch = watch_new(
		parts->base, options->path, WATCH_QUIET_MS, on_changed, configuration);
	if (!configuration->path || !configuration->watch) {
		configuration_free(configuration);
		return NULL;
	}
	quota_set(parts->quota, &(struct quota_limits){
					.connections = CONNECTIONS_MAX,
					.connections_per_uid = CONNECTIONS_PER_UID_MAX,
					.own_uid = geteuid(),
				});
	return configuration;
}

void configuration_free(struct configuration *configuration)
{
	if (!configuration) {
		return;
	}
	watch_free(configuration->watch);
	config_free(configuration->config);
	config_environment_done(&configuration->environment);
	free(configuration->path);
	free(configuration);
}

int configuration_check(const char *path)
{
	struct config_environment environment;
	struct told told;
	struct config *config;
	int r;

	config_environment_take(&environment);
	r = load(path, &environment, &told, &config);
	config_environment_done(&environment);
	if (r < 0) {
		return r == -ENOMEM ? EXIT_STATUS_FAILURE : EXIT_STATUS_BAD_CONFIG;
	}
	printf("%s: good, %zu profile%s\n", path, config->n_profiles,
		config->n_profiles == 1 ? "" : "s");
	config_free(config);
	return EXIT_STATUS_DONE;
}
