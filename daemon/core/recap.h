/*
 * How a profile is, told as the events that led to it. It does not know who is told.
 */
#pragma once

#include "event.h"

struct profile;

enum { RECAP_MAX = 3 /* events that one state takes */ };

/* Writes them in the order in which they came; returns how many there are. What the error says is
 * the profile's. */
unsigned recap(const struct profile *profile, enum event_kind ret_kinds[RECAP_MAX],
	struct event_error *ret_error);
