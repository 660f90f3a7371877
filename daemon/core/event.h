/*
 * What happens to profiles that others may want to hear of: the kinds, and what is told of a
 * failure. It does not know who listens, nor how it is told.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "grant.h"

/* symbol, name on the wire */
#define EVENT_LIST(X)                                                                           \
	X(TOKEN_REFRESHED, "tokenRefreshed") /* there is a new token, wherever it came from */  \
	X(REFRESH_FAILED, "refreshFailed")   /* an attempt brought none */                      \
	X(LOGIN_REQUIRED, "loginRequired")   /* nor can the next one: somebody has to act */    \
	X(SIGNED_IN, "signedIn")             /* what a sign-in brought was exchanged */         \
	X(SIGN_IN_FAILED, "signInFailed")    /* it was not, or none came of it */               \
	X(LOGGED_OUT, "Auth.loggedOut")      /* the login is gone by request */                 \
	X(AUTH_ERROR, "Auth.authError")      /* all that a provider can do was done, in vain */ \
	X(CONFIG_RELOADED, "configReloaded") /* is about no profile */

enum event_kind {
#define X(symbol, name) EVENT_##symbol,
	EVENT_LIST(X)
#undef X
		EVENT_KINDS,
};

/* What went wrong. All is borrowed; NULL: not known. */
struct event_error {
	enum grant_verdict verdict; /* none that is granted */
	const char *message, *upstream_error, *correlation_id;
};

/* "tokenRefreshed" and so on. */
const char *event_kind_name(enum event_kind kind);

/* False when there is none of that name. */
bool event_kind_find(const char *name, enum event_kind *ret_kind);
