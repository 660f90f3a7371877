/*
 * Puts tokens in place that were not got here: those of auth.setAccessToken, and those that a
 * browser brought back (grant implicit). It does not know who may bring them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct call;

/* Whether the token is right, and says until when it is valid: in one way, or, if it need not, in
 * none; else it has answered. */
bool plant_check(const struct call *call, bool needs_expiry);

/* What is left of the token's life by the call, else by the profile's default_lifetime. False after
 * it has answered that this is too little, or not known. */
bool plant_lifetime(const struct call *call, int64_t *ret_ms);

/* Puts the token in place, which ends a sign-in or not, and answers. */
void plant(const struct call *call, int64_t lifetime_ms, bool signs_in);

/* auth.setAccessToken */
bool plant_check_access_token(struct call *call);
void plant_access_token(struct call *call);
