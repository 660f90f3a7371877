#include "providers_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "core/text.h"
#include "proto/answered.h"
#include "provided.h"
#include "providers.h"

enum { COMMAND_ID_SIZE = 24, COMMAND_LINE_SIZE = 192 };

/* One errand on its way. */
struct command {
	LIST_ENTRY(command) link; /* in providers->commands */
	struct errand *errand;
	struct plugin *plugin; /* NULL: there is none */
	bool sent;
	bool acknowledged; /* no answer is waited for any more, but the event that ends it */
	char id[COMMAND_ID_SIZE];
	char why[PROVIDERS_WHY_SIZE]; /* what is to be told to the broker, "": nothing yet */
};

static void command_free(struct command *command)
{
	if (command->errand) {
		command->errand->delivery = NULL;
	}
	LIST_REMOVE(command, link);
	free(command);
}

bool providers_is_busy(const struct plugin *plugin)
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

void providers_fail(const struct plugin *plugin, const char *why)
{
	struct command *command;

	LIST_FOREACH (command, &plugin->providers->commands, link) {
		if (command->plugin == plugin) {
			command_fail(command, why);
		}
	}
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

void providers_send(const struct plugin *plugin)
{
	struct command *command;

	LIST_FOREACH (command, &plugin->providers->commands, link) {
		if (command->plugin == plugin) {
			command_send(command);
		}
	}
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
	command->plugin = providers_find(providers, profile->settings->name);
	if (!command->plugin && profile->settings->auth_provider_command) {
		command->plugin = providers_start(providers, profile, why);
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
	if (plugin->command && !providers_is_busy(plugin) &&
		errand->deadline_ms <= providers_now(providers)) {
		providers_dismiss(plugin, ERROR_INTERNAL, NULL); /* it hangs */
	} else {
		providers_linger(plugin);
	}
}

/* ---- answers */

static struct command *find_command(
	const struct providers *providers, const struct session *session, const char *id)
{
	struct command *command;

	LIST_FOREACH (command, &providers->commands, link) {
		if (command->sent && !command->acknowledged && command->plugin &&
			command->plugin->session == session && strcmp(command->id, id) == 0) {
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
	char clean[TEXT_UPSTREAM_SIZE];

	ret_provided->signs_in = command->plugin->errands >> ERRAND_SIGN_IN & 1;
	if (answered->useless) {
		snprintf(why, PROVIDERS_WHY_SIZE, "%s", answered->useless);
	} else if (answered->failure) {
		text_clean(clean, answered->failure, strlen(answered->failure), NULL, 0);
		snprintf(why, PROVIDERS_WHY_SIZE, "%s", clean);
		ret_provided->why = why;
		return true;
	} else if (errand->kind == ERRAND_REAUTHENTICATE) {
		return true;
	} else {
		ret_provided->code = provided_read(
			errand->profile->settings, answered->data, answered->data_len, why);
	}
	ret_provided->why = ret_provided->code ? NULL : why;
	return ret_provided->code;
}

/* Whether the provider has begun to sign somebody in, and is to tell by an event how that ends. */
static bool is_acknowledged(const struct command *command, const struct answered *answered)
{
	return command->errand->kind == ERRAND_SIGN_IN && !answered->useless &&
	       !answered->failure && provided_is_nothing(answered->data, answered->data_len);
}

enum providers_answer providers_answer(struct providers *providers, const struct session *session,
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
		return PROVIDERS_STRAY;
	}
	plugin = command->plugin;
	if (answered->profile && strcmp(answered->profile, plugin->profile) != 0) {
		snprintf(why, PROVIDERS_WHY_SIZE,
			"The command with this commandId is for profile %s", plugin->profile);
		return PROVIDERS_STRAY;
	}
	if (is_acknowledged(command, answered)) {
		command->acknowledged = true;
		return PROVIDERS_TAKEN;
	}
	useful = read_answer(command, answered, &provided, why);
	errand = command->errand;
	command_free(command);
	providers_linger(plugin);
	broker_provided(providers->broker, errand, &provided, providers_now(providers));
	return useful ? PROVIDERS_TAKEN : PROVIDERS_USELESS;
}

/* ---- what nobody does */

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

bool providers_has_failed(const struct providers *providers)
{
	return failed_command(providers);
}

void providers_tell_failed(struct providers *providers, int64_t now_ms)
{
	struct command *command;

	while ((command = failed_command(providers))) {
		struct errand *errand = command->errand;
		char why[PROVIDERS_WHY_SIZE];

		memcpy(why, command->why, sizeof(why));
		command_free(command);
		broker_provided(providers->broker, errand, &(struct provided){.why = why}, now_ms);
	}
}

void providers_forget(struct providers *providers)
{
	struct command *command;

	while ((command = LIST_FIRST(&providers->commands))) {
		command_free(command);
	}
}
