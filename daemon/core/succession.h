/*
 * What profiles keep when a configuration takes the place of another: token, login and flight where
 * they are still the same ones. It does not know who waits.
 */
#pragma once

#include <stdint.h>

struct flights;
struct roster;

/* Moves the profiles that stay from the old roster to the new one, with their new settings, and
 * says when the others are to start. Those of the old one that go are left to the caller. */
void succession(struct flights *flights, struct roster *old, struct roster *roster, int64_t now_ms);
