#include "answers.h"
#include "broker.h"
#include "broker_inside.h"
#include "code.h"
#include "device.h"
#include "schedule.h"
#include "settings.h"
#include "tell.h"

/* ---- the codes */

static struct answer wait_for(const struct profile *profile, enum waiter_kind kind, int64_t now_ms)
{
	device_hold(profile->device, now_ms);
	if (profile->settings->wait_max_ms <= 0) {
		return (struct answer){.outcome = OUTCOME_TIMEOUT, .retry_after_ms = 1};
	}
	return (struct answer){.outcome = OUTCOME_WAITS, .kind = kind};
}

static struct answer answer_of_end(struct profile *profile, int64_t now_ms)
{
	const struct device *device = profile->device;
	struct answer answer;

	if (device->verdict == GRANT_GRANTED) {
		return answers_overtaken(profile);
	}
	answer = answers_refusal(device->verdict, device->message);
	if (device->again_ms > now_ms) {
		answer.retry_after_ms = device->again_ms - now_ms;
	}
	return answer;
}

static struct answer answer_of_codes(struct profile *profile, int64_t now_ms)
{
	device_hold(profile->device, now_ms);
	return (struct answer){.outcome = OUTCOME_USER_CODE, .device = profile->device};
}

/* What can be said of it to those who ask for the codes. */
static struct answer answer_now(struct profile *profile, int64_t now_ms)
{
	switch (profile->device->step) {
	case DEVICE_ASKING:
		return wait_for(profile, WAITER_USER_CODE, now_ms);
	case DEVICE_PENDING:
	case DEVICE_DUE:
	case DEVICE_POLLING:
		return answer_of_codes(profile, now_ms);
	case DEVICE_ENDED:
		break;
	}
	return answer_of_end(profile, now_ms);
}

/* Asks for new codes. */
static struct answer begin(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	struct flights *flights = &broker->flights;
	struct device *device = device_new(profile->settings, now_ms);
	char why[GRANT_MESSAGE_SIZE];

	if (!device) {
		return (struct answer){
			.outcome = OUTCOME_UNAVAILABLE, .text = "The daemon is out of memory"};
	}
	flight_drop_device(flights, profile);
	profile->device = device;
	device->profile = profile;
	device->context = flights->context;
	if (flights->ops->prepare(flights->context, device->settings, why)) {
		flights->ops->ask_device(flights->context, device);
	} else {
		device_end(device, GRANT_PERMANENT, why, now_ms);
	}
	broker_sooner(broker, now_ms);
	return answer_now(profile, now_ms);
}

struct answer broker_get_user_code(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	const struct device *device = profile->device;

	if (broker->shutting_down) {
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	if (device && (device->step != DEVICE_ENDED || device->again_ms > now_ms)) {
		return answer_now(profile, now_ms);
	}
	if (device && now_ms - device->began_ms < SCHEDULE_ATTEMPT_GAP_MS) {
		return answers_rate_limited(device->began_ms + SCHEDULE_ATTEMPT_GAP_MS - now_ms,
			"A sign-in of this profile began less than a second ago");
	}
	return begin(broker, profile, now_ms);
}

struct answer broker_authorize_device(
	struct broker *broker, struct profile *profile, int64_t now_ms)
{
	if (broker->shutting_down) {
		return (struct answer){.outcome = OUTCOME_SHUTTING_DOWN};
	}
	return profile->device->step == DEVICE_ENDED ? answer_of_end(profile, now_ms)
						     : wait_for(profile, WAITER_DEVICE, now_ms);
}

/* ---- those who wait */

static bool waits_for_codes(void *context, const struct waiter *waiter)
{
	return waiter->kind == WAITER_USER_CODE;
}

static void answer_codes(struct profile *profile, const struct answer *answer)
{
	struct waiter_list done = WAITER_LIST_INITIALIZER(done);

	waiters_pick(&profile->sign_ins, &done, waits_for_codes, NULL);
	waiters_answer(&done, answer);
}

void broker_device_left(struct broker *broker, struct profile *profile)
{
	if (profile->device && !profile_device_is_held(profile)) {
		device_release(profile->device);
		broker_sooner(broker, INT64_MIN);
	}
}

static bool waits_for_end(void *context, const struct waiter *waiter)
{
	const int64_t *now_ms = context;

	return waiter->kind == WAITER_DEVICE && waiter->deadline_ms <= *now_ms;
}

void broker_device_tell(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	struct waiter_list expired = WAITER_LIST_INITIALIZER(expired);
	struct answer answer = {.outcome = OUTCOME_TIMEOUT,
		.retry_after_ms = 1,
		.text = "Nobody has signed in yet; ask again"};

	waiters_pick(&profile->sign_ins, &expired, waits_for_end, &now_ms);
	if (expired.n > 0 && profile->device) {
		device_hold(profile->device, now_ms);
	}
	waiters_answer(&expired, &answer);
}

/* ---- its course */

void broker_device_answered(struct broker *broker, struct device *device,
	const struct grant_result *result, int64_t now_ms)
{
	struct profile *profile = device->profile;
	struct answer answer;

	device_answered(device, result, now_ms);
	broker_changed(broker, profile);
	broker_sooner(broker, now_ms); /* there is another deadline */
	answer = answer_now(profile, now_ms);
	answer_codes(profile, &answer);
}

/* It ends by itself. */
static void end(struct broker *broker, struct profile *profile, const char *why, int64_t now_ms)
{
	struct flights *flights = &broker->flights;
	struct answer answer;

	flight_stop_device(flights, profile);
	device_end(profile->device, GRANT_LOGIN_REQUIRED, why, now_ms);
	broker_changed(broker, profile);
	flights->ops->declined(flights->context, profile, why);
	tell_sign_in_failed(flights, profile, why);
	answer = answer_of_end(profile, now_ms);
	answers_exchanged(profile, CODE_DEVICE, &answer);
}

void broker_device_due(struct broker *broker, struct profile *profile, int64_t now_ms)
{
	struct device *device = profile->device;
	char why[GRANT_MESSAGE_SIZE];
	struct code *code;

	if (device_is_past(device, now_ms)) {
		flight_drop_device(&broker->flights, profile);
		broker_changed(broker, profile);
	} else if (device_is_over(device, profile_device_is_held(profile), now_ms, why)) {
		end(broker, profile, why, now_ms);
	} else {
		code = device_poll(device, now_ms);
		if (code) {
			broker_exchange(broker, profile, code, now_ms);
		}
	}
}

void broker_device_starts(const struct profile *profile)
{
	if (profile->device && profile->device->step == DEVICE_DUE) {
		device_sent(profile->device);
	}
}

void broker_device_started(struct profile *profile, int64_t now_ms)
{
	struct device *device = profile->device;

	if (device && device->step == DEVICE_POLLING && profile->code) {
		/* It could not be sent: there was no memory, or no secret to be read. */
		code_free(profile->code);
		profile->code = NULL;
		device_postpone(device, 0, now_ms);
	}
}

/* ---- polls */

/* The attempt was one of the sign-in that is under way. */
static bool is_poll(const struct attempt *attempt)
{
	const struct device *device = attempt->profile->device;

	return device && device->step == DEVICE_POLLING && attempt->code &&
	       attempt->code->origin == CODE_DEVICE;
}

bool broker_device_goes_on(struct broker *broker, const struct attempt *attempt,
	struct grant_result *result, int64_t now_ms)
{
	const struct flights *flights = &broker->flights;
	struct profile *profile = attempt->profile;

	if (!is_poll(attempt) || attempt->step != ATTEMPT_SENT ||
		!device_polled(profile->device, result, now_ms)) {
		return false;
	}
	flights->ops->ended(flights->context, attempt, result);
	profile_resume(profile, now_ms);
	if (profile_backs_off(profile, now_ms)) {
		answers_failed(profile, now_ms);
	}
	return true;
}

void broker_device_ended(
	const struct attempt *attempt, const struct grant_result *result, int64_t now_ms)
{
	if (is_poll(attempt)) {
		device_end(attempt->profile->device, result->verdict, result->message, now_ms);
	}
}

void broker_device_leave(struct broker *broker, struct profile *profile)
{
	if (profile->device && profile->device->step == DEVICE_ASKING) {
		flight_drop_device(&broker->flights, profile);
	}
}
