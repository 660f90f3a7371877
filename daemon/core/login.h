/*
 * What of a profile outlives the daemon: its refresh token, the seed that this came from, whether
 * it is on its way to the server, and that somebody has logged out. It does not know where that is
 * kept.
 */
#pragma once

#include <stdbool.h>

#include "text.h"

struct secret;

enum { LOGIN_HASH_SIZE = 64 + 1 /* SHA-256 in hexadecimal, and NUL */ };

struct login {
	struct secret *refresh_token;     /* owned; NULL: none, somebody has to sign in */
	char account[TEXT_UPSTREAM_SIZE]; /* who signed in last, for people; "": not known */
	char seed[LOGIN_HASH_SIZE]; /* hash of the last seed that was used, "": none was; it is
					 never used again */
	bool sending;    /* the refresh token was sent, or is about to be, and no answer came yet */
	bool logged_out; /* nothing is sent until somebody signs in, or asks for a token anew */
};

/* Empties it. */
void login_done(struct login *login);

/* Puts a refresh token in place, and takes it over; NULL: there is none any more. */
void login_set(struct login *login, struct secret *refresh_token);

/* Begins anew with a seed that has this hash. False when there is no memory. */
bool login_plant(struct login *login, const struct secret *seed, const char hash[LOGIN_HASH_SIZE]);
