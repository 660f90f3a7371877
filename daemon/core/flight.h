/*
 * Attempts: what each sends, and the steps that keep a refresh token from being lost: it is noted
 * as sent before it goes, and a new one is durable before anybody gets the token that came with it.
 * It does not know who waits, nor when an attempt is due.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "event.h"
#include "grant.h"
#include "host.h"
#include "login.h"

struct code;
struct device;
struct errand;
struct flights;
struct profile;
struct revocation;
struct settings;
struct token;

enum attempt_step {
	ATTEMPT_NOTING,  /* that the refresh token is sent is being made durable */
	ATTEMPT_SENT,    /* the answer is waited for */
	ATTEMPT_KEEPING, /* what came back is being made durable */
};

/* One request to the token endpoint, from start to result. */
struct attempt {
	LIST_ENTRY(attempt) link;
	struct profile *profile;   /* NULL: it is gone, or is another by now */
	struct settings *settings; /* a reference: what it is sent with */
	struct host *host;
	enum attempt_step step;
	struct secret *refresh_token;    /* owned; sent, NULL: none is */
	bool resent;                     /* it was sent before, and the answer was lost */
	struct code *code;               /* owned; sent, NULL: none is */
	struct secret *client_assertion; /* owned; made for it alone, NULL: none was */
	bool stale;                      /* its token is not handed out */
	bool abandoned;                  /* what it brings is revoked: there was a logout */
	struct login login;         /* owned; what it started from, where its profile is gone */
	struct grant_result result; /* with ATTEMPT_KEEPING */
	int64_t sent_ms;
	void *context;  /* the owner's */
	void *transfer; /* whatever the HTTP side wants to remember */
	void *write;    /* whatever the state side wants to remember */
};

/* The world, as the broker sees it. */
struct broker_ops {
	/* Reads again what secrets of the settings stand in files. False with a sentence when one
	 * that is needed cannot be had. */
	bool (*prepare)(void *context, struct settings *settings, char why[GRANT_MESSAGE_SIZE]);
	/* Whether another secret stands in such a file than was read last. */
	bool (*renewed)(void *context, const struct settings *settings);
	/* Sends the request; its result comes by broker_finish(), at once or later. */
	void (*start)(void *context, struct attempt *attempt);
	/*
	 * Makes login durable for settings, and with persist_tokens the token too unless it is
	 * NULL; all is borrowed for the call. With an attempt the end is told by broker_stored(),
	 * at once or later; without one nobody waits for it. Stores of one profile keep their
	 * order.
	 */
	void (*store)(void *context, struct attempt *attempt, const struct settings *settings,
		const struct login *login, const struct token *token);
	/* Reads back what was stored for settings: a login that is empty where there is none, and
	 * with persist_tokens a token or NULL. False with a sentence when it cannot be read. */
	bool (*load)(void *context, const struct settings *settings, struct login *ret_login,
		struct token **ret_token, char why[GRANT_MESSAGE_SIZE]);
	/* The hash by which a seed is known again. False when there is no memory. */
	bool (*hash)(void *context, const struct secret *seed, char ret_hash[LOGIN_HASH_SIZE]);
	/* No result of start() or store() is wanted any more. The attempt is freed afterwards. */
	void (*cancel)(void *context, struct attempt *attempt);
	/* An attempt has ended, and its profile (NULL: it has none) shows it; to be logged. */
	void (*ended)(
		void *context, const struct attempt *attempt, const struct grant_result *result);
	/* Asks the profile's provider for something; what comes of it is told by
	 * broker_provided(), later. */
	void (*ask)(void *context, struct errand *errand);
	/* No answer of it is wanted any more. */
	void (*unask)(void *context, struct errand *errand);
	/* Asks the login server for the codes of a device authorization; what comes of it is told
	 * by broker_device_answered(), at once or later. */
	void (*ask_device)(void *context, struct device *device);
	/* No answer to that is wanted any more. */
	void (*unask_device)(void *context, struct device *device);
	/* A provider has not done what it was asked for, and is asked for nothing more, or nobody
	 * has signed in with the codes of a device authorization; to be logged. */
	void (*declined)(void *context, const struct profile *profile, const char *why);
	/* Something that others may want to hear of has happened to a profile, which shows it.
	 * error is borrowed, NULL: nothing went wrong. */
	void (*news)(void *context, const struct profile *profile, enum event_kind kind,
		const struct event_error *error);
	/* Sends what is to be sent in the step of a revocation; its result comes by
	 * broker_revoked(), at once or later. */
	void (*revoke)(void *context, struct revocation *revocation);
	/* Makes login, which says that somebody has logged out, durable; its end is told by
	 * broker_noted(), at once or later. Keeps its order among the stores. */
	void (*note)(void *context, struct revocation *revocation, const struct login *login);
	/* No result of revoke() or note() is wanted any more. */
	void (*leave)(void *context, struct revocation *revocation);
	/* A revocation has ended; to be logged. */
	void (*left)(void *context, const struct revocation *revocation);
	/* Uniform over uint32_t. */
	uint32_t (*random)(void *context);
};

struct flights {
	const struct broker_ops *ops;
	void *context;
	/* An attempt has come to its result; it is freed afterwards. Takes result->token out. */
	void (*concluded)(
		void *owner, struct attempt *attempt, struct grant_result *result, int64_t now_ms);
	void *owner;
	struct host_list hosts;
	LIST_HEAD(, attempt) list;
	uint64_t n_sent;
};

/* Starts an attempt of a profile that has none; false when there is no memory for it. Its
 * credentials are read and chosen now. */
bool flight_start(struct flights *flights, struct profile *profile, int64_t now_ms);

/* The answer is there. Takes out what it needs of result. */
void flight_finish(struct flights *flights, struct attempt *attempt, struct grant_result *result,
	int64_t now_ms);

/* What ops->store() began has ended; why is NULL when it is durable. */
void flight_stored(
	struct flights *flights, struct attempt *attempt, const char *why, int64_t now_ms);

/* An attempt whose profile is gone has concluded: its refresh token is kept for the day that the
 * profile comes back. */
void flight_keep_of_gone(
	struct flights *flights, struct attempt *attempt, struct grant_result *result);

/* Reads back what was stored of a profile's login, unless that was done, and of its token where
 * somebody wants that (ret_token is not NULL; it stays as it is where there is none). False with a
 * sentence when it cannot be read. */
bool flight_recall(struct flights *flights, struct profile *profile, struct token **ret_token,
	char why[GRANT_MESSAGE_SIZE]);

/* Makes durable what a profile is now, where it is to outlive the daemon; nobody waits for it. */
void flight_store(struct flights *flights, const struct profile *profile);

/* Drops the profile's attempt; one that may bring a refresh token goes on, and its token will not
 * be handed out. */
void flight_disown(struct flights *flights, struct profile *profile);

/* Makes durable whether a profile is logged out, also where nothing else of it is to outlive the
 * daemon; nobody waits for it. */
void flight_note(struct flights *flights, const struct profile *profile);

/* There was a logout: drops the profile's attempt, or, where an answer may still come, lets it go
 * on without the profile, to be revoked. */
void flight_abandon(struct flights *flights, struct profile *profile);

/* The profile goes, or becomes another: its attempt is dropped, or goes on without it. */
void flight_detach(struct flights *flights, struct profile *profile);

/* Gives a profile the attempt that it left behind, if there is one and it is still the same
 * session. */
void flight_attach(struct flights *flights, struct profile *profile);

/* Nothing of a profile's device authorization is on its way any more. */
void flight_stop_device(struct flights *flights, struct profile *profile);

/* The profile has none any more. */
void flight_drop_device(struct flights *flights, struct profile *profile);

/* Drops all but those that may bring a refresh token. */
void flight_shutdown(struct flights *flights);

/* Drops all. */
void flight_drop_all(struct flights *flights);
