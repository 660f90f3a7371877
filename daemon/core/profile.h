/*
 * One profile: its token, what its last attempt ended with, and when the next one is due.
 * It does not know other profiles, nor who waits for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "authorize.h"
#include "grant.h"
#include "login.h"
#include "provider.h"
#include "waiter.h"

struct attempt;
struct code;
struct device;
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

/* A smaller forward step of the wall clock is ignored. */
enum { PROFILE_WALL_STEP_MS = 5 * 1000 };

/* What says when to try again after a temporary failure. */
enum profile_retry {
	PROFILE_RETRY_BACKOFF,
	PROFILE_RETRY_AFTER, /* the server's word, which is later */
	PROFILE_RETRY_LOST,  /* at once: the request may have been acted upon */
};

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
	struct settings *settings; /* owned */
	uint64_t revision;         /* broker_revision() when it last changed */
	unsigned number;           /* no other ever has it; from 1 on, the broker's to give */
	struct host *host;         /* where its attempts are counted; the broker's */
	struct token *token;       /* owned; NULL, or above its margin at the last tick */
	struct attempt *attempt;   /* in flight; NULL: none */
	struct login login;        /* of grants that begin with one */
	bool loaded;               /* what was stored of it has been read back */
	struct code *code;         /* owned; it waits for its attempt, NULL: none does */
	struct device *device;     /* owned; somebody is to sign in elsewhere, or was, NULL: not */
	struct provider provider;  /* of grants that begin with what a plugin can bring */
	struct token *held;        /* owned; a token that may be handed out as soon as the login is
				      durable; NULL: none */
	bool unsaved;              /* the login could not be made durable yet */
	bool repeated;             /* a lost answer has already been asked for once more, at once */
	struct authorize_list authorizations; /* browsers that were sent off to sign in */
	struct waiter_list waiters;           /* the earliest deadline first */
	struct waiter_list sign_ins;          /* those who wait for a sign-in; likewise */
	struct waiter_list logouts;           /* those who wait for a revocation; likewise */
	uint64_t generation;                  /* tokens so far */
	bool wanted; /* somebody asked for the next attempt, and still waits for it */
	enum grant_verdict verdict; /* of the last attempt */
	unsigned failures;          /* in a row */
	enum profile_retry retry;   /* of the last one, when temporary */
	int64_t due_ms;     /* when the next attempt wants to start, PROFILE_NEVER: not by itself */
	int64_t started_ms; /* when the last attempt started; INT64_MIN: none did */
	int64_t rejected_ms; /* when a rejected token last started a flight; INT64_MIN: never */
	int64_t asked_ms;    /* when auth.refresh last started a flight; INT64_MIN: never */
	int64_t looked_ms;   /* when it was last looked for new credentials; INT64_MIN: never */
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

/* When the next attempt wants to start: when it is due and will start, or as soon as may be for a
 * sign-in. */
int64_t profile_next_start(const struct profile *profile);

/* Whether there is somebody to be asked for what the grant begins with. */
bool profile_has_provider(const struct profile *profile);

/* Whether there is all that its grant sends, without a sign-in and a refresh token. */
bool profile_has_credentials(const struct profile *profile);

/* Whether there is anything to ask with: without a sign-in, some grants have nothing, and after a
 * logout all. */
bool profile_can_ask(const struct profile *profile);

/* Whether an attempt may start by itself or for a caller (refresh_access_token; the first token is
 * always fetched; and there is something to ask with). */
bool profile_may_fetch(const struct profile *profile);

/* Whether somebody waits for its device authorization; when something has to be done for that,
 * PROFILE_NEVER: there is none, or its answer says it. */
bool profile_device_is_held(const struct profile *profile);
int64_t profile_device_next(const struct profile *profile);

/* Whether the next attempt starts when it is due: always by itself, or because it is wanted. */
bool profile_will_start(const struct profile *profile);

/* Whether callers get the last error instead of a flight. */
bool profile_backs_off(const struct profile *profile, int64_t now_ms);

/* Whether an attempt is in flight, or about to start as soon as the gap and the host allow. */
bool profile_flies(const struct profile *profile, int64_t now_ms);

/* Makes an attempt due as soon as the gap after the last one allows. */
void profile_want(struct profile *profile, int64_t now_ms);

/* Remembers how an HTTP answer looked, if one came. */
void profile_answered(struct profile *profile, const struct grant_result *result,
	int64_t duration_ms, int64_t now_ms);

/*
 * Takes in the result of an attempt: the token, or when to try again. Takes result->token out. A
 * token that came too late to be handed out counts as a temporary failure.
 */
void profile_settle(struct profile *profile, struct grant_result *result, int64_t duration_ms,
	int64_t now_ms, uint32_t random);

/* Takes over a token that came another way; the last verdict is over. */
void profile_plant(struct profile *profile, struct token *token, int64_t now_ms, uint32_t random);

/* After an attempt that changed nothing: makes the next one due when the token asks for it. */
void profile_resume(struct profile *profile, int64_t now_ms);

/* Its provider has come or left: the next attempt is due when there is something to ask with. One
 * after a refusal keeps to the back-off, however often a provider comes. */
void profile_found_provider(struct profile *profile, int64_t now_ms, uint32_t random);
void profile_lost_provider(struct profile *profile, int64_t now_ms);

/* There are new credentials: the verdict on those before is over, and an attempt due. */
void profile_mend(struct profile *profile, int64_t now_ms);

/* Drops the token, whose session has ended. */
void profile_drop_token(struct profile *profile);

/* Drops a token that is below its margin. */
void profile_expire(struct profile *profile, int64_t now_ms);

/* The wall clock was set forward by step_ms: drops a token that has expired by it, and makes an
 * attempt due. Returns whether it did. */
bool profile_wall_stepped(struct profile *profile, int64_t step_ms, int64_t now_ms);

/* Forgets the token, the login, and sign-ins that are under way; why is what callers are told. */
void profile_log_out(struct profile *profile, const char *why, int64_t now_ms);

/* Forgets the token, the verdict and browsers that were sent off, keeps the generation: the next
 * attempt is due now. */
void profile_reset(struct profile *profile, int64_t now_ms);

/*
 * Puts new settings of the same identity in place, and takes them over; other credentials end a
 * verdict on those before, and refresh_access_token holds at once.
 */
void profile_change(struct profile *profile, struct settings *settings, int64_t now_ms);
