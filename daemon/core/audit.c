#include "audit.h"

#include <stdlib.h>
#include <sys/queue.h>

/* What was written about one uid since its window began. */
struct audit_user {
	LIST_ENTRY(audit_user) link;
	uid_t uid;
	int64_t began_ms;
	unsigned lines[AUDIT_KINDS];
	uint64_t left_out[AUDIT_KINDS];
};

struct audit {
	LIST_HEAD(, audit_user) users;
	unsigned n_users;
	int64_t next_ms;
	void (*left_out)(void *context, uid_t uid, enum audit_kind kind, uint64_t lines);
	void *context;
};

struct audit *audit_new(
	void (*left_out)(void *context, uid_t uid, enum audit_kind kind, uint64_t lines),
	void *context)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (audit) {
		LIST_INIT(&audit->users);
		audit->next_ms = INT64_MAX;
		audit->left_out = left_out;
		audit->context = context;
	}
	return audit;
}

static void tell(const struct audit *audit, const struct audit_user *user)
{
	for (enum audit_kind kind = 0; kind < AUDIT_KINDS; kind++) {
		if (user->left_out[kind] > 0) {
			audit->left_out(audit->context, user->uid, kind, user->left_out[kind]);
		}
	}
}

/* Tells what was left out of its lines, and forgets it. */
static void close_window(struct audit *audit, struct audit_user *user)
{
	tell(audit, user);
	LIST_REMOVE(user, link);
	audit->n_users--;
	free(user);
}

void audit_free(struct audit *audit)
{
	if (!audit) {
		return;
	}
	while (!LIST_EMPTY(&audit->users)) {
		close_window(audit, LIST_FIRST(&audit->users));
	}
	free(audit);
}

static bool is_over(const struct audit_user *user, int64_t now_ms)
{
	return now_ms - user->began_ms >= AUDIT_WINDOW_MS;
}

static bool is_silent(const struct audit_user *user)
{
	for (int kind = 0; kind < AUDIT_KINDS; kind++) {
		if (user->left_out[kind] > 0) {
			return false;
		}
	}
	return true;
}

static struct audit_user *find(const struct audit *audit, uid_t uid)
{
	struct audit_user *user;

	LIST_FOREACH (user, &audit->users, link) {
		if (user->uid == uid) {
			return user;
		}
	}
	return NULL;
}

/* The uid's window, a new one where there is none; NULL when there is no memory. */
static struct audit_user *user_of(struct audit *audit, uid_t uid, int64_t now_ms)
{
	struct audit_user *user;

	audit_tick(audit, now_ms);
	user = find(audit, uid);
	if (!user && audit->n_users >= AUDIT_USERS_MAX) {
		uid = AUDIT_UID_OTHERS;
		user = find(audit, uid);
	}
	if (!user && (user = calloc(1, sizeof(*user)))) {
		user->uid = uid;
		user->began_ms = now_ms;
		LIST_INSERT_HEAD(&audit->users, user, link);
		audit->n_users++;
	}
	return user;
}

bool audit_take(struct audit *audit, uid_t uid, enum audit_kind kind, int64_t now_ms)
{
	struct audit_user *user = user_of(audit, uid, now_ms);

	if (!user || user->lines[kind] < AUDIT_LINES_MAX) {
		if (user) {
			user->lines[kind]++;
		}
		return true;
	}
	user->left_out[kind]++;
	if (user->began_ms + AUDIT_WINDOW_MS < audit->next_ms) {
		audit->next_ms = user->began_ms + AUDIT_WINDOW_MS;
	}
	return false;
}

int64_t audit_next(const struct audit *audit)
{
	return audit->next_ms;
}

void audit_tick(struct audit *audit, int64_t now_ms)
{
	struct audit_user *user, *next;

	audit->next_ms = INT64_MAX;
	for (user = LIST_FIRST(&audit->users); user; user = next) {
		next = LIST_NEXT(user, link);
		if (is_over(user, now_ms)) {
			close_window(audit, user);
		} else if (!is_silent(user) && user->began_ms + AUDIT_WINDOW_MS < audit->next_ms) {
			audit->next_ms = user->began_ms + AUDIT_WINDOW_MS;
		}
	}
}
