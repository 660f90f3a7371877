#include "revoker.h"

#include <stddef.h>

#include "core/revocation.h"
#include "core/settings.h"
#include "io/clock.h"
#include "io/log.h"
#include "sender.h"

static void judge(void *context, const struct answer_http *answer, struct grant_result *result)
{
	const struct revocation *revocation = context;

	revocation_judge(revocation, answer, result);
}

static int build(void *context, struct grant_input *ret_input, struct grant_request *ret_request)
{
	const struct revocation *revocation = context;

	*ret_input = revocation_input(revocation);
	return revocation_request(revocation, ret_request);
}

void revoker_send(struct sender *sender, struct revocation *revocation,
	void (*done)(void *revocation, struct grant_result *result))
{
	sender_send(sender, &(struct sender_order){
				    .settings = revocation->settings,
				    .sent_ms = clock_now(),
				    .client_assertion = &revocation->client_assertion,
				    .sending = &revocation->transfer,
				    .build = build,
				    .judge = judge,
				    .done = done,
				    .context = revocation,
			    });
}

void revoker_cancel(struct revocation *revocation)
{
	sender_cancel(revocation->transfer);
	revocation->transfer = NULL;
}

void revoker_log(const struct revocation *revocation)
{
	bool failed = revocation->why[0] != '\0';
	struct log_event event = {
		.level = failed ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
		.kind = LOG_EVENT_LOGGED_OUT,
		.profile = revocation->settings->name,
	};

	if (revocation->late) {
		log_event(&event, "%s%s",
			failed ? "what came after the logout was not revoked: "
			       : "what came after the logout was revoked",
			revocation->why);
	} else if (failed) {
		log_event(&event, "logged out here, but not at the login server: %s",
			revocation->why);
	} else {
		log_event(&event, "logged out%s",
			revocation->revoked ? ", and at the login server too" : "");
	}
	if (revocation->unsaved[0] != '\0') {
		event.level = LOG_LEVEL_ERROR;
		event.kind = LOG_EVENT_STATE_FAILED;
		log_event(&event, "%s", revocation->unsaved);
	}
}
