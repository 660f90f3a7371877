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

static int build(void *context, struct grant_input *ret_input, struct grant_request *ret_request)
{
	const struct device *device = context;

	*ret_input = input_of(device);
	return grant_device_request(ret_request, device->settings, ret_input);
}

void device_codes_ask(struct sender *sender, struct device *device,
	void (*done)(void *device, struct grant_result *result))
{
	sender_send(sender, &(struct sender_order){
				    .settings = device->settings,
				    .sent_ms = clock_now(),
				    .client_assertion = &device->client_assertion,
				    .sending = &device->transfer,
				    .build = build,
				    .judge = judge,
				    .done = done,
				    .context = device,
			    });
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
