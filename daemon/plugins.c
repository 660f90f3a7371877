#include "plugins.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "clients.h"
#include "core/settings.h"
#include "io/log.h"
#include "io/process.h"

enum {
	WORDS_MAX = 64,      /* a program and its arguments */
	PROGRAM_MAX = 128,   /* bytes of its name that are told */
	GRACE_MS = 5 * 1000, /* from SIGTERM to SIGKILL */
};

/* A program, or a session that was one's. */
struct plugin {
	LIST_ENTRY(plugin) link; /* in plugins->list */
	struct session_tie tie;
	struct process *process; /* NULL: it has ended */
	struct session *session; /* NULL: likewise */
	char profile[SETTINGS_NAME_MAX + 1];
};

struct plugins {
	struct event_base *base;
	struct clients *clients;
	LIST_HEAD(, plugin) list;
};

static void plugin_free(struct plugin *plugin)
{
	if (plugin->session) {
		session_untie(&plugin->tie);
	}
	process_free(plugin->process);
	LIST_REMOVE(plugin, link);
	free(plugin);
}

static void on_session_ended(struct session_tie *tie)
{
	struct plugin *plugin = (struct plugin *)((char *)tie - offsetof(struct plugin, tie));

	plugin->session = NULL;
	if (plugin->process) {
		process_end(plugin->process, GRACE_MS);
	} else {
		plugin_free(plugin);
	}
}

static void on_process_ended(void *context, int status)
{
	struct plugin *plugin = context;
	bool well = !plugin->session || (WIFEXITED(status) && WEXITSTATUS(status) == 0);

	log_message(well ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, plugin->profile,
		WIFEXITED(status) ? "the auth_provider_command, process %d, has ended with exit "
				    "status %d"
				  : "the auth_provider_command, process %d, has ended by signal %d",
		(int)process_pid(plugin->process),
		WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	process_free(plugin->process);
	plugin->process = NULL;
	if (!plugin->session) {
		plugin_free(plugin);
	}
}

/* ---- start */

/* Cuts the text where it stands. Returns how many words there are, WORDS_MAX + 1 for too many. */
static size_t split(char *text, char *words[WORDS_MAX + 1])
{
	size_t n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (n == WORDS_MAX) {
			return n + 1;
		}
		words[n++] = word;
	}
	words[n] = NULL;
	return n;
}

/* Runs it with fd. Returns 0, or a negative errno. */
static int run(struct plugins *plugins, struct plugin *plugin, const char *command, int fd)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	char profile[sizeof("GCTOKEN_PROFILE=") + SETTINGS_NAME_MAX];
	char *environment[] = {path, profile, NULL};
	char *text = strdup(command), *words[WORDS_MAX + 1];
	int r = -ENOMEM;

	snprintf(profile, sizeof(profile), "GCTOKEN_PROFILE=%s", plugin->profile);
	if (text) {
		r = split(text, words) > WORDS_MAX
			    ? -E2BIG
			    : process_start(plugins->base, words, environment, fd, on_process_ended,
				      plugin, &plugin->process);
	}
	free(text);
	return r;
}

/* Serves ours as the session of the program that has the other end. */
static bool serve(struct plugins *plugins, struct plugin *plugin, int ours)
{
	plugin->session = clients_adopt(
		plugins->clients, ours, plugin->profile, process_pid(plugin->process));
	if (plugin->session) {
		plugin->tie.ended = on_session_ended;
		session_tie(plugin->session, &plugin->tie);
	}
	return plugin->session;
}

/* How much of a command names its program. Its arguments are for nobody else to see. */
static int program_len(const char *command)
{
	size_t len = strcspn(command, " \t");

	return len < PROGRAM_MAX ? (int)len : PROGRAM_MAX;
}

struct session *plugins_start(
	struct plugins *plugins, const struct settings *settings, char *why, size_t why_size)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));
	int ends[2], r = -ENOMEM;

	if (!plugin || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		snprintf(why, why_size, "the daemon is out of memory or of descriptors");
		free(plugin);
		return NULL;
	}
	LIST_INSERT_HEAD(&plugins->list, plugin, link);
	snprintf(plugin->profile, sizeof(plugin->profile), "%s", settings->name);
	r = run(plugins, plugin, settings->auth_provider_command, ends[1]);
	close(ends[1]);
	if (r < 0) {
		snprintf(why, why_size, "%.*s cannot be started: %s",
			program_len(settings->auth_provider_command),
			settings->auth_provider_command, strerror(-r));
		close(ends[0]);
		plugin_free(plugin);
		return NULL;
	}
	if (!serve(plugins, plugin, ends[0])) {
		snprintf(why, why_size, "there are too many connections to the daemon");
		close(ends[0]);
		process_end(plugin->process, GRACE_MS); /* whose end frees the plugin */
		return NULL;
	}
	log_message(LOG_LEVEL_DEBUG, plugin->profile,
		"the auth_provider_command was started as process %d",
		(int)process_pid(plugin->process));
	return plugin->session;
}

void plugins_end(struct plugins *plugins, struct session *session)
{
	session->ops->close(session); /* which ends the program, too */
}

/* ---- life */

struct plugins *plugins_new(struct event_base *base, struct clients *clients)
{
	struct plugins *plugins = calloc(1, sizeof(*plugins));

	if (plugins) {
		*plugins = (struct plugins){.base = base, .clients = clients};
		LIST_INIT(&plugins->list);
	}
	return plugins;
}

void plugins_free(struct plugins *plugins)
{
	struct plugin *plugin;

	if (!plugins) {
		return;
	}
	while ((plugin = LIST_FIRST(&plugins->list))) {
		plugin_free(plugin);
	}
	free(plugins);
}
