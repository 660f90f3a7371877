#include "subscription.h"

#include <argz.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "core/broker.h"
#include "core/settings.h"
#include "proto/message.h"

struct subscription *subscription_new(const struct call *call, unsigned kinds)
{
	const struct parameter *names = call->given[PARAMETER_PROFILES];
	const struct parameter *with_token = call->given[PARAMETER_WITH_TOKEN];
	size_t len = names ? names->value.len : 0;
	struct subscription *subscription = calloc(1, sizeof(*subscription) + len);

	if (subscription) {
		subscription->shared = call->shared;
		subscription->session = call->session;
		subscription->kinds = kinds;
		subscription->with_token = with_token && with_token->value.text[0] == 't';
		subscription->names_len = len;
		if (len > 0) {
			memcpy(subscription->names, names->value.text, len);
		}
	}
	return subscription;
}

void subscription_free(struct subscription *subscription)
{
	subscription_scope_done(&subscription->scope);
	free(subscription);
}

void subscription_scope_done(struct subscription_scope *scope)
{
	profile_set_done(&scope->heard);
	profile_set_done(&scope->tokens);
}

bool subscription_scope_within(
	const struct subscription_scope *scope, const struct subscription_scope *other)
{
	return profile_set_within(&scope->heard, &other->heard) &&
	       profile_set_within(&scope->tokens, &other->tokens);
}

bool subscription_hears(const struct subscription *subscription, const struct profile *profile)
{
	return profile_set_has(&subscription->scope.heard, profile->number);
}

bool subscription_gets_token(const struct subscription *subscription, const struct profile *profile)
{
	return profile_set_has(&subscription->scope.tokens, profile->number);
}

/* Notes what the rules of a profile grant. Returns whether it hears of it. */
static bool admit(struct subscription *subscription, const struct profile *profile)
{
	unsigned rights = access_rights(profile->settings->allow, &subscription->session->who);

	if (!(rights & 1U << ACCESS_SUBSCRIBE)) {
		return false;
	}
	profile_set_add(&subscription->scope.heard, profile->number);
	if (subscription->with_token && (rights & 1U << ACCESS_GET_JWT_TOKEN)) {
		profile_set_add(&subscription->scope.tokens, profile->number);
	}
	return true;
}

static bool judge_all(struct subscription *subscription)
{
	struct profile *const *profiles;
	size_t n = broker_profiles(subscription->shared->broker, &profiles);
	bool any = subscription->session->who.privileged;

	for (size_t i = 0; i < n; i++) {
		any |= admit(subscription, profiles[i]);
	}
	return any;
}

bool subscription_judge(struct subscription *subscription)
{
	const char *name = NULL;

	if (subscription->names_len == 0) {
		return judge_all(subscription);
	}
	while ((name = argz_next(subscription->names, subscription->names_len, name))) {
		const struct profile *profile = broker_find(subscription->shared->broker, name);

		if (!profile || !admit(subscription, profile)) {
			return false;
		}
	}
	return true;
}

cJSON *subscription_view(const struct subscription *subscription)
{
	struct profile *const *profiles;
	size_t n = broker_profiles(subscription->shared->broker, &profiles);
	cJSON *view = cJSON_CreateObject();
	cJSON *heard = cJSON_AddArrayToObject(view, "profiles");
	cJSON *tokens = cJSON_AddArrayToObject(view, "tokens");

	for (size_t i = 0; i < n; i++) {
		const char *name = profiles[i]->settings->name;

		if (subscription_hears(subscription, profiles[i])) {
			cJSON_AddItemToArray(heard, cJSON_CreateString(name));
		}
		if (subscription_gets_token(subscription, profiles[i])) {
			cJSON_AddItemToArray(tokens, cJSON_CreateString(name));
		}
	}
	return view;
}
