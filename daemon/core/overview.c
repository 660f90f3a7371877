#include "overview.h"

#include <stdbool.h>

#include "broker.h"
#include "due.h"
#include "host.h"

static void count(struct overview *overview, const struct profile *profile)
{
	switch (profile->verdict) {
	case GRANT_NONE:
	case GRANT_GRANTED:
		overview->fresh += profile->token ? 1 : 0;
		break;
	case GRANT_TEMPORARY:
	case GRANT_PERMANENT:
		overview->failing++;
		break;
	case GRANT_LOGIN_REQUIRED:
		overview->login_required++;
		break;
	}
}

struct overview overview_take(const struct broker *broker)
{
	struct overview overview = {.next_ms = INT64_MAX};
	struct profile *const *profiles;

	overview.profiles = broker_profiles(broker, &profiles);
	for (size_t i = 0; i < overview.profiles; i++) {
		const struct profile *profile = profiles[i];

		count(&overview, profile);
		if (!profile->attempt && !profile->code && profile_can_ask(profile) &&
			profile_next_start(profile) < overview.next_ms) {
			overview.next_ms = profile_next_start(profile);
		}
	}
	return overview;
}

static bool is_late(int64_t due_ms, int64_t now_ms)
{
	return due_ms < now_ms - OVERVIEW_GRACE_MS;
}

/* That a code came is not dated; those who brought it are waiters. */
static bool start_is_late(const struct profile *profile, int64_t now_ms)
{
	return !profile->attempt && !profile->code &&
	       profile->host->in_flight < DUE_HOST_ATTEMPTS_MAX &&
	       is_late(profile_next_start(profile), now_ms);
}

static bool answer_is_late(const struct waiter_list *waiters, int64_t now_ms)
{
	const struct waiter *first = TAILQ_FIRST(&waiters->queue);

	return first && is_late(first->deadline_ms, now_ms);
}

const struct profile *overview_overlooked(const struct broker *broker, int64_t now_ms)
{
	struct profile *const *profiles;
	size_t n = broker_profiles(broker, &profiles);

	for (size_t i = 0; i < n; i++) {
		if (start_is_late(profiles[i], now_ms) ||
			answer_is_late(&profiles[i]->waiters, now_ms) ||
			answer_is_late(&profiles[i]->sign_ins, now_ms) ||
			answer_is_late(&profiles[i]->logouts, now_ms) ||
			is_late(profile_device_next(profiles[i]), now_ms) ||
			is_late(provider_deadline(&profiles[i]->provider), now_ms)) {
			return profiles[i];
		}
	}
	return NULL;
}
