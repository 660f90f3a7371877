#include "auth_provider.h"

#include <argz.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "core/broker.h"
#include "core/grant.h"
#include "core/settings.h"
#include "core/text.h"
#include "proto/json.h"
#include "proto/message.h"
#include "provided.h"
#include "providers.h"

/* ---- authProvider.register */

static bool wrong(const struct call *call, const char *what)
{
	return call_fail(call, ERROR_INVALID_REQUEST, "%s", what);
}

/* The commands as a set. False when there is one that is not known. */
static bool read_commands(const struct parameter *commands, unsigned *ret_errands)
{
	const char *name = NULL;

	*ret_errands = 0;
	while ((name = argz_next(commands->value.text, commands->value.len, name))) {
		enum errand_kind kind = 0;

		while (kind < ERRANDS && strcmp(errand_name(kind), name) != 0) {
			kind++;
		}
		if (kind == ERRANDS) {
			return false;
		}
		*ret_errands |= 1U << kind;
	}
	return true;
}

bool auth_provider_check_register(struct call *call)
{
	static const unsigned needed = 1U << ERRAND_CODE | 1U << ERRAND_REAUTHENTICATE;
	const struct parameter *commands = call->given[PARAMETER_COMMANDS];
	unsigned errands = 0;

	if (!commands || !read_commands(commands, &errands) || (errands & needed) != needed) {
		return wrong(call, "commands has to be an array of what you can do: "
				   "\"getAuthCode\", \"reAuthenticate\" and, if you can, "
				   "\"signIn\"");
	}
	return true;
}

/* Whether the caller may become the profile's provider, as far as others are concerned; else it has
 * been told. */
static bool is_vacant(const struct call *call)
{
	const struct settings *settings = call->profile->settings;
	bool registered;
	const struct session *other = providers_session(
		call->shared->providers, call->profile, &registered);

	if (!grant_is_provided(settings)) {
		return call_fail(call, ERROR_INVALID_REQUEST,
			"A provider brings codes or assertions; profile %s has grant = %s",
			settings->name, settings->grant->name);
	}
	if (other == call->session) {
		return !registered || wrong(call, "You have registered for this profile already");
	}
	if (settings->auth_provider_command) {
		return call_fail(call, ERROR_ACCESS_DENIED,
			"Profile %s has an auth_provider_command: that is its provider, and nobody "
			"else",
			settings->name);
	}
	return !other || call_fail(call, ERROR_ACCESS_DENIED,
				 "Profile %s has a provider already: process %d of user %u; end "
				 "that one first",
				 settings->name, (int)other->who.pid, other->who.uid);
}

/* Answers with what it is about. */
static void acknowledge(const struct call *call)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "profile", call->profile->settings->name);
	call_answer_data(call, data);
}

void auth_provider_register(struct call *call)
{
	unsigned errands;

	read_commands(call->given[PARAMETER_COMMANDS], &errands);
	providers_notice(call->shared->providers, call->profile);
	if (!is_vacant(call)) {
		return;
	}
	if (providers_register(call->shared->providers, call->profile, call->session, errands)) {
		acknowledge(call);
	} else {
		call_fail(call, ERROR_INTERNAL, "The daemon is out of memory");
	}
}

/* ---- authProvider.ready, publish */

/* Whether the caller is the profile's provider; else it has been told that it is not. */
static bool is_provider(const struct call *call)
{
	bool registered;
	const struct session *session = providers_session(
		call->shared->providers, call->profile, &registered);

	return (registered && session == call->session) ||
	       wrong(call, "You are not the provider of this profile on this connection; call "
			   "authProvider.register first");
}

void auth_provider_ready(struct call *call)
{
	if (is_provider(call)) {
		acknowledge(call);
		providers_ready(call->shared->providers, call->profile);
	}
}

static bool is_signed_in(const struct call *call)
{
	return strcmp(call_text(call, PARAMETER_EVENT), "signedIn") == 0;
}

/* The event's data, NULL: there are none, or none of use. */
static const struct json_value *event_data(const struct call *call)
{
	const struct parameter *data = call->given[PARAMETER_DATA];

	return data && data->value.type == JSON_OBJECT ? &data->value : NULL;
}

bool auth_provider_check_publish(struct call *call)
{
	const char *event = call_text(call, PARAMETER_EVENT);

	if (!event || (!is_signed_in(call) && strcmp(event, "signInFailed") != 0)) {
		return wrong(call, "event has to be \"signedIn\" or \"signInFailed\"");
	}
	/* A sign-in that has failed is over, however badly that is told. */
	return !is_signed_in(call) || event_data(call) || !call->given[PARAMETER_DATA] ||
	       wrong(call, "data has to be an object");
}

/* The provider's words, made fit to be shown. */
static void read_failure(const struct json_value *data, char clean[TEXT_UPSTREAM_SIZE])
{
	static const char *const names[] = {"errorMessage", "message", "error"};
	cJSON *object = NULL;

	clean[0] = '\0';
	if (data) {
		json_parse(data->text, data->len, &object);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && clean[0] == '\0'; i++) {
		const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, names[i]);

		if (cJSON_IsString(text)) {
			text_clean(clean, text->valuestring, strlen(text->valuestring), NULL, 0);
		}
	}
	if (clean[0] == '\0') {
		snprintf(clean, TEXT_UPSTREAM_SIZE, "it does not say why");
	}
	cJSON_Delete(object);
}

void auth_provider_publish(struct call *call)
{
	struct broker *broker = call->shared->broker;
	const struct json_value *data = event_data(call);
	char why[PROVIDED_WHY_SIZE], clean[TEXT_UPSTREAM_SIZE];
	struct code *code;

	if (!is_provider(call)) {
		return;
	}
	if (!is_signed_in(call)) {
		read_failure(data, clean);
		acknowledge(call);
		broker_sign_in_failed(broker, call->profile, clean, call->now_ms);
		return;
	}
	code = provided_read(
		call->profile->settings, data ? data->text : NULL, data ? data->len : 0, why);
	if (!code) {
		call_fail(call, ERROR_INVALID_REQUEST, "signedIn cannot be used: %s", why);
		return;
	}
	acknowledge(call);
	broker_signed_in(broker, call->profile, code, call->now_ms);
}
