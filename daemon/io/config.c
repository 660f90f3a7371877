#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_choice.h"
#include "config_entries.h"
#include "config_files.h"
#include "config_grant.h"
#include "config_problems.h"
#include "config_profile.h"
#include "config_sections.h"
#include "core/access.h"
#include "core/settings.h"

#define CONFIG_NAME "gctokend/gctokend.conf"

enum {
	CONNECTIONS_MAX = 1000000,
	WAITERS_MAX = 1000000,
	RATE_LIMIT_MAX = 1000000, /* requests a minute */
	QUARANTINE_DELAY_MAX_S = 3600,
	PER_UID_SHARE = 4, /* max_connections_per_uid is max_connections by this */
};

/* The file in the user's own directory (the XDG Base Directory Specification), or NULL. */
static char *user_path(void)
{
	const char *directory = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char *path = NULL;
	int len = -1;

	/* The specification has relative ones ignored. */
	if (directory && directory[0] == '/') {
		len = asprintf(&path, "%s/" CONFIG_NAME, directory);
	} else if (home && home[0] == '/') {
		len = asprintf(&path, "%s/.config/" CONFIG_NAME, home);
	}
	return len < 0 ? NULL : path;
}

char *config_path(const char *path)
{
	char *own;

	if (!path) {
		path = getenv("GCTOKEND_CONFIG");
	}
	if (path && *path) {
		return strdup(path);
	}
	own = geteuid() == 0 ? NULL : user_path();
	if (own && access(own, F_OK) == 0) {
		return own;
	}
	free(own);
	return strdup("/etc/" CONFIG_NAME);
}

static void read_daemon(struct config *config, const struct config_values *values)
{
	config->socket = config_values_socket(values, CONFIG_KEY_SOCKET);
	config->max_connections = (unsigned)config_values_number(
		values, CONFIG_KEY_MAX_CONNECTIONS, 1, CONNECTIONS_MAX, NULL);
	if (values->entries[CONFIG_KEY_MAX_CONNECTIONS_PER_UID]) {
		config->max_connections_per_uid = (unsigned)config_values_number(values,
			CONFIG_KEY_MAX_CONNECTIONS_PER_UID, 1, config->max_connections, NULL);
	} else {
		config->max_connections_per_uid = (config->max_connections + PER_UID_SHARE - 1) /
						  PER_UID_SHARE;
	}
	config->max_waiters = (unsigned)config_values_number(
		values, CONFIG_KEY_MAX_WAITERS, 1, WAITERS_MAX, NULL);
	config->rate_limit = (unsigned)config_values_number(
		values, CONFIG_KEY_RATE_LIMIT, 0, RATE_LIMIT_MAX, NULL);
	config->rate_limit_quarantine_delay_ms = 1000 * config_values_number(values,
								CONFIG_KEY_RATE_LIMIT_DELAY, 1,
								QUARANTINE_DELAY_MAX_S, "seconds");
	config->allow = config_values_allow(values, CONFIG_KEY_RELOAD_ALLOW);
	config->live_reload = config_values_bool(values, CONFIG_KEY_LIVE_RELOAD);
}

static void read_logging(struct config *config, const struct config_values *values)
{
	static const char *const levels[] = {
		"error", "warning", "info", "debug", "trace", "none", NULL};
	static const char *const formats[] = {"text", "json", NULL};

	config_choice_read(values, CONFIG_KEY_LOG_LEVEL, &(struct config_choice){levels, NULL});
	config_choice_read(values, CONFIG_KEY_LOG_FORMAT, &(struct config_choice){formats, NULL});
	config->log_level = config_values_copy(values, CONFIG_KEY_LOG_LEVEL);
	config->log_format = config_values_copy(values, CONFIG_KEY_LOG_FORMAT);
	config->log_to_console = config_values_bool(values, CONFIG_KEY_LOG_TO_CONSOLE);
	config->log_file_path = config_values_path(values, CONFIG_KEY_LOG_FILE_PATH);
	config->log_request_body = config_values_bool(values, CONFIG_KEY_LOG_REQUEST_BODY);
	config->log_response_body = config_values_bool(values, CONFIG_KEY_LOG_RESPONSE_BODY);
}

static bool has_credentials(const struct config_environment *environment)
{
	return environment->client_id || environment->client_secret;
}

/* The profile that the environment makes where the file has none. */
static void read_environment(struct config *config, const struct config_values *common,
	const struct config_environment *environment)
{
	const struct config_place id = {.key = "GENESYSCLOUD_OAUTHCLIENT_ID", .outside = true};
	const struct config_place secret = {
		.key = "GENESYSCLOUD_OAUTHCLIENT_SECRET", .outside = true};
	char key[] = "GENESYSCLOUD_REGION";
	const struct config_entry region = {.key = key, .value = environment->region};
	struct config_values values = *common;

	if (!has_credentials(environment)) {
		const struct config_place file = {0};

		config_warning(common->problems, &file,
			"there is no [profile NAME], and neither %s nor %s is set, so there are no "
			"tokens to give out",
			id.key, secret.key);
	} else if (!environment->client_id) {
		config_error(common->problems, &id, "this is not set, but %s is", secret.key);
	} else if (!environment->client_secret) {
		config_error(common->problems, &secret, "this is not set, but %s is", id.key);
	} else {
		if (!values.entries[CONFIG_KEY_HOST] && region.value) {
			values.entries[CONFIG_KEY_HOST] = &region;
		}
		config->profiles[0] = config_profile_read(&values, "default", environment);
		config->n_profiles = config->profiles[0] ? 1 : 0;
	}
}

static int by_name(const void *a, const void *b)
{
	const struct settings *const *p = a, *const *q = b;

	return strcmp((*p)->name, (*q)->name);
}

static void check_seeds(const struct config *config, const struct config_values *values,
	const struct settings *settings)
{
	for (size_t i = 0; i < config->n_profiles; i++) {
		config_grant_check_seeds(values, config->profiles[i], settings);
	}
}

static void read_profiles(struct config *config, const struct config_sections *sections)
{
	for (size_t i = 0; i < sections->n; i++) {
		const struct config_section *section = &sections->list[i];
		struct settings *settings;

		if (!section->profile) {
			continue;
		}
		settings = config_profile_read(&section->values, section->profile, NULL);
		if (settings) {
			check_seeds(config, &section->values, settings);
			config->profiles[config->n_profiles++] = settings;
		}
	}
}

/* What the entries mean; NULL when there is no memory. */
static struct config *compose(const struct config_entries *entries,
	const struct config_environment *environment, struct config_problems *problems)
{
	struct config *config = calloc(1, sizeof(*config));
	struct config_sections sections;

	config_sections_read(&sections, entries, environment, problems);
	if (config) {
		config->profiles = calloc(sections.n_profiles + 1, sizeof(config->profiles[0]));
	}
	if (config && config->profiles) {
		read_daemon(config, &sections.common);
		read_logging(config, &sections.common);
		config_profile_check_common(&sections.common);
		read_profiles(config, &sections);
		if (sections.n_profiles == 0 && !problems->failed) {
			read_environment(config, &sections.common, environment);
		}
	} else {
		problems->no_memory = true;
	}
	config_sections_done(&sections);
	return config;
}

/* Tells all problems, and gives the configuration out where none is an error. */
static int finish(struct config *config, struct config_problems *problems,
	config_problem_fn *problem, void *context, struct config **ret_config)
{
	int error = problems->no_memory ? -ENOMEM : problems->failed ? -EINVAL : 0;

	config_problems_tell(problems, problem, context);
	config_problems_done(problems);
	if (error < 0) {
		config_free(config);
		return error;
	}
	assert(config);
	qsort(config->profiles, config->n_profiles, sizeof(config->profiles[0]), by_name);
	*ret_config = config;
	return 0;
}

int config_parse(const char *path, char *text, size_t len,
	const struct config_environment *environment, config_problem_fn *problem, void *context,
	struct config **ret_config)
{
	const struct config_source source = {.path = path};
	struct config_entries entries = {0};
	struct config_problems problems;
	struct config *config;
	int error;

	config_problems_init(&problems, &source);
	config_files_read_text(text, len, &problems, &entries);
	config = compose(&entries, environment, &problems);
	error = finish(config, &problems, problem, context, ret_config);
	config_entries_done(&entries);
	return error;
}

int config_load(const char *path, const struct config_environment *environment,
	config_problem_fn *problem, void *context, struct config **ret_config)
{
	const struct config_source source = {.path = path};
	struct config_entries entries = {0};
	struct config_problems problems;
	struct config *config = NULL;
	struct config_files files;
	int error;

	config_problems_init(&problems, &source);
	config_files_read(&files, path, has_credentials(environment), &problems, &entries);
	config = compose(&entries, environment, &problems);
	if (config) {
		config->has_file = files.has_main;
	}
	error = finish(config, &problems, problem, context, ret_config);
	config_entries_done(&entries);
	config_files_done(&files);
	return error;
}

void config_free(struct config *config)
{
	if (!config) {
		return;
	}
	for (size_t i = 0; i < config->n_profiles; i++) {
		settings_unref(config->profiles[i]);
	}
	free(config->profiles);
	free(config->socket);
	free(config->log_level);
	free(config->log_format);
	free(config->log_file_path);
	access_free(config->allow);
	free(config);
}
