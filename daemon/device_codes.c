#include "device_codes.h"

#include <inttypes.h>
#include <stddef.h>

#include "core/device.h"
#include "core/settings.h"
#include "exchange.h"
#include "io/clock.h"
#include "io/log.h"
#include "outcome.h"
#include "sender.h"

static struct grant_input input_of(const struct device *device)
{
	return (struct grant_input){.client_assertion = device->client_assertion};
}

static void judge(void *context, const struct answer_http *answer, struct grant_result *result)
{
	struct device *device = context;
	struct grant_input input = input_of(device);

	grant_device_judge(device->settings, &input, answer, &device->codes, result);
}

static int send_request(struct sender *sender, struct device *device,
	void (*done)(void *device, struct grant_result *result))
{
	struct sender_order order = {
		.settings = device->settings,
		.input = input_of(device),
		.sent_ms = clock_now(),
		.judge = judge,
		.done = done,
		.context = device,
	};
	struct grant_request request;
	struct sending *sending;
	int r = grant_device_request(&request, device->settings, &order.input);

	if (r < 0) {
		return r;
	}
	r = sender_send(sender, &request, &order, &sending);
	grant_request_done(&request);
	if (r == 0) {
		device->transfer = sending;
	}
	return r;
}

void device_codes_ask(struct sender *sender, struct device *device,
	void (*done)(void *device, struct grant_result *result))
{
	struct grant_result result = {0};
	char why[SIGN_WHY_SIZE];

	device->transfer = NULL;
	if (!sender_client_assertion(device->settings, &device->client_assertion, why)) {
		grant_fail(&result, GRANT_PERMANENT, "The private_key of profile %s: %s",
			device->settings->name, why);
		done(device, &result);
	} else if (send_request(sender, device, done) < 0) {
		grant_fail(&result, GRANT_TEMPORARY, "The daemon is out of memory");
		done(device, &result);
	}
}

void device_codes_cancel(struct device *device)
{
	sender_cancel(device->transfer);
	device->transfer = NULL;
}

void device_codes_log(const struct device *device, const struct grant_result *result)
{
	const struct grant_device_codes *codes = &device->codes;
	struct log_event event = {
		.level = LOG_LEVEL_INFO,
		.profile = device->settings->name,
		.correlation_id = exchange_correlation_id(result),
	};

	if (result->verdict == GRANT_GRANTED) {
		log_event(&event, "somebody is to sign in elsewhere within %" PRId64 " s",
			codes->lifetime_ms / 1000);
	} else {
		event.level = LOG_LEVEL_WARNING;
		event.kind = LOG_EVENT_REFRESH_FAILED;
		event.error_code = error_name(outcome_of_verdict(result->verdict));
		log_event(&event, "no codes to sign in with: %s", result->message);
	}
}
