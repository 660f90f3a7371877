/*
 * A set of profiles, by the numbers that no two of them ever have. It does not know profiles, nor
 * what they are in it for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Empty when all is zero. */
struct profile_set {
	uint64_t first; /* the numbers below 64, as bits */
	uint64_t *more; /* owned; the others */
	size_t n_more;
};

/* Puts the number into the set; whether it was not there before. Where there is no memory for it,
 * it never is. */
bool profile_set_add(struct profile_set *set, unsigned number);

bool profile_set_has(const struct profile_set *set, unsigned number);

/* Whether all that a set has is in another too. */
bool profile_set_within(const struct profile_set *set, const struct profile_set *other);

/* Empties it. */
void profile_set_done(struct profile_set *set);
