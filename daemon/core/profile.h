/*
 * One profile: its token, what its last attempt ended with, and when the next one is due.
 * It does not know other profiles, nor who waits for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "grant.h"
#include "waiter.h"

struct attempt;
struct host;
struct settings;
struct token;

#define PROFILE_STATES(X)                                                                          \
	X(EMPTY, "empty")                   /* its first attempt has not begun */                  \
	X(FETCHING, "fetching")             /* an attempt is in flight, no token to hand out */    \
	X(FRESH, "fresh")                   /* a token */                                          \
	X(REFRESHING, "refreshing")         /* a token, and an attempt in flight */                \
	X(FAILING, "failing")               /* the last attempt failed; the next is by back-off */ \
	X(REJECTED, "rejected")             /* the last attempt met a permanent verdict */         \
	X(LOGIN_REQUIRED, "login_required") /* a person or plugin has to act */                    \
	X(DISABLED, "disabled") /* its token has passed and refresh_access_token is false */

enum profile_state {
#define X(symbol, name) PROFILE_##symbol,
	PROFILE_STATES(X)
#undef X
};

#define PROFILE_NEVER INT64_MAX

/* How the last HTTP answer looked. */
struct profile_answer {
	int status; /* 0: there was none yet */
	char *correlation_id;
	int64_t at_ms, duration_ms;
};

/* What went wrong last; kept until an attempt succeeds. */
struct profile_error {
	enum grant_verdict verdict; /* GRANT_NONE: nothing */
	char *message, *upstream_error, *correlation_id;
	int upstream_status; /* 0: no answer came */
	int64_t at_ms;
};

/* Times are on the scale of now_ms. Strings are owned, NULL where there is nothing to tell. */
struct profile {
	struct settings *settings;  /* owned */
	struct host *host;          /* where its attempts are counted; the broker's */
	struct token *token;        /* owned; NULL, or above its margin at the last tick */
	struct attempt *attempt;    /* in flight; NULL: none */
	struct waiter_list waiters; /* the earliest deadline first */
	uint64_t generation;        /* tokens so far */
	bool wanted; /* somebody asked for the next attempt, and still waits for it */
	enum grant_verdict verdict; /* of the last attempt */
	unsigned failures;          /* in a row */
	int64_t due_ms;     /* when the next attempt wants to start, PROFILE_NEVER: not by itself */
	int64_t started_ms; /* when the last attempt started; INT64_MIN: none did */
	int64_t rejected_ms; /* when a rejected token last started a flight; INT64_MIN: never */
	int64_t asked_ms;    /* when auth.refresh last started a flight; INT64_MIN: never */
	struct profile_answer last_answer;
	struct profile_error last_error;
};

/* Takes settings over in any case. */
struct profile *profile_new(struct settings *settings);

/* It has no attempt and no waiters any more. */
void profile_free(struct profile *profile);

/* Derived from what is known, so that it cannot be wrong about it. */
enum profile_state profile_state(const struct profile *profile);
const char *profile_state_name(enum profile_state state);

/* Whether an attempt may start by itself or for a caller (refresh_access_token; the first token is
 * always fetched). */
bool profile_may_fetch(const struct profile *profile);

/* Whether the next attempt starts when it is due: always by itself, or because it is wanted. */
bool profile_will_start(const struct profile *profile);

/* Whether callers get the last error instead of a flight. */
bool profile_backs_off(const struct profile *profile, int64_t now_ms);

/* Whether an attempt is in flight, or about to start as soon as the gap and the host allow. */
bool profile_flies(const struct profile *profile, int64_t now_ms);

/* Makes an attempt due as soon as the gap after the last one allows. */
void profile_want(struct profile *profile, int64_t now_ms);

/*
 * Takes in the result of an attempt: the token, or when to try again. Takes result->token out. A
 * token that came too late to be handed out counts as a temporary failure.
 */
void profile_settle(struct profile *profile, struct grant_result *result, int64_t duration_ms,
	int64_t now_ms, uint32_t random);

/* Drops a token that is below its margin. */
void profile_expire(struct profile *profile, int64_t now_ms);

/* Forgets the token and the verdict, keeps the generation: the next attempt is due now. */
void profile_reset(struct profile *profile, int64_t now_ms);

/*
 * Puts new settings of the same identity in place, and takes them over; other credentials end a
 * permanent verdict, and refresh_access_token holds at once.
 */
void profile_change(struct profile *profile, struct settings *settings, int64_t now_ms);
