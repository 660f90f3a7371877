/*
 * The configuration: finds the file, reads it with its drop-ins and the environment, and gives
 * settings, or every mistake in it at once. It does not know what runs under the configuration
 * before it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config_environment.h"
#include "config_keys.h"
#include "config_problems.h"

struct access_rules;
struct settings;

struct config {
	struct settings **profiles; /* owned, sorted by name; an element that was taken is NULL */
	size_t n_profiles;
	bool has_file; /* the file that is meant is there; else all is from drop-ins or the
			  environment */
	char *socket;  /* [daemon] socket, or NULL */
	unsigned max_connections, max_connections_per_uid, max_waiters;
	unsigned rate_limit; /* requests a minute and uid, 0: none */
	int64_t rate_limit_quarantine_delay_ms;
	struct access_rules *allow; /* [daemon] allow, or NULL */
	bool live_reload;
	char *log_level;     /* error, warning, info, debug, trace or none */
	char *log_format;    /* text or json */
	bool log_to_console; /* standard error */
	char *log_file_path; /* NULL: none */
	bool log_request_body, log_response_body;
};

/* The file that is meant: path, else $GCTOKEND_CONFIG, and so on as gctokend(8) has it. To be freed
 * by the caller. */
char *config_path(const char *path);

/*
 * Reads the file at path, then its drop-ins, the files *.conf in path.d; each is INI or JSON. A
 * file that does not exist is an empty one if the environment holds credentials, or if there are
 * drop-ins. Returns 0 and *ret_config, or -EINVAL after at least one problem of level
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
