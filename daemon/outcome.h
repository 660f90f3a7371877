/*
 * How the broker's outcomes and verdicts are told on the wire: code, sentence, seconds.
 * It does not know who asked.
 */
#pragma once

#include "core/grant.h"
#include "core/waiter.h"
#include "proto/error.h"

struct payload;

enum error_code outcome_of_verdict(enum grant_verdict verdict);

/* For an outcome that is neither a token nor to wait. */
enum error_code outcome_code(enum outcome outcome);

/* The tail of an error reply, the caller's, for an outcome that is neither a token nor to wait.
 * NULL when there is no memory. */
struct payload *outcome_payload(const struct answer *answer);
