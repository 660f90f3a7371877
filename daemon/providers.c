#include "providers_inside.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "core/grant.h"
#include "providers.h"

int64_t providers_now(const struct providers *providers)
{
	return providers->ops->now(providers->context);
}

static void tell(const struct plugin *plugin, const char *what)
{
	const struct providers *providers = plugin->providers;

	providers->ops->told(providers->context, plugin->session, plugin->profile, what);
}

struct plugin *providers_find(const struct providers *providers, const char *profile)
{
	struct plugin *plugin;

	LIST_FOREACH (plugin, &providers->plugins, link) {
		if (strcmp(plugin->profile, profile) == 0) {
			return plugin;
		}
	}
	return NULL;
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
		plugin->deadline_ms = providers_now(providers) + PROVIDERS_READY_MS;
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

	LIST_REMOVE(plugin, link);
	providers_fail(plugin, why);
	free(plugin->command);
	free(plugin);
	if (left && profile) {
		broker_provider_left(providers->broker, profile, providers_now(providers));
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

void providers_dismiss(struct plugin *plugin, enum error_code code, const char *why)
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

void providers_linger(struct plugin *plugin)
{
	if (plugin->command && plugin->ready && !providers_is_busy(plugin)) {
		plugin->deadline_ms = providers_now(plugin->providers) + PROVIDERS_LINGER_MS;
	}
}

struct plugin *providers_start(
	struct providers *providers, const struct profile *profile, char *why)
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

/* ---- time, and other configurations */

/* When it is ended if nothing happens. */
static int64_t plugin_due(const struct plugin *plugin)
{
	bool waits = !plugin->ready || (plugin->command && !providers_is_busy(plugin));

	return waits ? plugin->deadline_ms : INT64_MAX;
}

static void plugin_expire(struct plugin *plugin)
{
	providers_dismiss(plugin, ERROR_INVALID_REQUEST,
		plugin->ready ? NULL : "authProvider.ready did not come within 10 seconds");
}

int64_t providers_next(const struct providers *providers)
{
	const struct plugin *plugin;
	int64_t next_ms = providers_has_failed(providers) ? 0 : INT64_MAX;

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

void providers_tick(struct providers *providers, int64_t now_ms)
{
	struct plugin *plugin;

	while ((plugin = due_plugin(providers, now_ms))) {
		plugin_expire(plugin);
	}
	providers_tell_failed(providers, now_ms);
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
		providers_dismiss(plugin, ERROR_ACCESS_DENIED,
			plugin->command ? "The configuration was reloaded, and has another "
					  "auth_provider_command"
					: "The configuration was reloaded, and you may no longer "
					  "be the provider of this profile");
	}
}

/* ---- who it is */

void providers_notice(struct providers *providers, const struct profile *profile)
{
	struct plugin *plugin = providers_find(providers, profile->settings->name);

	if (plugin && !plugin->command && plugin->session->ops->gone(plugin->session)) {
		session_untie(&plugin->tie);
		plugin_leave(plugin);
	}
}

struct session *providers_session(
	const struct providers *providers, const struct profile *profile, bool *ret_registered)
{
	const struct plugin *plugin = providers_find(providers, profile->settings->name);

	*ret_registered = plugin && plugin->registered;
	return plugin ? plugin->session : NULL;
}

bool providers_register(struct providers *providers, const struct profile *profile,
	struct session *session, unsigned errands)
{
	struct plugin *plugin = providers_find(providers, profile->settings->name);

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
	struct plugin *plugin = providers_find(providers, profile->settings->name);

	if (plugin->ready) {
		return;
	}
	plugin->ready = true;
	tell(plugin, "is the provider of this profile");
	providers_send(plugin);
	providers_linger(plugin);
	if (!plugin->command) {
		broker_provider_ready(providers->broker, profile, providers_now(providers));
	}
}

bool providers_lacks_sign_in(const struct providers *providers, const struct profile *profile)
{
	const struct plugin *plugin = providers_find(providers, profile->settings->name);

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
	if (providers) {
		providers_forget(providers);
		free(providers);
	}
}
