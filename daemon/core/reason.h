/*
 * Why a profile's next attempt comes when it comes, in words. It only reads the profile, and does
 * not know who asks.
 */
#pragma once

#include <stdint.h>

struct profile;

enum { REASON_SIZE = 256 /* of a part of a sentence, and NUL */ };

/* When the next attempt wants to start, which may be past while it waits for its turn;
 * PROFILE_NEVER: not by itself, or one is in flight. why says it without a full stop. */
int64_t reason_next(const struct profile *profile, int64_t now_ms, char why[REASON_SIZE]);
