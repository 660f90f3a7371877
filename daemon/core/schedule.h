/*
 * When: how long a token is handed out, when it is renewed, and when to try again. Numbers go in
 * and come out. It does not know profiles. Every random is uniform over uint32_t.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	SCHEDULE_MARGIN_MS = 10 * 1000,      /* a token with less left is not handed out */
	SCHEDULE_MARGIN_PERCENT = 10,        /* nor is the margin more than this of its lifetime */
	SCHEDULE_REFRESH_PERCENT = 75,       /* of the lifetime */
	SCHEDULE_REFRESH_JITTER_PERCENT = 5, /* of the lifetime, either way */
	SCHEDULE_BACKOFF_FIRST_MS = 1000,    /* doubled at each failure */
	SCHEDULE_BACKOFF_MAX_MS = 60 * 1000,
	SCHEDULE_BACKOFF_JITTER_PERCENT = 20,
	SCHEDULE_RETRY_AFTER_MAX_MS = 180 * 1000, /* what a server may make us wait */
	SCHEDULE_REJECTED_RETRY_MS = 300 * 1000,  /* after a permanent verdict */
	SCHEDULE_ATTEMPT_GAP_MS = 1000, /* between the starts of two attempts of a profile */
	SCHEDULE_SPREAD_STEP_MS = 20,   /* a profile at start */
	SCHEDULE_SPREAD_MAX_MS = 5000,  /* all profiles at start */
};

/* How much of its lifetime a token has to have left to be handed out. */
int64_t schedule_margin(int64_t lifetime_ms);

/* When to renew, counted from the sending of the request. refresh_in_ms: the server's word, 0 where
 * it gave none. */
int64_t schedule_refresh(int64_t lifetime_ms, int64_t refresh_in_ms, uint32_t random);

/* How long to wait after the n-th temporary failure in a row (n ≥ 1). retry_after_ms: the server's
 * word, 0 for none. */
int64_t schedule_retry(unsigned failures, int64_t retry_after_ms, uint32_t random);

/* How long the index-th of n profiles waits at start. */
int64_t schedule_spread(size_t index, size_t n);
