/*
 * A world for tests of the broker: a clock that only moves when told, a login server that does as
 * told, and callers who remember what they were answered. It does not know what is tested.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/broker.h"
#include "core/settings.h"

enum { WORLD_ATTEMPTS_MAX = 4096 };

struct world {
	struct broker *broker;
	int64_t now_ms;
	uint32_t random;
	struct attempt *in_flight[WORLD_ATTEMPTS_MAX];
	unsigned n_in_flight, most_in_flight;
	unsigned started, cancelled;
	int64_t started_ms[WORLD_ATTEMPTS_MAX]; /* when the n-th attempt started */
	/* Answers each attempt as soon as it starts, when set. */
	void (*on_start)(struct attempt *attempt);
	/* Who may still wait at a reload; all, when NULL. */
	bool (*may_still)(const struct waiter *waiter);
};

extern struct world world;

/* A caller. */
struct caller {
	struct waiter waiter;
	bool waits;
	unsigned answers;
	enum outcome outcome;
	int64_t answered_ms, retry_after_ms;
	char token[32]; /* the answer's, "" without one */
	char text[256];
};

void world_begin(int64_t now_ms);
void world_end(void);

/* Configures profiles; the settings are taken over. */
void world_configure(struct settings **settings, size_t n);

/* One profile of that name with the fixture's settings. */
struct profile *world_profile(const char *name);

/* Moves time on, ticking whenever the broker wants it. */
void world_run_until(int64_t now_ms);

/* Ticks now, if the broker wants it. */
void world_settle(void);

void caller_get(struct caller *caller, struct profile *profile, int64_t min_validity_ms,
	const char *rejected);
void caller_refresh(struct caller *caller, struct profile *profile);

/* How an attempt ends. */
void world_grant(struct attempt *attempt, const char *token, int64_t lifetime_ms);
void world_fail(struct attempt *attempt, enum grant_verdict verdict, int64_t retry_after_ms);

/* The only attempt in flight. */
struct attempt *world_attempt(void);
