/*
 * Sign-ins that tests of the broker begin for a person who is elsewhere. It does not know how they
 * end.
 */
#pragma once

#include <stdbool.h>

#include "world.h"

/* Codes for another device have come, and the caller waits for the end. */
void sign_ins_elsewhere(struct caller *caller, struct profile *profile);

/* A browser is sent off; and whether what it brings back would be taken. */
void sign_ins_browser(struct profile *profile);
bool sign_ins_browser_may_return(struct profile *profile);
