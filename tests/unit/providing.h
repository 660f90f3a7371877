/*
 * A profile in the broker's world that has a provider, and what is expected of the two. It does not
 * know what a provider does.
 */
#pragma once

#include "world.h"

/* Settings of that grant for a profile "p", and the profile they make. */
struct settings *providing_settings(const char *grant);
struct profile *providing_configured(struct settings *settings);

/* Its provider is ready; is gone. */
void providing_come(struct profile *profile);
void providing_leave(struct profile *profile);

/* A world in which the provider was there before the profile was first asked; it is asked for a
 * code now. */
struct profile *providing_asked(const char *grant);

/* The same, later: with a token "t1" of an hour and a refresh token "r1". */
struct profile *providing_fresh(void);

/* The code or assertion that is being exchanged. */
const char *providing_sent(void);

/* The only attempt ends with the code, assertion or refresh token refused. */
void providing_refuse(void);

/* Time goes on until a token request may be sent. */
void providing_pass_gap(void);

/* How often it was asked for each, and each was told, since the world began. */
void providing_expect_asks(unsigned codes, unsigned reauthentications, unsigned sign_ins);
void providing_expect_news(unsigned signed_in, unsigned failed, unsigned needed);

/* Nothing is asked of it now. */
void providing_expect_idle(void);

/* The order has ended without a code; and after all of it was done, in vain. */
void providing_expect_ended(const struct profile *profile, const char *why);
void providing_expect_given_up(const struct profile *profile, const char *why);
