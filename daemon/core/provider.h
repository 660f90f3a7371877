/*
 * The order in which a profile's provider, a plugin that signs in for it, is asked for what its
 * grant begins with: a table of steps and events. It does not know who the provider is, what it
 * brings, or how long it may take.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct profile;

/* What a provider can be asked for. */
enum errand_kind {
	ERRAND_CODE,           /* its latest code or assertion: getAuthCode */
	ERRAND_REAUTHENTICATE, /* to sign in anew: reAuthenticate; what that brings is asked for
				  afterwards */
	ERRAND_SIGN_IN,        /* to sign somebody in: signIn; brings a code too */
	ERRANDS,
};

/* "getAuthCode" and so on. */
const char *errand_name(enum errand_kind kind);

struct errand {
	enum errand_kind kind;
	struct profile *profile;
	bool asked;          /* it is under way, and an answer counts */
	int64_t deadline_ms; /* for its answer */
	void *delivery;      /* whatever the side that asks wants to remember */
};

enum provider_step {
	PROVIDER_IDLE,           /* nothing is wanted of it */
	PROVIDER_CODE,           /* it is asked for a code */
	PROVIDER_EXCHANGE,       /* which is on its way to the login server */
	PROVIDER_REAUTHENTICATE, /* it is asked to sign in anew */
	PROVIDER_RETURN,     /* it left to do so, and has until the same deadline to come back */
	PROVIDER_CODE_AGAIN, /* it is asked for the code that this brought */
	PROVIDER_EXCHANGE_AGAIN, /* which is on its way to the login server */
	PROVIDER_GIVEN_UP,       /* none of this helped */
	PROVIDER_SIGNED_OUT,     /* nobody has signed in there yet */
	PROVIDER_STEPS,
};

enum provider_event {
	PROVIDER_WANTED,        /* the profile has nothing to send */
	PROVIDER_DONE,          /* it did what it was asked for */
	PROVIDER_REFUSED,       /* it answered that it cannot, or nothing of use */
	PROVIDER_NOT_SIGNED_IN, /* likewise, of one that has signIn */
	PROVIDER_SILENT,        /* the deadline has come */
	PROVIDER_LEFT,
	PROVIDER_READY,        /* it is there, or again */
	PROVIDER_CODE_REFUSED, /* the login server does not take the code */
	PROVIDER_SETTLED,      /* the exchange ended with a token, or for another reason */
	PROVIDER_EVENTS,
};

/* The step that follows; the same one where the event changes nothing. */
enum provider_step provider_next(enum provider_step step, enum provider_event event);

/* Of a profile. */
struct provider {
	bool registered; /* it is connected, and ready */
	enum provider_step step;
	struct errand errand;  /* of the step */
	struct errand sign_in; /* beside whatever else happens */
	int64_t sign_in_ms;    /* when that was last asked for; INT64_MIN: never */
};

/* Whether the step is to ask it, and for what. */
bool provider_asks(enum provider_step step, enum errand_kind *ret_kind);

/* Whether an answer of it, or its return, is waited for before anything is sent. */
bool provider_is_busy(const struct provider *provider);

/* The next deadline; INT64_MAX: there is none. */
int64_t provider_deadline(const struct provider *provider);
