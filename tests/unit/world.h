/*
 * A world for tests of the broker: a clock that only moves when told, a login server that does as
 * told, and callers who remember what they were answered. It does not know what is tested.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/broker.h"
#include "core/settings.h"

enum {
	WORLD_ATTEMPTS_MAX = 4096,
	WORLD_RECORDS_MAX = 64,
	WORLD_TEXT_SIZE = 128,
	WORLD_HEARD_MAX = 16 /* events; later ones are counted */
};

/* An event as it was told. */
struct heard {
	char profile[WORLD_TEXT_SIZE];
	enum event_kind kind;
	enum grant_verdict verdict; /* GRANT_NONE: nothing went wrong */
	char message[GRANT_MESSAGE_SIZE], upstream_error[WORLD_TEXT_SIZE];
	char correlation_id[WORLD_TEXT_SIZE]; /* "": none */
	uint64_t generation;                  /* that the profile shows */
};

/* What is durable of a profile. */
struct record {
	char profile[WORLD_TEXT_SIZE];
	char token_url[WORLD_TEXT_SIZE];
	char refresh_token[WORLD_TEXT_SIZE]; /* "": none */
	char seed[LOGIN_HASH_SIZE];
	bool sending;
	bool logged_out;
	char token[WORLD_TEXT_SIZE]; /* "": none */
	int64_t sent_ms, lifetime_ms;
	unsigned writes;
};

struct world {
	struct broker *broker;
	int64_t now_ms;
	uint32_t random;
	struct attempt *in_flight[WORLD_ATTEMPTS_MAX];
	unsigned n_in_flight, most_in_flight;
	unsigned started, cancelled;
	int64_t started_ms[WORLD_ATTEMPTS_MAX];   /* when the n-th attempt started */
	struct record records[WORLD_RECORDS_MAX]; /* the disk */
	const char *disk_error;                   /* why nothing can be written, NULL: it can */
	const char *load_error;                   /* nor read */
	const char *writing_error;                /* how the last slow write ended, NULL: well */
	bool disk_is_slow; /* a write that is waited for ends with world_written() alone */
	struct attempt *writing[WORLD_ATTEMPTS_MAX];
	unsigned n_writing;
	const char *unprepared;          /* why credentials cannot be read, NULL: they can */
	bool renewed;                    /* new credentials were put in place */
	struct errand *errands[ERRANDS]; /* what providers are asked for, NULL: they are not */
	unsigned asks[ERRANDS];          /* how often so far */
	struct device *device;           /* what is asked for codes, NULL: nothing */
	unsigned devices;                /* how often so far */
	unsigned declined;
	struct heard heard[WORLD_HEARD_MAX];
	unsigned n_heard, n_heard_of[EVENT_KINDS];
	struct revocation *revoking;       /* what is asked to be revoked, NULL: nothing */
	struct revocation *noting;         /* the logout that the slow disk has not taken yet */
	unsigned revocations;              /* requests so far */
	unsigned left;                     /* revocations that have ended */
	char left_why[GRANT_MESSAGE_SIZE]; /* why the last of them did not revoke, "": it did */
	/* Hears each event too, when set. */
	void (*on_news)(const struct profile *profile, enum event_kind kind,
		const struct event_error *error);
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
	bool revoked;
	char user_code[32]; /* "" without one */
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

/* The answer brings a refresh token too. */
void world_grant_login(
	struct attempt *attempt, const char *token, int64_t lifetime_ms, const char *refresh_token);

/* No answer comes, and the server may have acted. */
void world_lose(struct attempt *attempt);

/* The only write that is waited for ends. */
void world_written(void);

/* What is durable of a profile; all is empty where nothing is. */
struct record *world_record(const char *profile);

/* A crash: the broker is gone, the disk stays. world_configure() begins anew. */
void world_crash(void);

void caller_sign_in(struct caller *caller, struct profile *profile, const char *code);

void caller_log_out(struct caller *caller, struct profile *profile);

/* The slow disk has taken the logout. */
void world_noted(void);

/* The server hangs: what is asked to be revoked is given to the caller, who may put it back. */
struct revocation *world_let_revocation_hang(void);

/* The answer to what is asked to be revoked: its status, 0: none comes. Where another token was
 * asked for first, 200 brings it. */
void world_revoked(int status, const char *token);

/* Has the profile's provider sign somebody in. */
void caller_ask_sign_in(struct caller *caller, struct profile *profile);

/* Asks for codes to sign in elsewhere, and for the end of that. */
void caller_get_user_code(struct caller *caller, struct profile *profile);
void caller_authorize_device(struct caller *caller, struct profile *profile);

/* The caller goes. */
void caller_leave(struct caller *caller);

/* The server gives codes, or none. interval_ms 0: it does not say. */
void world_give_codes(const char *user_code, int64_t lifetime_ms, int64_t interval_ms);
void world_refuse_codes(enum grant_verdict verdict, int64_t retry_after_ms);

/* What a poll is answered: an error of RFC 8628 section 3.5. */
void world_poll_answer(const char *error);

/* The provider answers what it was asked for: with a code, that it is done (NULL), or why not. */
void world_bring(enum errand_kind kind, const char *code);
void world_decline(enum errand_kind kind, const char *why, bool signs_in);

/* A code from the login at a provider, to be taken over. */
struct code *world_code(const char *code);

struct answer world_plant(struct profile *profile, const char *token, int64_t lifetime_ms);

/* The n-th event from the end, 0: the last. */
const struct heard *world_heard(unsigned n);

/* The only attempt in flight. */
struct attempt *world_attempt(void);
