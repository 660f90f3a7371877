/*
 * The broker: all profiles, one flight each, those who wait for them, and the queue of attempts per
 * token host. It does not know sockets, HTTP or clocks: time comes in as now_ms (milliseconds that
 * never go back, suspend included), and what is to be done goes out through struct broker_ops.
 *
 * None of its functions calls a waiter back while it walks a list, so a waiter may do anything in
 * its callback.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flight.h"
#include "profile.h"
#include "waiter.h"

struct broker;
struct code;
struct device;
struct errand;
struct past;
struct revocation;
struct settings;
struct token;

enum {
	BROKER_REJECTION_GAP_MS =
		10 * 1000, /* between two rejections of a profile's token that make a request */
	BROKER_REFRESH_GAP_MS =
		10 * 1000,         /* between two auth.refresh of a profile that make a request */
	BROKER_LOOK_GAP_MS = 1000, /* between two looks for new credentials */
	BROKER_LOGOUT_WAIT_MIN_MS = 1000, /* the disk has at least this long to take a logout */
};

struct broker_want {
	int64_t min_validity_ms;
	const char *rejected; /* a token that an API refused, NULL: none */
	size_t rejected_len;
};

struct broker_counters {
	uint64_t attempts; /* requests sent to token endpoints */
	uint64_t tokens;   /* that they brought */
	uint64_t failures; /* attempts that brought none */
	uint64_t timeouts; /* waiters that got OUTCOME_TIMEOUT */
};

/* NULL when there is no memory. ops and context are borrowed. */
struct broker *broker_new(const struct broker_ops *ops, void *context);

/* Cancels all that is in flight. Nobody waits any more: broker_shutdown() came before. */
void broker_free(struct broker *broker);

/*
 * Puts a configuration in place. Takes the settings over in any case (elements become NULL); names
 * are distinct. Profiles of the same name and identity keep token and flight. may_still(waiter)
 * says for each waiter whether it may still ask; those who may not, and those whose profile is
 * gone, get OUTCOME_DENIED. Returns 0, or -ENOMEM with nothing changed.
 */
int broker_configure(struct broker *broker, struct settings **settings, size_t n,
	bool (*may_still)(void *context, const struct waiter *waiter), int64_t now_ms);

struct profile *broker_find(const struct broker *broker, const char *name);

/* The profiles, sorted by name. */
size_t broker_profiles(const struct broker *broker, struct profile *const **ret_profiles);

/* Goes on where a daemon before this one ended, with a profile that has not begun anything. Takes
 * out what it needs. */
void broker_restore(
	struct broker *broker, struct profile *profile, struct past *past, int64_t now_ms);

/* Another number whenever something that broker_restore() brings back has changed; so has each
 * profile's revision, which no other one has. */
uint64_t broker_revision(const struct broker *broker);

/* Something of a profile was changed that is not the broker's: browsers were sent off. */
void broker_changed(struct broker *broker, struct profile *profile);

/*
 * Asks for a token. With OUTCOME_WAITS a flight is under way or about to start, and the asker who
 * wants its result calls broker_wait(). Any other outcome is the answer.
 */
struct answer broker_get(struct broker *broker, struct profile *profile,
	const struct broker_want *want, int64_t now_ms);

/* Asks for a new token now: auth.refresh. As broker_get(). */
struct answer broker_refresh(struct broker *broker, struct profile *profile, int64_t now_ms);

/*
 * Exchanges a code for a token: auth.authorize. The code is taken over in any case. As
 * broker_get(); a refusal ends nothing but this wait.
 */
struct answer broker_sign_in(
	struct broker *broker, struct profile *profile, struct code *code, int64_t now_ms);

/* Has the profile's provider sign somebody in, and exchanges what that brings: auth.signIn. As
 * broker_get(); a failure ends nothing but this wait. */
struct answer broker_ask_sign_in(struct broker *broker, struct profile *profile, int64_t now_ms);

/* The codes with which somebody signs in elsewhere (RFC 8628): those of a sign-in that is under
 * way, else new ones: auth.getUserCode. As broker_get(), or OUTCOME_USER_CODE. */
struct answer broker_get_user_code(struct broker *broker, struct profile *profile, int64_t now_ms);

/* Waits for the end of that sign-in, which there is: auth.authorizeDevice. As broker_get(). */
struct answer broker_authorize_device(
	struct broker *broker, struct profile *profile, int64_t now_ms);

/* What broker_ops.ask_device() began has ended. Takes the codes, which are in their place with
 * GRANT_GRANTED. */
void broker_device_answered(struct broker *broker, struct device *device,
	const struct grant_result *result, int64_t now_ms);

/* Puts a token in place that somebody else got: auth.setAccessToken, or auth.authorize where a
 * browser has brought it (signs_in). It is taken over. */
struct answer broker_plant(struct broker *broker, struct profile *profile, struct token *token,
	bool signs_in, int64_t now_ms);

/* A browser came back with an error instead: who listens hears of it, and nothing else changes. why
 * is a sentence, upstream_error what the login server says. */
void broker_refuse_sign_in(struct broker *broker, struct profile *profile, const char *why,
	const char *upstream_error);

/*
 * Logs out: auth.logout. Token, login and sign-ins are gone at once, whoever waits for a token is
 * answered, and nothing is asked for until somebody signs in, asks for a refresh or brings a token.
 * As broker_get(): what is waited for is that this is durable, and that the server has revoked what
 * there was.
 */
struct answer broker_logout(struct broker *broker, struct profile *profile, int64_t now_ms);

/*
 * Waits for what broker_get() or broker_refresh() said was under way. waiter->done is set by the
 * caller; it will be called exactly once, unless broker_forget() comes first. Until then the waiter
 * is the broker's.
 */
void broker_wait(struct broker *broker, struct profile *profile, enum waiter_kind kind,
	struct waiter *waiter, int64_t now_ms);

/* Takes a waiter out whose asker has gone; takes one that is not waiting too. */
void broker_forget(struct broker *broker, struct waiter *waiter);

/* The result of an attempt; attempt may be gone afterwards. Takes out what it needs of result. */
void broker_finish(struct broker *broker, struct attempt *attempt, struct grant_result *result,
	int64_t now_ms);

/* What broker_ops.store() began has ended: durable (NULL), or why not; attempt may be gone
 * afterwards. */
void broker_stored(struct broker *broker, struct attempt *attempt, const char *why, int64_t now_ms);

/* What came of an errand: a code (owned by the broker from here), or of ERRAND_REAUTHENTICATE that
 * it is done; or why not. */
struct provided {
	struct code *code;
	const char *why; /* a clause, NULL: all is well; borrowed */
	bool signs_in;   /* the provider has signIn */
};

/* What broker_ops.ask() began has ended. */
void broker_provided(struct broker *broker, struct errand *errand, const struct provided *provided,
	int64_t now_ms);

/* A profile's provider, which grant_is_provided() has to allow, is connected and ready; or not any
 * more. */
void broker_provider_ready(struct broker *broker, struct profile *profile, int64_t now_ms);
void broker_provider_left(struct broker *broker, struct profile *profile, int64_t now_ms);

/* Somebody has signed in at the provider, asked or not, which brought a code (it is taken over); or
 * it told that this has failed, with a clause. */
void broker_signed_in(
	struct broker *broker, struct profile *profile, struct code *code, int64_t now_ms);
void broker_sign_in_failed(
	struct broker *broker, struct profile *profile, const char *clause, int64_t now_ms);

/* What broker_ops.note() began has ended: durable (NULL), or why not. */
void broker_noted(
	struct broker *broker, struct revocation *revocation, const char *why, int64_t now_ms);

/* The result of a revocation's request; revocation may be gone afterwards. Takes out what it needs
 * of result. */
void broker_revoked(struct broker *broker, struct revocation *revocation,
	struct grant_result *result, int64_t now_ms);

/* Answers those whose deadline has come, lets tokens pass, starts what is due. Returns when to come
 * again; INT64_MAX: no need. */
int64_t broker_tick(struct broker *broker, int64_t now_ms);

/* What broker_tick() said, or sooner if something was asked since. */
int64_t broker_next(const struct broker *broker);

/* The wall clock was set forward by step_ms: tokens that have expired by it are not handed out any
 * more. */
void broker_wall_stepped(struct broker *broker, int64_t step_ms, int64_t now_ms);

/* Answers all with OUTCOME_SHUTTING_DOWN and starts nothing any more; tokens that are there are
 * still handed out. What is in flight is cancelled, but for attempts that may bring a refresh
 * token. */
void broker_shutdown(struct broker *broker);

/* Whether attempts or revocations are in flight. */
bool broker_is_busy(const struct broker *broker);

struct broker_counters broker_counters(const struct broker *broker);
