#include "supervision.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configuration.h"
#include "core/overview.h"
#include "core/profile.h"
#include "core/settings.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/notify.h"

enum {
	STATUS_DELAY_MS = 1000, /* from a change until it is told, with those that come meanwhile */

	/* Of the interval within which the manager has to hear of us. What is found overlooked may
	 * have become due just now, so that it is looked for again well before the end. */
	WATCHDOG_PART = 2,
	WATCHDOG_AGAIN_PART = 8,
};

struct supervision {
	const struct broker *broker;
	const struct configuration *configuration;
	struct event *status, *watchdog; /* timers */
	int64_t watchdog_ms;             /* 0: the manager does not wait for us */
	bool ready_is_owed;              /* the manager did not take it */
	bool withheld;        /* it was not told that we are alive, and the log says why */
	struct overview told; /* what it was last told */
	const char *told_failure;
};

static void arm(struct event *timer, int64_t ms)
{
	const struct timeval wait = {ms / 1000, (suseconds_t)(ms % 1000 * 1000)};

	evtimer_add(timer, &wait);
}

/* ---- status */

static bool is_told(const struct supervision *supervision, const struct overview *now)
{
	const struct overview *told = &supervision->told;

	return now->profiles == told->profiles && now->fresh == told->fresh &&
	       now->failing == told->failing && now->login_required == told->login_required &&
	       now->next_ms == told->next_ms &&
	       configuration_failure(supervision->configuration) == supervision->told_failure;
}

static void describe(char *text, size_t size, const struct overview *overview)
{
	int64_t wait_ms = overview->next_ms - clock_now();
	char failing[32] = "", login_required[48] = "", next[48] = "";

	if (overview->failing > 0) {
		snprintf(failing, sizeof(failing), ", %zu failing", overview->failing);
	}
	if (overview->login_required > 0) {
		snprintf(login_required, sizeof(login_required), ", %zu waiting for a login",
			overview->login_required);
	}
	if (overview->next_ms != INT64_MAX) {
		snprintf(next, sizeof(next), "; next refresh in %" PRId64 " s",
			wait_ms > 0 ? (wait_ms + 999) / 1000 : 0);
	}
	snprintf(text, size, "%zu profile%s: %zu fresh%s%s%s", overview->profiles,
		overview->profiles == 1 ? "" : "s", overview->fresh, failing, login_required, next);
}

static void tell_status(struct supervision *supervision)
{
	const char *failure = configuration_failure(supervision->configuration);
	char text[256];
	int r;

	supervision->told = overview_take(supervision->broker);
	supervision->told_failure = failure;
	describe(text, sizeof(text), &supervision->told);
	if (!configuration_stands(supervision->configuration)) {
		r = notify_status("No configuration: %s", failure);
	} else if (failure) {
		r = notify_status("%s; the last reload failed, and the configuration before stays "
				  "in force: %s",
			text, failure);
	} else {
		r = notify_status("%s", text);
	}
	if (r < 0) {
		arm(supervision->status, STATUS_DELAY_MS);
	}
}

static void on_status(evutil_socket_t fd, short what, void *context)
{
	struct supervision *supervision = context;

	if (supervision->ready_is_owed) {
		supervision_ready(supervision);
	} else {
		tell_status(supervision);
	}
}

void supervision_changed(struct supervision *supervision)
{
	struct overview now;

	if (!supervision->status || evtimer_pending(supervision->status, NULL)) {
		return;
	}
	now = overview_take(supervision->broker);
	if (!is_told(supervision, &now)) {
		arm(supervision->status, STATUS_DELAY_MS);
	}
}

/* ---- what the daemon does */

void supervision_ready(struct supervision *supervision)
{
	if (supervision->status) {
		evtimer_del(supervision->status);
		supervision->ready_is_owed = notify_ready() < 0;
		tell_status(supervision);
		if (supervision->ready_is_owed) {
			arm(supervision->status, STATUS_DELAY_MS);
		}
	}
}

void supervision_reloading(struct supervision *supervision)
{
	if (supervision->status) {
		notify_reloading();
	}
}

void supervision_stopping(struct supervision *supervision)
{
	if (supervision->status) {
		event_free(supervision->status);
		supervision->status = NULL;
		evtimer_del(supervision->watchdog);
	}
	notify_stopping();
	notify_status("Stopping");
}

/* ---- watchdog */

/* Whether all is looked after that is due. */
static bool is_attentive(struct supervision *supervision)
{
	const struct profile *profile = overview_overlooked(supervision->broker, clock_now());

	if (profile && !supervision->withheld) {
		log_message(LOG_LEVEL_WARNING, profile->settings->name,
			"a refresh or an answer that is due has been overlooked; unless that "
			"changes, the service manager's watchdog ends the daemon");
	}
	supervision->withheld = profile;
	return !profile;
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
	struct supervision *supervision = context;
	int part = WATCHDOG_AGAIN_PART;

	if (is_attentive(supervision) && notify_watchdog() == 0) {
		part = WATCHDOG_PART;
		if (supervision->status && supervision->told.next_ms != INT64_MAX) {
			tell_status(supervision); /* the seconds have passed */
		}
	}
	arm(supervision->watchdog, supervision->watchdog_ms / part);
}

/* ---- life */

struct supervision *supervision_new(struct event_base *base, const struct broker *broker,
	const struct configuration *configuration)
{
	struct supervision *supervision = calloc(1, sizeof(*supervision));

	if (!supervision) {
		return NULL;
	}
	supervision->broker = broker;
	supervision->configuration = configuration;
	if (!notify_enabled()) {
		return supervision;
	}
	supervision->watchdog_ms = notify_watchdog_interval();
	supervision->status = evtimer_new(base, on_status, supervision);
	supervision->watchdog = evtimer_new(base, on_watchdog, supervision);
	if (!supervision->status || !supervision->watchdog) {
		supervision_free(supervision);
		return NULL;
	}
	if (supervision->watchdog_ms > 0) {
		arm(supervision->watchdog, supervision->watchdog_ms / WATCHDOG_PART);
	}
	return supervision;
}

void supervision_free(struct supervision *supervision)
{
	if (!supervision) {
		return;
	}
	if (supervision->status) {
		event_free(supervision->status);
	}
	if (supervision->watchdog) {
		event_free(supervision->watchdog);
	}
	free(supervision);
}
