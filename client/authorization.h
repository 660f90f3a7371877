/*
 * What is asked of the daemon for a sign-in with a browser: where the browser goes, and what to do
 * with what it came back with. It does not know how a browser gets there and back.
 */
#pragma once

#include "client/connection.h"
#include "client/redirect.h"
#include "proto/message.h"

/*
 * Asks whether a sign-in that this user begins may be ended by them, too, before anybody signs in
 * in vain. Returns an exit status; EXIT_STATUS_DONE also where the daemon does not tell.
 */
int authorization_check(struct connection *connection, const char *profile);

/*
 * auth.getAuthorizeUrl: redirect_uri and state NULL for the profile's and a random one. Returns an
 * exit status; if that is EXIT_STATUS_DONE, authorization_text() has "url", "state" and
 * "redirectUri".
 */
int authorization_begin(struct connection *connection, const char *profile,
	const char *redirect_uri, const char *state, struct reply *reply);

/* A text in such a reply. */
const char *authorization_text(const struct reply *reply, const char *name);

/* auth.authorize, redirect_uri as above. Where something else is in the way for a moment, tries
 * again as long as the connection's timeout lets it. Returns as ask_any() does. */
int authorization_bring(struct connection *connection, const char *profile,
	const char *redirect_uri, const char *state, const struct redirect *redirect,
	struct reply *reply);

/* Has the daemon forget a sign-in that nobody will end. */
void authorization_withdraw(struct connection *connection, const char *profile, const char *state);
