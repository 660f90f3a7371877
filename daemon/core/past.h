/*
 * What a daemon before this one knew of a profile, and how it goes on from there: the token, the
 * verdict and back-off, the browsers that were sent off, the codes of a device. It does not know
 * how it was handed over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct profile;

struct past {
	/* Owned; the profile as it was, on this boot's scale of times, with nothing in flight. */
	struct profile *profile;
	bool in_flight;       /* an attempt was, and its answer is lost */
	bool new_credentials; /* they are others than those that the verdict is on */
};

/* Takes it apart. */
void past_done(struct past *past);

/*
 * Goes on with what there was in a profile of the same identity that has not begun anything and
 * whose login has been read back. Takes out what it needs. An attempt that died with its daemon
 * counts as a failed one, so that a daemon that dies again and again asks by the back-off; one that
 * was cancelled is made up for at once.
 */
void past_restore(struct profile *profile, struct past *past, int64_t now_ms, uint32_t random);
