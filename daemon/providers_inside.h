/*
 * What the parts of the providers share: providers.c with the plugins, and providers_commands.c
 * with what they are told to do. Nobody else knows it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "call.h"
#include "core/settings.h"
#include "proto/error.h"

struct broker;
struct command;
struct profile;
struct providers_ops;

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

struct providers {
	struct broker *broker;
	const struct providers_ops *ops;
	void *context;
	uint64_t commands_so_far;
	LIST_HEAD(, plugin) plugins;
	LIST_HEAD(, command) commands;
};

/* ---- plugins */

int64_t providers_now(const struct providers *providers);

/* The profile's plugin, NULL: there is none. */
struct plugin *providers_find(const struct providers *providers, const char *profile);

/* Starts the profile's auth_provider_command. NULL with a clause of PROVIDERS_WHY_SIZE that says
 * why it cannot be. */
struct plugin *providers_start(
	struct providers *providers, const struct profile *profile, char *why);

/* It is not a provider any more, and is told so if there is anything to say; one that was started
 * is ended. */
void providers_dismiss(struct plugin *plugin, enum error_code code, const char *why);

/* One that was started and has nothing to do now may be wanted again soon. */
void providers_linger(struct plugin *plugin);

/* ---- commands */

/* Whether it has anything to do. */
bool providers_is_busy(const struct plugin *plugin);

/* It is ready for what it is to do. */
void providers_send(const struct plugin *plugin);

/* It does not do it any more; that is told to the broker at the next tick. */
void providers_fail(const struct plugin *plugin, const char *why);

/* Whether there is anything of that kind to be told, and telling it. */
bool providers_has_failed(const struct providers *providers);
void providers_tell_failed(struct providers *providers, int64_t now_ms);

/* Forgets all that anybody is to do. */
void providers_forget(struct providers *providers);
