#include "succession.h"

#include "code.h"
#include "flight.h"
#include "grant.h"
#include "profile.h"
#include "provision.h"
#include "roster.h"
#include "schedule.h"
#include "settings.h"
#include "tell.h"
#include "waiter.h"

/* Whether the refresh token there is may be sent under the new settings, or there can be none. */
static bool keeps_login(const struct settings *old, const struct settings *settings)
{
	unsigned parts = old->grant->parts | settings->grant->parts;

	return !(parts & GRANT_SESSION) || settings_same_session(old, settings);
}

/* What it begins with is no longer asked for, nor sent. */
static void end_sign_ins(struct flights *flights, struct profile *old)
{
	if (old->provider.sign_in.asked || (old->code && old->code->origin != CODE_ORDERED)) {
		tell_sign_in_overtaken(flights, old);
	}
	provision_end(flights, old);
}

/* Puts the settings of a profile that was made for them into the one that was there before. */
static void succeed(
	struct flights *flights, struct profile *old, struct profile *made, int64_t now_ms)
{
	struct settings *settings = made->settings;
	bool asks_another = !settings_same_provider(old->settings, settings);
	struct host *host = old->host;

	made->settings = NULL;
	old->host = made->host;
	host_leave(&flights->hosts, host);
	profile_free(made);
	if (!keeps_login(old->settings, settings)) {
		flight_drop_device(flights, old);
		flight_detach(flights, old);
		login_done(&old->login);
		old->loaded = false;
	} else if (settings_same_identity(old->settings, settings)) {
		profile_change(old, settings, now_ms);
		if (asks_another && provider_is_busy(&old->provider)) {
			provision_end_order(flights, old);
			profile_mend(old, now_ms);
		}
		return;
	} else {
		flight_drop_device(flights, old);
		flight_disown(flights, old);
	}
	end_sign_ins(flights, old);
	settings_unref(old->settings);
	old->settings = settings;
	profile_reset(old, now_ms);
	flight_attach(flights, old);
}

void succession(struct flights *flights, struct roster *old, struct roster *roster, int64_t now_ms)
{
	size_t n_new = 0, index = 0;

	for (size_t i = 0; i < roster->n; i++) {
		struct profile *made = roster->profiles[i];
		struct profile *known = roster_find(old, made->settings->name);

		if (known) {
			succeed(flights, known, made, now_ms);
			roster->profiles[i] = known;
		} else {
			n_new++;
			flight_attach(flights, made);
		}
	}
	for (size_t i = 0; i < roster->n; i++) {
		if (!roster_find(old, roster->profiles[i]->settings->name)) {
			roster->profiles[i]->due_ms = now_ms + schedule_spread(index++, n_new);
		}
	}
}

static bool is_denied(void *context, const struct waiter *waiter)
{
	const struct succession_judge *judge = context;

	return !judge->may_still(judge->context, waiter);
}

void succession_deny(struct roster *gone, const struct roster *roster,
	struct succession_judge *judge, struct waiter_list *denied)
{
	for (size_t i = 0; i < roster->n; i++) {
		waiters_pick(&roster->profiles[i]->waiters, denied, is_denied, judge);
		waiters_pick(&roster->profiles[i]->sign_ins, denied, is_denied, judge);
		waiters_pick(&roster->profiles[i]->logouts, denied, is_denied, judge);
	}
	for (size_t i = 0; i < gone->n; i++) {
		if (roster_find(roster, gone->profiles[i]->settings->name)) {
			gone->profiles[i] = NULL; /* it stays */
		} else {
			waiters_take(&gone->profiles[i]->waiters, denied);
			waiters_take(&gone->profiles[i]->sign_ins, denied);
			waiters_take(&gone->profiles[i]->logouts, denied);
		}
	}
}
