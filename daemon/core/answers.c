#include "answers.h"

#include "profile.h"
#include "settings.h"

static enum outcome outcome_of(enum grant_verdict verdict)
{
	switch (verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
	case GRANT_TEMPORARY:
		break;
	case GRANT_PERMANENT:
		return OUTCOME_REJECTED;
	case GRANT_LOGIN_REQUIRED:
		return OUTCOME_LOGIN_REQUIRED;
	}
	return OUTCOME_UNAVAILABLE;
}

struct answer answers_refusal(enum grant_verdict verdict, const char *text)
{
	return (struct answer){.outcome = outcome_of(verdict), .text = text};
}

struct answer answers_error(const struct profile *profile, int64_t now_ms)
{
	struct answer answer = {
		.outcome = outcome_of(profile->verdict),
		.text = profile->last_error.message,
	};

	if (answer.outcome == OUTCOME_UNAVAILABLE) {
		answer.retry_after_ms = profile->due_ms - now_ms;
	}
	return answer;
}

struct answer answers_token(struct profile *profile)
{
	return (struct answer){.outcome = OUTCOME_TOKEN, .token = profile->token};
}

struct answer answers_changed(void)
{
	return (struct answer){.outcome = OUTCOME_UNAVAILABLE,
		.text = "The profile was changed while its sign-in was under way; ask for its "
			"state, and sign in again if it says so"};
}

struct answer answers_overtaken(struct profile *profile)
{
	return profile->token ? answers_token(profile) : answers_changed();
}

struct answer answers_rate_limited(int64_t retry_after_ms, const char *text)
{
	return (struct answer){
		.outcome = OUTCOME_RATE_LIMITED, .retry_after_ms = retry_after_ms, .text = text};
}

struct answer answers_stuck(const struct profile *profile)
{
	struct answer answer = {.outcome = OUTCOME_LOGIN_REQUIRED};

	if (!profile_can_ask(profile)) {
		answer.text =
			profile->last_error.message
				? profile->last_error.message
				: "The token cannot be renewed without a sign-in or a new token";
	} else {
		answer.text = "The token has passed, and refresh_access_token = false forbids to "
			      "fetch another; ask auth.refresh, or set it to true";
	}
	return answer;
}

void answers_all(struct waiter_list *waiters, const struct answer *answer)
{
	struct waiter_list list = WAITER_LIST_INITIALIZER(list);

	waiters_take(waiters, &list);
	waiters_answer(&list, answer);
}

static bool is_content_with_current(void *context, const struct waiter *waiter)
{
	return waiter->kind == WAITER_TOKEN;
}

void answers_failed(struct profile *profile, int64_t now_ms)
{
	struct waiter_list done = WAITER_LIST_INITIALIZER(done);
	struct waiter_list failed = WAITER_LIST_INITIALIZER(failed);
	struct answer answer = answers_token(profile), error = answers_error(profile, now_ms);

	if (profile->token) {
		waiters_pick(&profile->waiters, &done, is_content_with_current, NULL);
	}
	if (profile->verdict == GRANT_TEMPORARY) {
		waiters_take_due(&profile->waiters, &failed, profile->due_ms);
	} else {
		waiters_take(&profile->waiters, &failed);
	}
	profile->wanted = profile->waiters.n > 0;
	waiters_answer(&done, &answer);
	waiters_answer(&failed, &error);
}

static bool waits_for(void *context, const struct waiter *waiter)
{
	const enum code_origin *origin = context;

	switch (*origin) {
	case CODE_BROUGHT:
		return waiter->kind == WAITER_EXCHANGE;
	case CODE_SIGNED_IN:
		return waiter->kind == WAITER_SIGN_IN;
	case CODE_DEVICE:
		return waiter->kind == WAITER_DEVICE;
	case CODE_ORDERED:
		break;
	}
	return false;
}

void answers_exchanged(
	struct profile *profile, enum code_origin origin, const struct answer *answer)
{
	struct waiter_list list = WAITER_LIST_INITIALIZER(list);

	waiters_pick(&profile->sign_ins, &list, waits_for, &origin);
	waiters_answer(&list, answer);
}

void answers_sign_in_failed(struct profile *profile, enum code_origin origin,
	const struct grant_result *result, int64_t now_ms)
{
	struct answer answer = {.outcome = outcome_of(result->verdict), .text = result->message};

	profile_resume(profile, now_ms);
	if (profile_backs_off(profile, now_ms)) {
		answers_failed(profile, now_ms);
	}
	answers_exchanged(profile, origin, &answer);
}
