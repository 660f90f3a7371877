/*
 * The plugins that sign in for profiles: which connection is the provider of which, what it was
 * told to do, and what it answers. It does not know in which order providers are asked, nor how a
 * plugin is started.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/message.h"

struct answered;
struct broker;
struct errand;
struct profile;
struct providers;
struct session;

enum {
	PROVIDERS_READY_MS = 10 * 1000,  /* from the registration until it is ready */
	PROVIDERS_LINGER_MS = 10 * 1000, /* that one that was started is kept when all is done */
	PROVIDERS_WHY_SIZE = 256,
};

struct providers_ops {
	int64_t (*now)(void *context);
	/* Starts the profile's auth_provider_command, which is to register on the session; NULL
	 * with a clause that says why it cannot be. */
	struct session *(*start)(
		void *context, const struct profile *profile, char why[PROVIDERS_WHY_SIZE]);
	/* Ends what start() began, and its session with it, later. */
	void (*end)(void *context, struct session *session);
	/* Something was told to the broker outside of a request. */
	void (*changed)(void *context);
	/* For the log: "is the provider of this profile" and so on. */
	void (*told)(void *context, const struct session *session, const char *profile,
		const char *what);
};

/* NULL when there is no memory. All is borrowed. */
struct providers *providers_new(
	struct broker *broker, const struct providers_ops *ops, void *context);

/* All sessions have ended; takes NULL. */
void providers_free(struct providers *providers);

/* broker_ops.ask() and unask(). */
void providers_ask(struct providers *providers, struct errand *errand);
void providers_unask(struct providers *providers, struct errand *errand);

enum providers_answer {
	PROVIDERS_TAKEN,
	PROVIDERS_USELESS, /* the command is done with it, but not well */
	PROVIDERS_STRAY,   /* no command waits for it from there */
};

/* Takes an answer. The text says why, unless it is PROVIDERS_TAKEN. */
enum providers_answer providers_answer(struct providers *providers, const struct session *session,
	const struct answered *answered, char why[PROVIDERS_WHY_SIZE]);

/* There is another configuration: those who may not any more are providers no more. */
void providers_judge(struct providers *providers);

/* Ends what was not done in time; providers_next() says when there is something to do, INT64_MAX:
 * never. */
void providers_tick(struct providers *providers, int64_t now_ms);
int64_t providers_next(const struct providers *providers);

/* Somebody is about to become the profile's provider: it may be the one there was, whose old
 * connection has ended before the loop has come to it. */
void providers_notice(struct providers *providers, const struct profile *profile);

/* The session that is the profile's provider, or, when it has not registered yet, was started to
 * become it; NULL: there is none. */
struct session *providers_session(
	const struct providers *providers, const struct profile *profile, bool *ret_registered);

/* Makes a session the provider of a profile that has none, or none but this; errands is what it can
 * do, a set of 1 << enum errand_kind. False when there is no memory. */
bool providers_register(struct providers *providers, const struct profile *profile,
	struct session *session, unsigned errands);

/* The profile's provider, which has registered, can be told what to do. */
void providers_ready(struct providers *providers, struct profile *profile);

/* Whether the profile's provider is known not to have signIn. */
bool providers_lacks_sign_in(const struct providers *providers, const struct profile *profile);
