/*
 * What callers are answered, by what is known of their profile, and the answering of those who
 * wait for it. It does not know when.
 */
#pragma once

#include <stdint.h>

#include "code.h"
#include "grant.h"
#include "waiter.h"

struct profile;

/* The profile's token. */
struct answer answers_token(struct profile *profile);

/* Something ended so, with no token. text is borrowed. */
struct answer answers_refusal(enum grant_verdict verdict, const char *text);

/* What the last attempt ended with. */
struct answer answers_error(const struct profile *profile, int64_t now_ms);

/* There is no way to another token than what somebody does. */
struct answer answers_stuck(const struct profile *profile);

/* The end of a sign-in that a change of its profile has ended; and of one whose token is not used
 * for that, or since the profile was given another one. */
struct answer answers_changed(void);
struct answer answers_overtaken(struct profile *profile);

struct answer answers_rate_limited(int64_t retry_after_ms, const char *text);

/* Answers all of a list, which is empty afterwards unless a callback adds to it. */
void answers_all(struct waiter_list *waiters, const struct answer *answer);

/* An attempt has failed: those who can do without get the token there is, the others the error, or
 * stay where an answer can still come in their time. */
void answers_failed(struct profile *profile, int64_t now_ms);

/* The exchange of a code that came so has ended, or will not take place. */
void answers_exchanged(
	struct profile *profile, enum code_origin origin, const struct answer *answer);

/* A code that came so was refused, which ends the wait for it; whatever was before goes on. */
void answers_sign_in_failed(struct profile *profile, enum code_origin origin,
	const struct grant_result *result, int64_t now_ms);
