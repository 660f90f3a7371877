/*
 * All profiles at a glance: how many are well, when the next refresh comes, and whether something
 * that was to happen has been overlooked. It changes nothing, and does not know what was planned:
 * it looks at each profile anew, and so notices when the plan or its timer is wrong.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct broker;
struct profile;

/* How late something may be before it counts as overlooked. */
enum { OVERVIEW_GRACE_MS = 5 * 1000 };

struct overview {
	size_t profiles;
	size_t fresh;          /* a token, and nothing went wrong since */
	size_t failing;        /* the last attempt failed; the next is by back-off */
	size_t login_required; /* a person or plugin has to act */
	int64_t next_ms;       /* when the next refresh starts; INT64_MAX: none does by itself */
};

struct overview overview_take(const struct broker *broker);

/*
 * A profile that should have started an attempt, or answered somebody who waits for it, more than
 * OVERVIEW_GRACE_MS ago; NULL: none. It may also name one whose time has come just now, between two
 * ticks: only if that stays so is something wrong.
 */
const struct profile *overview_overlooked(const struct broker *broker, int64_t now_ms);
