#include "succession.h"

#include "code.h"
#include "device.h"
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

/* Whether somebody is asked to sign in, elsewhere, with codes for it. */
static bool has_codes(const struct profile *profile)
{
	return profile->device &&
	       (profile->device->step == DEVICE_PENDING ||
		       (profile->device->step == DEVICE_POLLING && profile->attempt &&
			       profile->attempt->step == ATTEMPT_SENT));
}

/* One whose attempt stays in flight is told of when that ends. */
static bool has_sign_in(const struct profile *profile)
{
	return profile->provider.sign_in.asked || has_codes(profile) ||
	       (profile->code && profile->code->origin != CODE_ORDERED);
}

/* Nothing is asked for any more of what its grant begins with; who waits for that is overtaken. */
static void end_sign_ins(
	struct flights *flights, struct profile *profile, struct waiter_list *overtaken)
{
	if (has_sign_in(profile)) {
		tell_sign_in_overtaken(flights, profile);
	}
	flight_drop_device(flights, profile);
	provision_end(flights, profile);
	waiters_take(&profile->sign_ins, overtaken);
}

/* Puts the settings of a profile that was made for them into the one that was there before. */
static void succeed(struct flights *flights, struct profile *old, struct profile *made,
	struct waiter_list *overtaken, int64_t now_ms)
{
	struct settings *settings = made->settings;
	bool keeps = keeps_login(old->settings, settings);
	bool asks_another = !settings_same_provider(old->settings, settings);
	struct host *host = old->host;

	made->settings = NULL;
	old->host = made->host;
	host_leave(&flights->hosts, host);
	profile_free(made);
	if (keeps && settings_same_identity(old->settings, settings)) {
		profile_change(old, settings, now_ms);
		if (asks_another && provider_is_busy(&old->provider)) {
			provision_end_order(flights, old);
			profile_mend(old, now_ms);
		}
		return;
	}
	end_sign_ins(flights, old, overtaken);
	if (keeps) {
		flight_disown(flights, old);
	} else {
		flight_detach(flights, old);
		login_done(&old->login);
		old->loaded = false;
	}
	settings_unref(old->settings);
	old->settings = settings;
	profile_reset(old, now_ms);
	flight_attach(flights, old);
}

void succession(struct flights *flights, struct roster *old, struct roster *roster,
	struct waiter_list *overtaken, int64_t now_ms)
{
	size_t n_new = 0, index = 0;

	for (size_t i = 0; i < roster->n; i++) {
		struct profile *made = roster->profiles[i];
		struct profile *known = roster_find(old, made->settings->name);

		if (known) {
			succeed(flights, known, made, overtaken, now_ms);
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
