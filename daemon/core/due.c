#include "due.h"

#include <stdbool.h>

#include "host.h"
#include "profile.h"
#include "roster.h"
#include "token.h"

static bool may_start(const struct profile *profile, int64_t now_ms)
{
	return !profile->attempt && profile_next_start(profile) <= now_ms &&
	       profile->host->in_flight < DUE_HOST_ATTEMPTS_MAX;
}

static bool is_waited_for(const struct profile *profile)
{
	return profile->waiters.n + profile->sign_ins.n > 0;
}

/* Those with waiters go first, then those due longest. */
static bool goes_before(const struct profile *a, const struct profile *b)
{
	bool a_waits = is_waited_for(a), b_waits = is_waited_for(b);

	return a_waits != b_waits ? a_waits : profile_next_start(a) < profile_next_start(b);
}

struct profile *due_profile(const struct roster *roster, int64_t now_ms)
{
	struct profile *best = NULL;

	for (size_t i = 0; i < roster->n; i++) {
		struct profile *profile = roster->profiles[i];

		if (may_start(profile, now_ms) && (!best || goes_before(profile, best))) {
			best = profile;
		}
	}
	return best;
}

struct profile *due_errand(const struct roster *roster, int64_t now_ms)
{
	for (size_t i = 0; i < roster->n; i++) {
		if (provider_deadline(&roster->profiles[i]->provider) <= now_ms) {
			return roster->profiles[i];
		}
	}
	return NULL;
}

struct profile *due_device(const struct roster *roster, int64_t now_ms)
{
	for (size_t i = 0; i < roster->n; i++) {
		if (profile_device_next(roster->profiles[i]) <= now_ms) {
			return roster->profiles[i];
		}
	}
	return NULL;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t first_deadline(const struct waiter_list *waiters)
{
	const struct waiter *first = TAILQ_FIRST(&waiters->queue);

	return first ? first->deadline_ms : INT64_MAX;
}

/* When something has to happen for this profile. */
static int64_t profile_next(const struct profile *profile)
{
	int64_t next_ms = earlier(
		first_deadline(&profile->waiters), first_deadline(&profile->sign_ins));

	next_ms = earlier(next_ms, first_deadline(&profile->logouts));
	next_ms = earlier(next_ms, provider_deadline(&profile->provider));
	next_ms = earlier(next_ms, profile_device_next(profile));
	if (profile->token) {
		next_ms = earlier(next_ms, token_usable_until(profile->token) + 1);
	}
	/* With no place at the host, the attempt that ends there wakes us. */
	if (!profile->attempt && profile->host->in_flight < DUE_HOST_ATTEMPTS_MAX) {
		next_ms = earlier(next_ms, profile_next_start(profile));
	}
	return next_ms;
}

int64_t due_next(const struct roster *roster)
{
	int64_t next_ms = INT64_MAX;

	for (size_t i = 0; i < roster->n; i++) {
		next_ms = earlier(next_ms, profile_next(roster->profiles[i]));
	}
	return next_ms;
}
