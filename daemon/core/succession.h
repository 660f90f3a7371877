/*
 * What profiles keep when a configuration takes the place of another: token, login and flight where
 * they are still the same ones, and those who may still wait for them. It does not know what else
 * is in a configuration.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct flights;
struct roster;
struct waiter;
struct waiter_list;

/* Who says whether a waiter may still ask. */
struct succession_judge {
	bool (*may_still)(void *context, const struct waiter *waiter);
	void *context;
};

/* Moves the profiles that stay from the old roster to the new one, with their new settings, and
 * says when the others are to start. Those of the old one that go are left to the caller. Who waits
 * for a sign-in that this ends is moved to overtaken. */
void succession(struct flights *flights, struct roster *old, struct roster *roster,
	struct waiter_list *overtaken, int64_t now_ms);

/* Moves the waiters that may not go on to denied, and those of profiles that are not in roster. Of
 * gone it leaves what is to be freed. */
void succession_deny(struct roster *gone, const struct roster *roster,
	struct succession_judge *judge, struct waiter_list *denied);
