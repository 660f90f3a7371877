#include "device.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "schedule.h"
#include "secret.h"
#include "settings.h"

struct device *device_new(struct settings *settings, int64_t now_ms)
{
	struct device *device = calloc(1, sizeof(*device));

	if (device) {
		device->settings = settings_ref(settings);
		device->began_ms = now_ms;
		device_hold(device, now_ms);
	}
	return device;
}

void device_free(struct device *device)
{
	if (device) {
		grant_device_codes_done(&device->codes);
		secret_free(device->client_assertion);
		settings_unref(device->settings);
		free(device);
	}
}

bool device_is(const struct device *device, const char *user_code)
{
	return device && device->codes.user_code && strcmp(device->codes.user_code, user_code) == 0;
}

void device_release(struct device *device)
{
	if (device->step != DEVICE_ENDED) {
		device->lease_ms = INT64_MIN;
	}
}

void device_hold(struct device *device, int64_t now_ms)
{
	if (device->step != DEVICE_ENDED) {
		device->lease_ms = now_ms + DEVICE_LEASE_MS;
	}
}

static int64_t between(int64_t value, int64_t min, int64_t max)
{
	if (value < min) {
		return min;
	}
	return value < max ? value : max;
}

void device_answered(struct device *device, const struct grant_result *result, int64_t now_ms)
{
	const struct grant_device_codes *codes = &device->codes;

	assert(device->step == DEVICE_ASKING);
	secret_free(device->client_assertion);
	device->client_assertion = NULL;
	if (result->verdict != GRANT_GRANTED) {
		device_end(device, result->verdict, result->message, now_ms);
		device->again_ms = now_ms + between(result->retry_after_ms, SCHEDULE_ATTEMPT_GAP_MS,
						    SCHEDULE_RETRY_AFTER_MAX_MS);
		return;
	}
	device->step = DEVICE_PENDING;
	device->expires_ms = device->began_ms +
			     between(codes->lifetime_ms, 0, DEVICE_LIFETIME_MAX_MS);
	device->interval_ms = codes->interval_ms > 0
				      ? between(codes->interval_ms, DEVICE_INTERVAL_MIN_MS,
						DEVICE_INTERVAL_MAX_MS)
				      : DEVICE_INTERVAL_MS;
	device->poll_ms = now_ms + device->interval_ms;
	if (device->lease_ms > now_ms) {
		device_hold(device, now_ms);
	}
}

struct code *device_poll(struct device *device, int64_t now_ms)
{
	struct code *code = code_new(
		&(struct code_texts){.code = secret_reveal(device->codes.device_code)});

	assert(device->step == DEVICE_PENDING);
	if (code) {
		code->origin = CODE_DEVICE;
		device->step = DEVICE_DUE;
	} else {
		device->poll_ms = now_ms + device->interval_ms;
	}
	return code;
}

void device_sent(struct device *device)
{
	assert(device->step == DEVICE_DUE);
	device->step = DEVICE_POLLING;
}

void device_postpone(struct device *device, int64_t retry_after_ms, int64_t now_ms)
{
	int64_t wait_ms = device->interval_ms;

	device->unheard++;
	for (unsigned i = 0; i < device->unheard && wait_ms < DEVICE_RETRY_MAX_MS; i++) {
		wait_ms = between(2 * wait_ms, 0, DEVICE_RETRY_MAX_MS);
	}
	device->step = DEVICE_PENDING;
	device->poll_ms = now_ms + (wait_ms > retry_after_ms ? wait_ms : retry_after_ms);
}

static void poll_again(struct device *device, const struct grant_result *result, int64_t now_ms)
{
	if (strcmp(result->upstream_error, "slow_down") == 0) {
		device->interval_ms = between(
			device->interval_ms + DEVICE_SLOW_DOWN_MS, 0, DEVICE_INTERVAL_MAX_MS);
	}
	device->unheard = 0;
	device->step = DEVICE_PENDING;
	device->poll_ms = now_ms + device->interval_ms;
}

static void say_expired(const struct device *device, char why[GRANT_MESSAGE_SIZE])
{
	snprintf(why, GRANT_MESSAGE_SIZE,
		"Nobody signed in for profile %s before the code expired; sign in again",
		device->settings->name);
}

/* Says why in words that tell what to do. */
static void say_why(const struct device *device, struct grant_result *result)
{
	const struct settings *settings = device->settings;

	if (strcmp(result->upstream_error, "access_denied") == 0) {
		grant_fail(result, GRANT_LOGIN_REQUIRED,
			"Somebody denied the sign-in for profile %s at the login server %s; sign "
			"in again",
			settings->name, settings->token_host);
	} else if (strcmp(result->upstream_error, "expired_token") == 0) {
		result->verdict = GRANT_LOGIN_REQUIRED;
		say_expired(device, result->message);
	}
}

bool device_polled(struct device *device, struct grant_result *result, int64_t now_ms)
{
	assert(device->step == DEVICE_POLLING);
	if (result->verdict == GRANT_GRANTED) {
		return false;
	}
	if (result->pending) {
		poll_again(device, result, now_ms);
		return true;
	}
	if (result->verdict == GRANT_TEMPORARY) {
		device_postpone(device, result->retry_after_ms, now_ms);
		return true;
	}
	say_why(device, result);
	device_end(device, result->verdict, result->message, now_ms);
	return false;
}

void device_end(
	struct device *device, enum grant_verdict verdict, const char *message, int64_t now_ms)
{
	device->step = DEVICE_ENDED;
	device->verdict = verdict;
	snprintf(device->message, sizeof(device->message), "%s", message ? message : "");
	device->lease_ms = now_ms + DEVICE_MEMORY_MS;
	device->again_ms = now_ms;
	secret_free(device->codes.device_code);
	device->codes.device_code = NULL;
}

/* Its answer says what comes next. */
static bool is_asked(const struct device *device)
{
	return device->step == DEVICE_ASKING || device->step == DEVICE_POLLING;
}

bool device_is_over(
	const struct device *device, bool held, int64_t now_ms, char why[GRANT_MESSAGE_SIZE])
{
	if (device->step == DEVICE_ENDED) {
		return false;
	}
	if (!is_asked(device) && device->expires_ms <= now_ms) {
		say_expired(device, why);
		return true;
	}
	snprintf(why, GRANT_MESSAGE_SIZE,
		"The sign-in for profile %s was given up, since nobody waits for it any more; sign "
		"in again",
		device->settings->name);
	return !held && device->lease_ms <= now_ms;
}

bool device_is_past(const struct device *device, int64_t now_ms)
{
	return device->step == DEVICE_ENDED && device->lease_ms <= now_ms;
}

void device_resume(struct device *device, int64_t now_ms)
{
	if (device->step == DEVICE_ENDED) {
		device->lease_ms = now_ms + DEVICE_MEMORY_MS;
		return;
	}
	if (device->poll_ms <= now_ms) {
		device->poll_ms = now_ms + device->interval_ms; /* one may just have been sent */
	}
	device_hold(device, now_ms);
}

int64_t device_next(const struct device *device, bool held)
{
	int64_t next_ms = is_asked(device) ? INT64_MAX : device->expires_ms;

	if (device->step == DEVICE_ENDED) {
		return device->lease_ms;
	}
	if (device->step == DEVICE_PENDING && device->poll_ms < next_ms) {
		next_ms = device->poll_ms;
	}
	return !held && device->lease_ms < next_ms ? device->lease_ms : next_ms;
}
