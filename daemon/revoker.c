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

static int send_step(struct sender *sender, struct revocation *revocation,
	void (*done)(void *revocation, struct grant_result *result))
{
	struct sender_order order = {
		.settings = revocation->settings,
		.input = revocation_input(revocation),
		.sent_ms = clock_now(),
		.judge = judge,
		.done = done,
		.context = revocation,
	};
	struct grant_request request;
	struct sending *sending;
	int r = revocation_request(revocation, &request);

	if (r < 0) {
		return r;
	}
	r = sender_send(sender, &request, &order, &sending);
	grant_request_done(&request);
	if (r == 0) {
		revocation->transfer = sending;
	}
	return r;
}

void revoker_send(struct sender *sender, struct revocation *revocation,
	void (*done)(void *revocation, struct grant_result *result))
{
	struct grant_result result = {0};
	char why[SIGN_WHY_SIZE];

	revocation->transfer = NULL;
	if (!sender_client_assertion(revocation->settings, &revocation->client_assertion, why)) {
		grant_fail(&result, GRANT_PERMANENT, "The private_key of profile %s: %s",
			revocation->settings->name, why);
		done(revocation, &result);
	} else if (send_step(sender, revocation, done) < 0) {
		grant_fail(&result, GRANT_TEMPORARY, "The daemon is out of memory");
		done(revocation, &result);
	}
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
