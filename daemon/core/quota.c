#include "quota.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "turns.h"

enum { WAITERS_SHARE = 4 /* one uid may have this part of all waiters */ };

#define NOT_QUARANTINED INT64_MIN

struct quota_user {
	LIST_ENTRY(quota_user) link;
	struct turns_user turns;
	uid_t uid;
	unsigned connections, waiters;
	unsigned requests;      /* in the window */
	int64_t window_ms;      /* when it began */
	int64_t quarantined_ms; /* since when it gets nothing; NOT_QUARANTINED */
};

struct quota {
	struct quota_limits limits;
	unsigned connections, waiters;
	LIST_HEAD(, quota_user) users;
};

struct quota *quota_new(void)
{
	struct quota *quota = calloc(1, sizeof(*quota));

	if (quota) {
		LIST_INIT(&quota->users);
	}
	return quota;
}

void quota_free(struct quota *quota)
{
	struct quota_user *user;

	if (!quota) {
		return;
	}
	while ((user = LIST_FIRST(&quota->users))) {
		LIST_REMOVE(user, link);
		free(user);
	}
	free(quota);
}

void quota_set(struct quota *quota, const struct quota_limits *limits)
{
	quota->limits = *limits;
}

static bool is_exempt(const struct quota *quota, const struct quota_user *user)
{
	return user->uid == 0 || user->uid == quota->limits.own_uid;
}

/* How long the uid gets nothing yet, as the limits are now. */
static int64_t quarantine_left(
	const struct quota *quota, const struct quota_user *user, int64_t now_ms)
{
	if (quota->limits.requests == 0 || user->quarantined_ms == NOT_QUARANTINED) {
		return 0;
	}
	return user->quarantined_ms + quota->limits.quarantine_ms - now_ms;
}

/* A uid is remembered while it has connections, and while its count or quarantine still matters. */
static bool is_over(const struct quota *quota, const struct quota_user *user, int64_t now_ms)
{
	return user->connections == 0 && quarantine_left(quota, user, now_ms) <= 0 &&
	       (quota->limits.requests == 0 || now_ms - user->window_ms >= QUOTA_WINDOW_MS);
}

/* Finds the uid's entry, and drops those that no longer matter on the way. */
static struct quota_user *user_find(struct quota *quota, uid_t uid, int64_t now_ms)
{
	struct quota_user *user, *next, *found = NULL;

	for (user = LIST_FIRST(&quota->users); user; user = next) {
		next = LIST_NEXT(user, link);
		if (user->uid == uid) {
			found = user;
		} else if (is_over(quota, user, now_ms)) {
			LIST_REMOVE(user, link);
			free(user);
		}
	}
	if (!found && (found = calloc(1, sizeof(*found)))) {
		found->uid = uid;
		found->window_ms = now_ms;
		found->quarantined_ms = NOT_QUARANTINED;
		turns_user_init(&found->turns);
		LIST_INSERT_HEAD(&quota->users, found, link);
	}
	return found;
}

struct quota_user *quota_connect(struct quota *quota, uid_t uid, int64_t now_ms)
{
	struct quota_user *user;

	if (quota->connections >= quota->limits.connections) {
		return NULL;
	}
	user = user_find(quota, uid, now_ms);
	if (!user || (!is_exempt(quota, user) &&
			     user->connections >= quota->limits.connections_per_uid)) {
		return NULL;
	}
	quota->connections++;
	user->connections++;
	return user;
}

void quota_disconnect(struct quota *quota, struct quota_user *user, int64_t now_ms)
{
	quota->connections--;
	user->connections--;
	if (is_over(quota, user, now_ms)) {
		LIST_REMOVE(user, link);
		free(user);
	}
}

int64_t quota_request(struct quota *quota, struct quota_user *user, int64_t now_ms)
{
	int64_t left_ms = quarantine_left(quota, user, now_ms);

	if (quota->limits.requests == 0) {
		return 0;
	}
	if (left_ms > 0) {
		return left_ms;
	}
	if (user->quarantined_ms != NOT_QUARANTINED ||
		now_ms - user->window_ms >= QUOTA_WINDOW_MS) {
		user->quarantined_ms = NOT_QUARANTINED;
		user->window_ms = now_ms;
		user->requests = 0;
	}
	if (user->requests < quota->limits.requests) {
		user->requests++;
		return 0;
	}
	user->quarantined_ms = now_ms;
	return quota->limits.quarantine_ms;
}

bool quota_may_wait(const struct quota *quota, const struct quota_user *user)
{
	/* Rounded up: a quarter of few is still one. */
	unsigned share = (quota->limits.waiters + WAITERS_SHARE - 1) / WAITERS_SHARE;

	return quota->waiters < quota->limits.waiters &&
	       (is_exempt(quota, user) || user->waiters < share);
}

void quota_wait(struct quota *quota, struct quota_user *user)
{
	quota->waiters++;
	user->waiters++;
}

void quota_wait_end(struct quota *quota, struct quota_user *user)
{
	quota->waiters--;
	user->waiters--;
}

struct turns_user *quota_turns(struct quota_user *user)
{
	return &user->turns;
}

unsigned quota_connections(const struct quota *quota)
{
	return quota->connections;
}

unsigned quota_waiters(const struct quota *quota)
{
	return quota->waiters;
}
