/*
 * What the parts of the broker share: broker.c with the profiles and their flights,
 * broker_settle.c with how these end, broker_provider.c with those who sign in for them,
 * broker_device.c with those who do so elsewhere, and broker_logout.c with what ends all of it.
 * Nobody else knows it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "flight.h"
#include "roster.h"

struct code;
struct profile;
struct revocation;

struct broker {
	struct flights flights;
	struct roster roster;
	LIST_HEAD(, revocation) revocations;
	uint64_t revision;
	unsigned numbers; /* given to profiles so far */
	int64_t next_ms;
	bool shutting_down;
	uint64_t n_tokens, n_failures, n_timeouts;
};

/* Has broker_tick() called at that time, if it was to be later. */
void broker_sooner(struct broker *broker, int64_t at_ms);

/* Uniform over uint32_t. */
uint32_t broker_chance(const struct broker *broker);

/* Puts a code on its way, which takes the place of one that waits. It is taken over. */
void broker_exchange(
	struct broker *broker, struct profile *profile, struct code *code, int64_t now_ms);

/* A logout is over, by who asks for a token in spite of it or brings one. */
void broker_end_logged_out(struct broker *broker, struct profile *profile);

/* An attempt has ended with result: what follows for its profile and for those who wait for it.
 * The owner is the broker. */
void broker_settle(
	void *owner, struct attempt *attempt, struct grant_result *result, int64_t now_ms);

/*
 * Whether a profile's attempt, which ended with result, was not the last word: a code that waits
 * comes next, or its provider is asked for what the order says.
 */
bool broker_goes_on(struct broker *broker, const struct attempt *attempt,
	const struct grant_result *result, int64_t now_ms);

/* Ends what a provider has not done by its deadline. */
void broker_expire_errands(struct broker *broker, struct profile *profile, int64_t now_ms);

/* Does what is due for a profile's device authorization. */
void broker_device_due(struct broker *broker, struct profile *profile, int64_t now_ms);

/* Somebody who waited for one has gone. */
void broker_device_left(struct broker *broker, struct profile *profile);

/* Those who have waited long enough for one are told that nobody has signed in yet. */
void broker_device_tell(struct broker *broker, struct profile *profile, int64_t now_ms);

/* An attempt begins, which takes the device code that waits; and has begun, or could not. */
void broker_device_starts(const struct profile *profile);
void broker_device_started(struct profile *profile, int64_t now_ms);

/* Whether an attempt that ended was a poll that brought no end of the sign-in. */
bool broker_device_goes_on(struct broker *broker, const struct attempt *attempt,
	struct grant_result *result, int64_t now_ms);

/* A poll has ended, and brought a token or the end of the sign-in. */
void broker_device_ended(
	const struct attempt *attempt, const struct grant_result *result, int64_t now_ms);

/* The daemon ends: the next one goes on with the codes, if they are there. */
void broker_device_leave(struct broker *broker, struct profile *profile);

/* What an abandoned attempt has brought is revoked. Takes it out of result. */
void broker_revoke_late(
	struct broker *broker, const struct attempt *attempt, struct grant_result *result);

/* Ends the revocations that are done, and answers those who wait for them, or have waited long
 * enough. */
void broker_end_logouts(struct broker *broker, int64_t now_ms);

/* Whether there is a revocation for broker_end_logouts() to end. */
bool broker_has_ended_logouts(const struct broker *broker);

/* The daemon ends: answers who waits for a revocation of the profile. */
void broker_leave_logouts(struct broker *broker, struct profile *profile);

/* Drops all revocations. */
void broker_drop_revocations(struct broker *broker);
