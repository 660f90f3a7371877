#include "providers.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "call.h"
#include "core/broker.h"
#include "core/code.h"
#include "core/grant.h"
#include "core/settings.h"
#include "core/text.h"
#include "proto/answered.h"
#include "provided.h"

enum { COMMAND_ID_SIZE = 24, COMMAND_LINE_SIZE = 192 };

/* A plugin: a connection that is a profile's provider, or was started to become it. */
struct plugin {
	LIST_ENTRY(plugin) link; /* in providers->plugins */
	struct session_tie tie;
	struct providers *providers;
	struct session *session;
	char *command; /* owned; the profile's auth_provider_command that it is, NULL: it came by
			  itself */
	bool registered, ready;
	unsigned errands;    /* that it can do, a set of 1 << enum errand_kind */
	int64_t deadline_ms; /* to be ready; then, of one that was started, to be of use */
	char profile[SETTINGS_NAME_MAX + 1];
};

/* One errand on its way. */
struct command {
	LIST_ENTRY(command) link; /* in providers->commands */
	struct errand *errand;
	struct plugin *plugin; /* NULL: there is none */
	bool sent;
	char id[COMMAND_ID_SIZE];
	char why[PROVIDERS_WHY_SIZE]; /* what is to be told to the broker, "": nothing yet */
};

struct providers {
	struct broker *broker;
	const struct providers_ops *ops;
	void *context;
	uint64_t commands_so_far;
	LIST_HEAD(, plugin) plugins;
	LIST_HEAD(, command) commands;
};

static int64_t now(const struct providers *providers)
{
	return providers->ops->now(providers->context);
}

static void tell(const struct plugin *plugin, const char *what)
{
	const struct providers *providers = plugin->providers;

	providers->ops->told(providers->context, plugin->session, plugin->profile, what);
}

static struct plugin *find_plugin(const struct providers *providers, const char *profile)
{
	struct plugin *plugin;

	LIST_FOREACH (plugin, &providers->plugins, link) {
		if (strcmp(plugin->profile, profile) == 0) {
			return plugin;
		}
	}
	return NULL;
}

/* ---- commands */

static void command_free(struct command *command)
{
	if (command->errand) {
		command->errand->delivery = NULL;
	}
	LIST_REMOVE(command, link);
	free(command);
}

static bool is_busy(const struct plugin *plugin)
{
	const struct command *command;

	LIST_FOREACH (command, &plugin->providers->commands, link) {
		if (command->plugin == plugin) {
			return true;
		}
	}
	return false;
}

/* It is told to the broker at the next tick: who asks is not answered while he does. */
static void command_fail(struct command *command, const char *why)
{
	snprintf(command->why, sizeof(command->why), "%s", why);
	command->plugin = NULL;
}

static void command_send(struct command *command)
{
	const struct plugin *plugin = command->plugin;
	enum errand_kind kind = command->errand->kind;
	char line[COMMAND_LINE_SIZE];
	struct payload *payload;
	int len;

	if (!(plugin->errands >> kind & 1)) {
		command_fail(command, "it has registered without it");
		return;
	}
	len = snprintf(line, sizeof(line),
		"{\"command\":\"%s\",\"commandId\":\"%s\",\"profile\":\"%s\"}\n", errand_name(kind),
		command->id, plugin->profile);
	payload = payload_copy(line, (size_t)len);
	if (!payload) {
		command_fail(command, "the daemon is out of memory");
		return;
	}
	command->sent = true;
	session_send(plugin->session, "", payload);
	payload_unref(payload);
}

/* ---- plugins */

static void plugin_ended(struct session_tie *tie);

static struct plugin *plugin_new(
	struct providers *providers, struct session *session, const char *profile)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));

	if (plugin) {
		plugin->providers = providers;
		plugin->session = session;
		plugin->deadline_ms = now(providers) + PROVIDERS_READY_MS;
		plugin->tie.ended = plugin_ended;
		snprintf(plugin->profile, sizeof(plugin->profile), "%s", profile);
		session_tie(session, &plugin->tie);
		LIST_INSERT_HEAD(&providers->plugins, plugin, link);
	}
	return plugin;
}

/* It is not a provider any more: what it was to do ends with it. */
static void plugin_drop(struct plugin *plugin, const char *why)
{
	struct providers *providers = plugin->providers;
	struct profile *profile = broker_find(providers->broker, plugin->profile);
	bool left = plugin->ready && !plugin->command;
	struct command *command;

	LIST_REMOVE(plugin, link);
	LIST_FOREACH (command, &providers->commands, link) {
		if (command->plugin == plugin) {
			command_fail(command, why);
		}
	}
	free(plugin->command);
	free(plugin);
	if (left && profile) {
		broker_provider_left(providers->broker, profile, now(providers));
	}
}

static void plugin_leave(struct plugin *plugin)
{
	if (plugin->registered && !plugin->command) {
		tell(plugin, "is the provider of this profile no more");
	}
	plugin_drop(plugin, "it has ended");
}

static void plugin_ended(struct session_tie *tie)
{
	struct plugin *plugin = (struct plugin *)((char *)tie - offsetof(struct plugin, tie));
	const struct providers *providers = plugin->providers;

	plugin_leave(plugin);
	providers->ops->changed(providers->context);
}

/* It is not a provider any more, and is told so if there is anything to say; one that was started
 * is ended. */
static void plugin_dismiss(struct plugin *plugin, enum error_code code, const char *why)
{
	const struct providers *providers = plugin->providers;
	struct session *session = plugin->session;
	struct payload *tail = why ? message_error(code, why, 0) : NULL;
	bool started = plugin->command;

	if (tail) {
		session_send(session, MESSAGE_HEAD_NONE, tail);
		payload_unref(tail);
	}
	if (plugin->registered && !started) {
		tell(plugin, "is the provider of this profile no more");
	}
	session_untie(&plugin->tie);
	plugin_drop(plugin, why);
	if (started) {
		providers->ops->end(providers->context, session);
	}
}

/* One that was started and has nothing to do now may be wanted again soon. */
static void linger(const struct providers *providers, struct plugin *plugin)
{
	if (plugin->command && plugin->ready && !is_busy(plugin)) {
		plugin->deadline_ms = now(providers) + PROVIDERS_LINGER_MS;
	}
}

static struct plugin *plugin_start(
	struct providers *providers, const struct profile *profile, char why[PROVIDERS_WHY_SIZE])
{
	struct session *session = providers->ops->start(providers->context, profile, why);
	struct plugin *plugin;
	char *command;

	if (!session) {
		return NULL;
	}
	command = strdup(profile->settings->auth_provider_command);
	plugin = command ? plugin_new(providers, session, profile->settings->name) : NULL;
	if (plugin) {
		plugin->command = command;
	} else {
		free(command);
		snprintf(why, PROVIDERS_WHY_SIZE, "the daemon is out of memory");
		providers->ops->end(providers->context, session);
	}
	return plugin;
}

/* ---- errands */

void providers_ask(struct providers *providers, struct errand *errand)
{
	const struct profile *profile = errand->profile;
	struct command *command = calloc(1, sizeof(*command));
	char why[PROVIDERS_WHY_SIZE] = "it is not there";

	if (!command) {
		return; /* its deadline ends it */
	}
	errand->delivery = command;
	command->errand = errand;
	snprintf(command->id, sizeof(command->id), "%" PRIu64, ++providers->commands_so_far);
	LIST_INSERT_HEAD(&providers->commands, command, link);
	command->plugin = find_plugin(providers, profile->settings->name);
	if (!command->plugin && profile->settings->auth_provider_command) {
		command->plugin = plugin_start(providers, profile, why);
	}
	if (!command->plugin) {
		command_fail(command, why);
	} else if (command->plugin->ready) {
		command_send(command);
	}
}

void providers_unask(struct providers *providers, struct errand *errand)
{
	struct command *command = errand->delivery;
	struct plugin *plugin = command ? command->plugin : NULL;

	if (command) {
		command_free(command);
	}
	if (!plugin) {
		return;
	}
	if (plugin->command && !is_busy(plugin) && errand->deadline_ms <= now(providers)) {
		plugin_dismiss(plugin, ERROR_INTERNAL, NULL); /* it hangs */
	} else {
		linger(providers, plugin);
	}
}

static struct command *find_command(
	const struct providers *providers, const struct session *session, const char *id)
{
	struct command *command;

	LIST_FOREACH (command, &providers->commands, link) {
		if (command->sent && command->plugin && command->plugin->session == session &&
			strcmp(command->id, id) == 0) {
			return command;
		}
	}
	return NULL;
}

/* What the answer to that command comes to; false when it is of no use. */
static bool read_answer(const struct command *command, const struct answered *answered,
	struct provided *ret_provided, char why[PROVIDERS_WHY_SIZE])
{
	const struct errand *errand = command->errand;
	static const char nothing[] = "{}";
	bool has_data = answered->data;
	char clean[TEXT_UPSTREAM_SIZE];

	ret_provided->signs_in = command->plugin->errands >> ERRAND_SIGN_IN & 1;
	if (answered->failure) {
		text_clean(clean, answered->failure, strlen(answered->failure), NULL, 0);
		snprintf(why, PROVIDERS_WHY_SIZE, "%s", clean);
		ret_provided->why = why;
		return true;
	}
	if (errand->kind == ERRAND_REAUTHENTICATE) {
		return true;
	}
	ret_provided->code = provided_read(errand->profile->settings,
		has_data ? answered->data : nothing,
		has_data ? answered->data_len : strlen(nothing), why);
	ret_provided->why = ret_provided->code ? NULL : why;
	return ret_provided->code;
}

bool providers_answer(struct providers *providers, const struct session *session,
	const struct answered *answered, char why[PROVIDERS_WHY_SIZE])
{
	struct command *command = find_command(providers, session, answered->command_id);
	struct provided provided = {0};
	struct plugin *plugin;
	struct errand *errand;
	bool useful;

	if (!command) {
		snprintf(why, PROVIDERS_WHY_SIZE,
			"No command with this commandId waits for an answer of yours: it has been "
			"answered, has had its time, or is none of yours");
		return false;
	}
	plugin = command->plugin;
	if (answered->profile && strcmp(answered->profile, plugin->profile) != 0) {
		snprintf(why, PROVIDERS_WHY_SIZE,
			"The command with this commandId is for profile %s", plugin->profile);
		return false;
	}
	useful = read_answer(command, answered, &provided, why);
	errand = command->errand;
	command_free(command);
	linger(providers, plugin);
	broker_provided(providers->broker, errand, &provided, now(providers));
	return useful;
}

/* ---- time, and other configurations */

/* When it is ended if nothing happens. */
static int64_t plugin_due(const struct plugin *plugin)
{
	bool waits = !plugin->ready || (plugin->command && !is_busy(plugin));

	return waits ? plugin->deadline_ms : INT64_MAX;
}

static void plugin_expire(struct plugin *plugin)
{
	plugin_dismiss(plugin, ERROR_INVALID_REQUEST,
		plugin->ready ? NULL : "authProvider.ready did not come within 10 seconds");
}

int64_t providers_next(const struct providers *providers)
{
	const struct command *command;
	const struct plugin *plugin;
	int64_t next_ms = INT64_MAX;

	LIST_FOREACH (command, &providers->commands, link) {
		if (command->why[0] != '\0') {
			return 0;
		}
	}
	LIST_FOREACH (plugin, &providers->plugins, link) {
		if (plugin_due(plugin) < next_ms) {
			next_ms = plugin_due(plugin);
		}
	}
	return next_ms;
}

static struct plugin *due_plugin(const struct providers *providers, int64_t now_ms)
{
	struct plugin *plugin;

	LIST_FOREACH (plugin, &providers->plugins, link) {
		if (plugin_due(plugin) <= now_ms) {
			return plugin;
		}
	}
	return NULL;
}

static struct command *failed_command(const struct providers *providers)
{
	struct command *command;

	LIST_FOREACH (command, &providers->commands, link) {
		if (command->why[0] != '\0') {
			return command;
		}
	}
	return NULL;
}

void providers_tick(struct providers *providers, int64_t now_ms)
{
	struct command *command;
	struct plugin *plugin;

	while ((plugin = due_plugin(providers, now_ms))) {
		plugin_expire(plugin);
	}
	while ((command = failed_command(providers))) {
		struct errand *errand = command->errand;
		char why[PROVIDERS_WHY_SIZE];

		memcpy(why, command->why, sizeof(why));
		command_free(command);
		broker_provided(providers->broker, errand, &(struct provided){.why = why}, now_ms);
	}
}

/* Whether it may still be one. */
static bool is_legitimate(const struct plugin *plugin)
{
	const struct profile *profile = broker_find(plugin->providers->broker, plugin->profile);
	const char *command = profile ? profile->settings->auth_provider_command : NULL;

	if (!profile || !grant_is_provided(profile->settings)) {
		return false;
	}
	if (plugin->command || command) {
		return plugin->command && command && strcmp(plugin->command, command) == 0;
	}
	return access_allows(profile->settings->allow, &plugin->session->who, ACCESS_REGISTER);
}

static struct plugin *illegitimate(const struct providers *providers)
{
	struct plugin *plugin;

	LIST_FOREACH (plugin, &providers->plugins, link) {
		if (!is_legitimate(plugin)) {
			return plugin;
		}
	}
	return NULL;
}

void providers_judge(struct providers *providers)
{
	struct plugin *plugin;

	while ((plugin = illegitimate(providers))) {
		plugin_dismiss(plugin, ERROR_ACCESS_DENIED,
			plugin->command ? "The configuration was reloaded, and has another "
					  "auth_provider_command"
					: "The configuration was reloaded, and you may no longer "
					  "be the provider of this profile");
	}
}

void providers_notice(struct providers *providers, const struct profile *profile)
{
	struct plugin *plugin = find_plugin(providers, profile->settings->name);

	if (plugin && !plugin->command && plugin->session->ops->gone(plugin->session)) {
		session_untie(&plugin->tie);
		plugin_leave(plugin);
	}
}

struct session *providers_session(
	const struct providers *providers, const struct profile *profile, bool *ret_registered)
{
	const struct plugin *plugin = find_plugin(providers, profile->settings->name);

	*ret_registered = plugin && plugin->registered;
	return plugin ? plugin->session : NULL;
}

bool providers_register(struct providers *providers, const struct profile *profile,
	struct session *session, unsigned errands)
{
	struct plugin *plugin = find_plugin(providers, profile->settings->name);

	if (!plugin) {
		plugin = plugin_new(providers, session, profile->settings->name);
	}
	if (plugin) {
		plugin->registered = true;
		plugin->errands = errands;
	}
	return plugin;
}

void providers_ready(struct providers *providers, struct profile *profile)
{
	struct plugin *plugin = find_plugin(providers, profile->settings->name);
	struct command *command;

	if (plugin->ready) {
		return;
	}
	plugin->ready = true;
	tell(plugin, "is the provider of this profile");
	LIST_FOREACH (command, &providers->commands, link) {
		if (command->plugin == plugin) {
			command_send(command);
		}
	}
	linger(providers, plugin);
	if (!plugin->command) {
		broker_provider_ready(providers->broker, profile, now(providers));
	}
}

bool providers_lacks_sign_in(const struct providers *providers, const struct profile *profile)
{
	const struct plugin *plugin = find_plugin(providers, profile->settings->name);

	return plugin && plugin->ready && !(plugin->errands >> ERRAND_SIGN_IN & 1);
}

/* ---- life */

struct providers *providers_new(
	struct broker *broker, const struct providers_ops *ops, void *context)
{
	struct providers *providers = calloc(1, sizeof(*providers));

	if (providers) {
		*providers = (struct providers){.broker = broker, .ops = ops, .context = context};
		LIST_INIT(&providers->plugins);
		LIST_INIT(&providers->commands);
	}
	return providers;
}

void providers_free(struct providers *providers)
{
	struct command *command;

	if (!providers) {
		return;
	}
	while ((command = LIST_FIRST(&providers->commands))) {
		command_free(command);
	}
	free(providers);
}
