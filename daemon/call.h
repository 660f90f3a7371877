/*
 * One request on its way through the daemon: what it says, who sent it, and how it is answered, now
 * or when a flight has ended. It does not know which endpoints there are, nor sockets, files or
 * HTTP; it reaches its connection and its daemon through function pointers.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/access.h"
#include "core/audit.h"
#include "core/profile_set.h"
#include "core/waiter.h"
#include "proto/error.h"

struct access_rules;
struct authorize_random;
struct broker;
struct endpoint;
struct events;
struct parameter;
struct payload;
struct pending;
struct profile;
struct providers;
struct quota;
struct quota_user;
struct request;
struct session;
struct subscription;

/* How answers leave. None of them may free the session. */
struct session_ops {
	/* A line: head_len bytes of the asker's own, then the payload; both are borrowed. */
	void (*answer)(struct session *session, const char *head, size_t head_len,
		struct payload *payload);
	/* A request will be answered later (1), or was (-1). */
	void (*pending)(struct session *session, int change);
	/* Looks who.unit up, where that was not done yet. */
	void (*find_unit)(struct session *session);
	/* Closes the connection, behind what it takes without waiting; the session ends later. */
	void (*close)(struct session *session);
	/* How many bytes of answers are out and have not left. */
	size_t (*unread)(const struct session *session);
	/* Takes back what has not begun to leave, and closes the connection behind what has, and
	 * behind what is put out from now on. */
	void (*dismiss)(struct session *session);
	/* Whether nobody is there any more, which the session may not have been told yet. */
	bool (*gone)(const struct session *session);
};

/* Somebody who is told when a session ends. */
struct session_tie {
	LIST_ENTRY(session_tie) link;
	void (*ended)(struct session_tie *tie); /* it is untied by then */
};

/* One connection, as seen from here. Embedded by its owner. */
struct session {
	const struct session_ops *ops;
	struct access_subject who;
	struct quota_user *user;
	char *own_profile;            /* owned; the profile whose auth_provider_command this is,
					 NULL: it came by itself */
	LIST_HEAD(, pending) waiting; /* requests that will be answered later */
	LIST_HEAD(, session_tie) ties;
	struct profile_set seen;           /* the profiles whose tokens it was given */
	struct subscription *subscription; /* of events.h; NULL: none */
};

void session_init(struct session *session, const struct session_ops *ops,
	const struct access_subject *who, struct quota_user *user);

/* Forgets what it waits for, and tells those who are tied to it. */
void session_done(struct session *session);

/* Whether a request of it will be answered later. */
bool session_waits(const struct session *session);

/* The tie is its owner's. */
void session_tie(struct session *session, struct session_tie *tie);
void session_untie(struct session_tie *tie);

/* Sends a line that answers no request; all is borrowed. */
void session_send(struct session *session, const char *head, struct payload *payload);

/* What the audit is to be told. All is borrowed. */
struct call_audit {
	enum audit_kind kind;
	struct session *session;
	const char *profile; /* NULL: it is about none */
	bool unknown;        /* there is no such profile */
	const char *endpoint;
};

/* What only the daemon can say or do. */
struct call_ops {
	/* Milliseconds from now_ms's scale to 1970's. */
	int64_t (*wall_offset)(void *context);
	/* Reads the configuration again. NULL: done; else why not, as written to the log; borrowed
	 * until the next. */
	const char *(*reload)(void *context);
	/* Why there is no configuration; NULL: there is one. Borrowed likewise. */
	const char *(*unconfigured)(void *context);
	/* The rules of [daemon] allow, or NULL. */
	const struct access_rules *(*rules)(void *context);
	const struct authorize_random *random;
	/* A token went to a connection that had none of this profile before, or something was
	 * denied. */
	void (*audit)(void *context, const struct call_audit *entry);
};

/* What all requests share; all but out_of_memory is borrowed. */
struct call_shared {
	struct broker *broker;
	struct quota *quota;
	struct providers *providers;
	struct events *events;
	const struct call_ops *ops;
	void *context;
	int64_t started_ms;
	unsigned rights;               /* on profiles, that there are endpoints for; a set */
	struct payload *out_of_memory; /* owned; what is answered when nothing can be rendered */
	uint64_t requests, tokens;     /* requests read; tokens handed out */
	uint64_t errors[ERROR_CODES];  /* answers by code */
};

enum call_type {
	CALL_NUMBER,
	CALL_STRING,
	CALL_BOOLEAN,
	CALL_STRINGS /* an array of them */,
	CALL_ANY /* which the endpoint judges */
};

/* symbol, name on the wire, type */
#define CALL_PARAMETERS(X)                                    \
	X(PROFILE, "profile", CALL_STRING)                    \
	X(MIN_VALIDITY, "minValidity", CALL_NUMBER)           \
	X(REJECTED_TOKEN, "rejectedToken", CALL_STRING)       \
	X(REDIRECT_URI, "redirectUri", CALL_STRING)           \
	X(STATE, "state", CALL_STRING)                        \
	X(CODE, "code", CALL_STRING)                          \
	X(CODE_VERIFIER, "codeVerifier", CALL_STRING)         \
	X(ID_TOKEN, "idToken", CALL_STRING)                   \
	X(NONCE, "nonce", CALL_STRING)                        \
	X(MAX_AGE, "maxAge", CALL_NUMBER)                     \
	X(ISS, "iss", CALL_STRING)                            \
	X(ERROR, "error", CALL_STRING)                        \
	X(ERROR_DESCRIPTION, "errorDescription", CALL_STRING) \
	X(TOKEN, "token", CALL_STRING)                        \
	X(EXPIRATION, "expiration", CALL_STRING)              \
	X(EXPIRES_IN, "expiresIn", CALL_NUMBER)               \
	X(UID, "uid", CALL_NUMBER)                            \
	X(GIDS, "gids", CALL_STRING)                          \
	X(UNIT, "unit", CALL_STRING)                          \
	X(COMMANDS, "commands", CALL_STRINGS)                 \
	X(EVENT, "event", CALL_STRING)                        \
	X(DATA, "data", CALL_ANY)                             \
	X(USER_CODE, "userCode", CALL_STRING)                 \
	X(PROFILES, "profiles", CALL_STRINGS)                 \
	X(EVENTS, "events", CALL_STRINGS)                     \
	X(WITH_TOKEN, "withToken", CALL_BOOLEAN)

enum call_parameter {
#define X(symbol, name, type) PARAMETER_##symbol,
	CALL_PARAMETERS(X)
#undef X
		PARAMETERS,
};

struct call {
	struct call_shared *shared;
	struct session *session;
	const struct request *request;
	const struct endpoint *endpoint;
	struct profile *profile; /* of endpoints that have one */
	int64_t now_ms;
	const struct parameter *given[PARAMETERS]; /* NULL: it is not there */
};

struct endpoint {
	const char *name;
	/* ACCESS_RIGHTS: open to all, or checked by the handler, as any is where no one profile is
	 * asked for */
	enum access_right right;
	unsigned parameters; /* which it takes, as bits */
	/* Whether the parameters are right, before access is looked at; else it has answered. NULL:
	 * there is nothing to check. */
	bool (*check)(struct call *call);
	void (*handle)(struct call *call);
};

/* What a parameter says; NULL where it is not there. */
const char *call_text(const struct call *call, enum call_parameter parameter);

/* The profile that is asked for, which need not be there; NULL where the endpoint takes none. */
const char *call_profile_name(const struct call *call);

/* The profile of that name, if the caller has any of the rights on it; else NULL, and access_denied
 * was answered. Those who are not privileged are not told whether it exists. */
struct profile *call_allowed_profile(const struct call *call, const char *name, unsigned rights);

/* Puts the profile that is asked for into the call. As call_allowed_profile(). */
bool call_find_profile(struct call *call, unsigned rights);

int64_t call_wall_offset(const struct call_shared *shared);

/* Answer, once for each call. call_fail() returns false. */
bool call_fail(const struct call *call, enum error_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void call_answer_data(const struct call *call, cJSON *data);

/* What the broker said: at once, or when that has come which it said to wait for. */
void call_answer_outcome(const struct call *call, const struct answer *outcome);

/* Whether the caller may wait; else it is told that too many of its requests do. */
bool call_may_wait(const struct call *call);

/* Answers before there is a call, or without one. payload is borrowed; NULL where there was no
 * memory to render one. */
void call_answer_error(struct call_shared *shared, struct session *session, const char *head,
	size_t head_len, enum error_code code, const char *text, int64_t retry_after_s);

/* A token of the profile goes to the session, by that endpoint: it is counted, and the audit told.
 */
void call_hands_out(struct call_shared *shared, struct session *session,
	const struct profile *profile, const char *endpoint);

/* The endpoint is denied to the session, for that profile, or NULL: for none in particular. The
 * audit is told. */
void call_denies(const struct call_shared *shared, struct session *session, const char *endpoint,
	const char *profile);

/* For broker_configure(): whether a waiter may still ask. */
bool call_may_still(const struct waiter *waiter);
