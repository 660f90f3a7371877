/*
 * Those who wait for a profile's token: a list sorted by deadline, from which some or all are
 * picked and answered. It does not know what the answer depends on.
 *
 * A waiter's callback may do anything, forgetting other waiters included: nobody is called while a
 * list is walked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct device;
struct profile;
struct token;
struct waiter;

struct waiter_list {
	TAILQ_HEAD(waiter_queue, waiter) queue;
	size_t n;
};

#define WAITER_LIST_INITIALIZER(list)                   \
	{                                               \
		TAILQ_HEAD_INITIALIZER((list).queue), 0 \
	}

enum outcome {
	OUTCOME_TOKEN, /* the profile's token; for a refresh: there is a new one */
	OUTCOME_WAITS, /* a flight has to be waited for: see broker_wait() */
	OUTCOME_TIMEOUT,
	OUTCOME_UNAVAILABLE,
	OUTCOME_REJECTED,
	OUTCOME_LOGIN_REQUIRED,
	OUTCOME_RATE_LIMITED,
	OUTCOME_SHUTTING_DOWN,
	OUTCOME_DENIED,     /* a reload took the profile or the right away */
	OUTCOME_LOGGED_OUT, /* durably; text: why the server has not revoked what there was */
	OUTCOME_UNSAVED,    /* logged out, but what is stored could not be changed */
	OUTCOME_USER_CODE,  /* somebody is to sign in with the device's codes */
};

enum waiter_kind {
	WAITER_TOKEN,     /* any token of the flight; the current one if the flight fails */
	WAITER_REJECTED,  /* the same, but the current one is of no use to it */
	WAITER_REFRESH,   /* the end of the flight */
	WAITER_EXCHANGE,  /* the end of the flight that exchanges its code */
	WAITER_SIGN_IN,   /* the end of the sign-in that the provider was asked for */
	WAITER_LOGOUT,    /* the end of the revocation */
	WAITER_USER_CODE, /* the codes of a device authorization */
	WAITER_DEVICE,    /* its end */
};

struct answer {
	enum outcome outcome;
	struct token *token;         /* with OUTCOME_TOKEN; borrowed */
	const struct device *device; /* with OUTCOME_USER_CODE; likewise */
	enum waiter_kind kind;       /* with OUTCOME_WAITS; of who waited, with OUTCOME_TIMEOUT */
	int64_t retry_after_ms;      /* 0: not known */
	int64_t wait_ms;             /* with OUTCOME_TIMEOUT: how long it was waited for */
	const char *text;            /* for people, borrowed; NULL: the outcome says it all */
	bool revoked;                /* with OUTCOME_LOGGED_OUT: the server has */
};

struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct waiter_list *list; /* where it is linked; NULL: nowhere */
	struct profile *profile;
	enum waiter_kind kind;
	int64_t deadline_ms;
	int64_t wait_ms; /* how long before that it began */
	void (*done)(struct waiter *waiter, const struct answer *answer);
};

/* Puts it into a list sorted by deadline. */
void waiter_join(struct waiter_list *list, struct waiter *waiter);

/* Takes it out of whatever list it is in; one that is in none is left alone. */
void waiter_leave(struct waiter *waiter);

/* Moves those for whom test(context, waiter) holds from one list to the end of another. */
void waiters_pick(struct waiter_list *from, struct waiter_list *to,
	bool (*test)(void *context, const struct waiter *waiter), void *context);

/* Whether there is one of that kind. */
bool waiters_has(const struct waiter_list *list, enum waiter_kind kind);

/* Moves all. */
void waiters_take(struct waiter_list *from, struct waiter_list *to);

/* Moves those whose deadline is at at_ms or before. */
void waiters_take_due(struct waiter_list *from, struct waiter_list *to, int64_t at_ms);

/* Empties the list, calling each one's done. */
void waiters_answer(struct waiter_list *list, const struct answer *answer);
