#include "sign_in_device.h"

#include "call.h"
#include "core/broker.h"
#include "core/device.h"
#include "core/grant.h"
#include "core/settings.h"

static bool takes_devices(const struct call *call)
{
	const struct settings *settings = call->profile->settings;

	return (settings->grant->parts & GRANT_DEVICE) ||
	       call_fail(call, ERROR_INVALID_REQUEST,
		       "%s is for profiles with grant = device; profile %s has grant = %s",
		       call->endpoint->name, settings->name, settings->grant->name);
}

void sign_in_device_codes(struct call *call)
{
	struct answer outcome;

	if (takes_devices(call) && call_may_wait(call)) {
		outcome = broker_get_user_code(call->shared->broker, call->profile, call->now_ms);
		call_answer_outcome(call, &outcome);
	}
}

bool sign_in_device_check(struct call *call)
{
	return call_text(call, PARAMETER_USER_CODE) ||
	       call_fail(call, ERROR_INVALID_REQUEST,
		       "userCode is missing: bring the one that auth.getUserCode gave");
}

void sign_in_device(struct call *call)
{
	struct answer outcome;

	if (!takes_devices(call)) {
		return;
	}
	if (!device_is(call->profile->device, call_text(call, PARAMETER_USER_CODE))) {
		call_fail(call, ERROR_INVALID_REQUEST,
			"There is no sign-in with this userCode (it is over, was given up, or "
			"forgotten by a restart); ask auth.getUserCode for a new one");
		return;
	}
	outcome = broker_authorize_device(call->shared->broker, call->profile, call->now_ms);
	call_answer_outcome(call, &outcome);
}
