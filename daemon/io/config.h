/*
 * The configuration: finds the file, reads INI and the environment, and gives settings, or every
 * mistake in it at once. It does not know what runs under the configuration before it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

struct access_rules;
struct secret;
struct settings;

/* One row for each key that is known; the manual's table is held against it by a test. */
struct config_key {
	const char *section; /* "general", …, "profile" */
	const char *name;
	const char *in_profile; /* the key's name in a profile where it may be set there too, else
				   NULL */
	const char *fallback;   /* the default as people write it, NULL: none */
	bool supported;         /* false: known, but not yet supported */
};
extern const struct config_key config_keys[];
extern const size_t config_n_keys;

struct config {
	struct settings **profiles; /* owned, sorted by name; an element that was taken is NULL */
	size_t n_profiles;
	char *socket; /* [daemon] socket, or NULL */
	unsigned max_connections, max_connections_per_uid, max_waiters;
	unsigned rate_limit; /* requests a minute and uid, 0: none */
	int64_t rate_limit_quarantine_delay_ms;
	struct access_rules *allow; /* [daemon] allow, or NULL */
};

/* The credentials that came in the environment; they are kept for the next reload. */
struct config_environment {
	struct secret *client_id, *client_secret;
	char *region;
};

/* Takes GENESYSCLOUD_OAUTHCLIENT_ID, _SECRET and GENESYSCLOUD_REGION out of the environment and
 * wipes them there. */
void config_environment_take(struct config_environment *environment);
void config_environment_done(struct config_environment *environment);

/* The file that is meant: path, else $GCTOKEND_CONFIG, and so on as gctokend(8) has it. To be freed
 * by the caller. */
char *config_path(const char *path);

/*
 * Told of each mistake and warning, in the order of the lines, as "FILE:LINE: [SECTION] KEY: why,
 * and what would be right" (parts that do not apply are left out). It never holds a value of a
 * secret.
 */
typedef void config_problem_fn(void *context, enum log_level level, const char *text);

/*
 * Reads the file at path; a file that does not exist is an empty one if the environment holds
 * credentials. Returns 0 and *ret_config, or -EINVAL after at least one problem of level
 * LOG_LEVEL_ERROR was told, or -ENOMEM.
 */
int config_load(const char *path, const struct config_environment *environment,
	config_problem_fn *problem, void *context, struct config **ret_config);

/*
 * The same for len bytes of text in memory, as if they stood in a file at path that nobody else can
 * touch. text[len] must be NUL; text is changed on the way.
 */
int config_parse(const char *path, char *text, size_t len,
	const struct config_environment *environment, config_problem_fn *problem, void *context,
	struct config **ret_config);

void config_free(struct config *config);
