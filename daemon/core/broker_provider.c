#include <inttypes.h>
#include <stdio.h>

#include "answers.h"
#include "broker.h"
#include "broker_inside.h"
#include "code.h"
#include "provision.h"
#include "schedule.h"
#include "settings.h"
#include "tell.h"

/* ---- the order */

/* Nothing of it helped. */
static void give_up(struct broker *broker, struct profile *profile, const char *why, int64_t now_ms)
{
	bool signed_out = profile->provider.step == PROVIDER_SIGNED_OUT;
	struct grant_result result = {0};

	grant_fail(&result, GRANT_LOGIN_REQUIRED, "%s", why);
	profile_settle(profile, &result, 0, now_ms, broker_chance(broker));
	profile_expire(profile, now_ms);
	broker->flights.ops->declined(broker->flights.context, profile, result.message);
	if (signed_out) {
		tell_signed_out(&broker->flights, profile, result.message);
	} else {
		tell_given_up(&broker->flights, profile, result.message);
	}
	answers_failed(profile, now_ms);
}

/* clause: what came of what the provider was asked for. */
static void go_on(struct broker *broker, struct profile *profile, enum provider_event event,
	const char *clause, int64_t now_ms)
{
	const char *asked = errand_name(profile->provider.errand.kind);
	enum provider_step before = profile->provider.step;
	enum provider_step step = provision_step(&broker->flights, profile, event, now_ms);
	char why[GRANT_MESSAGE_SIZE];

	broker_changed(broker, profile);
	broker_sooner(broker, now_ms); /* there is another deadline */
	if (step == before) {
		return;
	}
	if (step == PROVIDER_SIGNED_OUT) {
		snprintf(why, sizeof(why),
			"Nobody is signed in at the provider of profile %s (%s): call auth.signIn",
			profile->settings->name, clause);
		give_up(broker, profile, why, now_ms);
	} else if (step == PROVIDER_GIVEN_UP) {
		snprintf(why, sizeof(why),
			"The provider of profile %s did not do %s (%s): sign in there, or start it "
			"again",
			profile->settings->name, asked, clause);
		give_up(broker, profile, why, now_ms);
	}
}

bool broker_goes_on(struct broker *broker, const struct attempt *attempt,
	const struct grant_result *result, int64_t now_ms)
{
	struct profile *profile = attempt->profile;
	bool ordered = attempt->code && attempt->code->origin == CODE_ORDERED;
	enum provider_step step;

	if (result->verdict != GRANT_LOGIN_REQUIRED) {
		provision_step(&broker->flights, profile, PROVIDER_SETTLED, now_ms);
		return false;
	}
	if (profile->code) {
		profile_mend(profile, now_ms); /* if this fails too, the next attempt tells why */
		return true;
	}
	if (profile->login.logged_out) {
		return false;
	}
	if (!ordered && !profile_has_provider(profile)) {
		return false;
	}
	step = provision_step(&broker->flights, profile,
		ordered ? PROVIDER_CODE_REFUSED : PROVIDER_WANTED, now_ms);
	return step != PROVIDER_GIVEN_UP;
}

/* ---- sign-ins */

/* A code of one is on its way. */
static bool is_exchanged(const struct profile *profile)
{
	return (profile->code && profile->code->origin == CODE_SIGNED_IN) ||
	       (profile->attempt && profile->attempt->code &&
		       profile->attempt->code->origin == CODE_SIGNED_IN);
}

struct answer broker_ask_sign_in(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	const struct provider *provider = &profile->provider;

	if (broker->shutting_down) {
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	if (!profile_has_provider(profile)) {
		return (struct answer){.outcome = OUTCOME_LOGIN_REQUIRED,
			.text = "The profile has no provider that could sign anybody in: start it, "
				"so that it registers"};
	}
	if (!is_exchanged(profile) && !provider->sign_in.asked && !provider->registered &&
		provider->sign_in_ms != INT64_MIN &&
		now_ms - provider->sign_in_ms < SCHEDULE_ATTEMPT_GAP_MS) {
		/* It would have to be started once more. */
		return answers_rate_limited(provider->sign_in_ms + SCHEDULE_ATTEMPT_GAP_MS - now_ms,
			"The provider of this profile was started less than a second ago, and is "
			"gone; see the daemon's log");
	}
	if (!is_exchanged(profile)) {
		provision_sign_in(&broker->flights, profile, now_ms);
		broker_sooner(broker, profile->provider.sign_in.deadline_ms);
	}
	return (struct answer){.outcome = OUTCOME_WAITS, .kind = WAITER_SIGN_IN};
}

void broker_signed_in(
	struct broker *broker, struct profile *profile, struct code *code, int64_t now_ms)
{
	if (broker->shutting_down) {
		code_free(code);
		return;
	}
	code->origin = CODE_SIGNED_IN;
	provision_end(&broker->flights, profile);
	broker_exchange(broker, profile, code, now_ms);
}

void broker_sign_in_failed(
	struct broker *broker, struct profile *profile, const char *clause, int64_t now_ms)
{
	char why[GRANT_MESSAGE_SIZE];
	const struct answer answer = {.outcome = OUTCOME_LOGIN_REQUIRED, .text = why};

	snprintf(why, sizeof(why), "Nobody was signed in at the provider of profile %s: %s",
		profile->settings->name, clause);
	provision_end_sign_in(&broker->flights, profile);
	broker->flights.ops->declined(broker->flights.context, profile, why);
	tell_sign_in_failed(&broker->flights, profile, why);
	answers_exchanged(profile, CODE_SIGNED_IN, &answer);
}

/* ---- what providers do */

void broker_provided(struct broker *broker, struct errand *errand, const struct provided *provided,
	int64_t now_ms)
{
	struct profile *profile = errand->profile;
	bool is_code = errand->kind == ERRAND_CODE;

	errand->asked = false;
	if (errand->kind == ERRAND_SIGN_IN) {
		if (provided->code) {
			broker_signed_in(broker, profile, provided->code, now_ms);
		} else {
			broker_sign_in_failed(broker, profile, provided->why, now_ms);
		}
		return;
	}
	if (provided->why) {
		go_on(broker, profile,
			is_code && provided->signs_in ? PROVIDER_NOT_SIGNED_IN : PROVIDER_REFUSED,
			provided->why, now_ms);
		return;
	}
	go_on(broker, profile, PROVIDER_DONE, NULL, now_ms);
	if (is_code) {
		provided->code->origin = CODE_ORDERED;
		broker_exchange(broker, profile, provided->code, now_ms);
	}
}

void broker_provider_ready(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	profile->provider.registered = true;
	profile_found_provider(profile, now_ms, broker_chance(broker));
	go_on(broker, profile, PROVIDER_READY, NULL, now_ms);
}

void broker_provider_left(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	static const char left[] = "it went away";

	profile->provider.registered = false;
	profile_lost_provider(profile, now_ms);
	if (profile->provider.sign_in.asked) {
		broker_sign_in_failed(broker, profile, left, now_ms);
	}
	go_on(broker, profile, PROVIDER_LEFT, left, now_ms);
}

void broker_expire_errands(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	const struct provider *provider = &profile->provider;
	char clause[64];

	if (provider->sign_in.asked && provider->sign_in.deadline_ms <= now_ms) {
		snprintf(clause, sizeof(clause), "there was no answer within %" PRId64 " seconds",
			profile->settings->sign_in_timeout_ms / 1000);
		broker_sign_in_failed(broker, profile, clause, now_ms);
	}
	if (provider_is_busy(provider) && provider->errand.deadline_ms <= now_ms) {
		snprintf(clause, sizeof(clause), "there was no answer within %" PRId64 " seconds",
			(provider->errand.kind == ERRAND_CODE
					? profile->settings->auth_code_timeout_ms
					: profile->settings->sign_in_timeout_ms) /
				1000);
		go_on(broker, profile, PROVIDER_SILENT, clause, now_ms);
	}
}
