/*
 * Tells how attempts have ended: to the log, and as the events that this is to those who listen. It
 * does not know who that is.
 */
#pragma once

struct attempt;
struct flights;
struct grant_result;
struct profile;

/* An attempt has ended, and its profile, if it has one, shows it. */
void tell_ended(const struct flights *flights, const struct attempt *attempt,
	const struct grant_result *result);

/* An attempt that was sent has failed, and what to send next is being asked for: its profile is not
 * settled yet. */
void tell_refused(const struct flights *flights, const struct attempt *attempt,
	const struct grant_result *result);

/* A profile has a new token; which a sign-in has brought. */
void tell_token(const struct flights *flights, const struct profile *profile);
void tell_signed_in(const struct flights *flights, const struct profile *profile);

/* The login of a profile is gone by request. */
void tell_logged_out(const struct flights *flights, const struct profile *profile);

/* The profile was changed, and with that a sign-in that was under way has ended. */
void tell_sign_in_overtaken(const struct flights *flights, const struct profile *profile);

/* Nobody has signed in at a profile's provider; it was asked for all that it can do, in vain;
 * nobody was signed in there. why is a sentence. */
void tell_signed_out(const struct flights *flights, const struct profile *profile, const char *why);
void tell_given_up(const struct flights *flights, const struct profile *profile, const char *why);
void tell_sign_in_failed(
	const struct flights *flights, const struct profile *profile, const char *why);

/* The login server has sent the browser back with an error. why is a sentence, upstream_error what
 * it says. */
void tell_sign_in_refused(const struct flights *flights, const struct profile *profile,
	const char *why, const char *upstream_error);
