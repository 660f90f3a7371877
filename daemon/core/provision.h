/*
 * A profile's provider at work: has it asked in the order of provider.h, each time within the
 * deadline that the settings give. It does not know who waits for a token, nor how a provider is
 * reached.
 */
#pragma once

#include <stdint.h>

#include "provider.h"

struct flights;
struct profile;

/* Takes the order's next step, and asks what that is to ask. Returns the step. */
enum provider_step provision_step(struct flights *flights, struct profile *profile,
	enum provider_event event, int64_t now_ms);

/* Asks to have somebody sign in, unless that is under way. */
void provision_sign_in(struct flights *flights, struct profile *profile, int64_t now_ms);

/* Whoever signs in is not waited for any more. */
void provision_end_sign_in(struct flights *flights, struct profile *profile);

/* The order is over, since there is another way to a token. */
void provision_end_order(struct flights *flights, struct profile *profile);

/* Both. */
void provision_end(struct flights *flights, struct profile *profile);
