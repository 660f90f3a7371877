/*
 * A device authorization (RFC 8628): the codes with which somebody signs in elsewhere, and when the
 * login server is asked next whether they have. It does not know who waits for that, nor HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "grant.h"
#include "grant_device.h"

struct code;
struct profile;
struct secret;
struct settings;

enum {
	DEVICE_INTERVAL_MS = 5 * 1000, /* between two polls, where the server does not say it */
	DEVICE_INTERVAL_MIN_MS = 1000, /* a shorter one counts as this, and a longer one as that: */
	DEVICE_INTERVAL_MAX_MS = 5 * 60 * 1000,
	DEVICE_SLOW_DOWN_MS = 5 * 1000,          /* what slow_down adds to it */
	DEVICE_RETRY_MAX_MS = 60 * 1000,         /* to which it is doubled while no word comes */
	DEVICE_LIFETIME_MAX_MS = 60 * 60 * 1000, /* of the codes; a longer one counts as this */
	DEVICE_LEASE_MS = 30 * 1000,             /* how long it goes on with nobody who waits */
	DEVICE_MEMORY_MS = 60 * 1000,            /* how long its end can be asked for */
};

enum device_step {
	DEVICE_ASKING,  /* the server is asked for the codes */
	DEVICE_PENDING, /* somebody is to sign in with them */
	DEVICE_DUE,     /* the server is to be asked whether they have */
	DEVICE_POLLING, /* it is */
	DEVICE_ENDED,
};

struct device {
	struct profile *profile;   /* whose owner this is */
	struct settings *settings; /* a reference: what the codes are asked for with */
	enum device_step step;
	struct grant_device_codes codes; /* once they have come */
	int64_t began_ms, expires_ms, interval_ms;
	int64_t poll_ms;  /* with DEVICE_PENDING: when the server is asked next */
	unsigned unheard; /* polls in a row that brought no word */
	int64_t lease_ms; /* until when it goes on with nobody who waits; at its end: until when it
			     is remembered */
	/* with DEVICE_ENDED */
	enum grant_verdict verdict;
	char message[GRANT_MESSAGE_SIZE]; /* why there is no token, a sentence */
	int64_t again_ms;                 /* when another one may begin */
	/* of the request for the codes */
	struct secret *client_assertion; /* owned; made for it alone, NULL: none was */
	void *context;                   /* the owner's */
	void *transfer;                  /* whatever the HTTP side wants to remember */
};

/* NULL when there is no memory. Takes a reference of the settings. */
struct device *device_new(struct settings *settings, int64_t now_ms);

/* Nothing of it is on its way any more. Takes NULL. */
void device_free(struct device *device);

/* Whether it is of this user code. */
bool device_is(const struct device *device, const char *user_code);

/* Somebody asks about it. */
void device_hold(struct device *device, int64_t now_ms);

/* Nobody does any more. */
void device_release(struct device *device);

/* What came of the request for the codes, which are in their place with GRANT_GRANTED. */
void device_answered(struct device *device, const struct grant_result *result, int64_t now_ms);

/* The server is to be asked: the device code on its way, the caller's. NULL when there is no
 * memory; it is put off then. */
struct code *device_poll(struct device *device, int64_t now_ms);

/* It is asked now. */
void device_sent(struct device *device);

/*
 * What the server said (section 3.5), or that nothing came. True: somebody is still to sign in.
 * False: it has ended with this result, whose message may be a better one now, or, with
 * GRANT_GRANTED, is about to.
 */
bool device_polled(struct device *device, struct grant_result *result, int64_t now_ms);

/* The server could not be asked. */
void device_postpone(struct device *device, int64_t retry_after_ms, int64_t now_ms);

/* Ends it. message: NULL with GRANT_GRANTED. */
void device_end(
	struct device *device, enum grant_verdict verdict, const char *message, int64_t now_ms);

/* Why it ends by itself, a sentence; false: it does not, yet. held: somebody waits for it. */
bool device_is_over(
	const struct device *device, bool held, int64_t now_ms, char why[GRANT_MESSAGE_SIZE]);

/* Whether it can be forgotten. */
bool device_is_past(const struct device *device, int64_t now_ms);

/* Another daemon goes on with it. */
void device_resume(struct device *device, int64_t now_ms);

/* When something has to be done; INT64_MAX: when an answer comes. */
int64_t device_next(const struct device *device, bool held);
