#include "profile_set.h"

#include <stdlib.h>
#include <string.h>

enum { BITS = 64 };

/* Room for the words of more up to that one; false when there is no memory. */
static bool make_room(struct profile_set *set, size_t word)
{
	uint64_t *more;

	if (word < set->n_more) {
		return true;
	}
	more = reallocarray(set->more, word + 1, sizeof(*more));
	if (!more) {
		return false;
	}
	memset(more + set->n_more, 0, (word + 1 - set->n_more) * sizeof(*more));
	set->more = more;
	set->n_more = word + 1;
	return true;
}

bool profile_set_add(struct profile_set *set, unsigned number)
{
	uint64_t bit = UINT64_C(1) << number % BITS;
	uint64_t *word = &set->first;

	if (number >= BITS) {
		if (!make_room(set, number / BITS - 1)) {
			return true;
		}
		word = &set->more[number / BITS - 1];
	}
	if (*word & bit) {
		return false;
	}
	*word |= bit;
	return true;
}

/* The i-th 64 of them, as bits. */
static uint64_t word_of(const struct profile_set *set, size_t i)
{
	if (i == 0) {
		return set->first;
	}
	return i <= set->n_more ? set->more[i - 1] : 0;
}

bool profile_set_within(const struct profile_set *set, const struct profile_set *other)
{
	for (size_t i = 0; i <= set->n_more; i++) {
		if (word_of(set, i) & ~word_of(other, i)) {
			return false;
		}
	}
	return true;
}

bool profile_set_has(const struct profile_set *set, unsigned number)
{
	return word_of(set, number / BITS) >> number % BITS & 1;
}

void profile_set_done(struct profile_set *set)
{
	free(set->more);
	*set = (struct profile_set){0};
}
