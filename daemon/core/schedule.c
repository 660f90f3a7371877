#include "schedule.h"

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* From -span to span. */
static int64_t jitter(int64_t span, uint32_t random)
{
	return (int64_t)((2 * (uint64_t)span + 1) * random >> 32) - span;
}

int64_t schedule_margin(int64_t lifetime_ms)
{
	return min64(SCHEDULE_MARGIN_MS, lifetime_ms * SCHEDULE_MARGIN_PERCENT / 100);
}

int64_t schedule_refresh(int64_t lifetime_ms, int64_t refresh_in_ms, uint32_t random)
{
	int64_t point = lifetime_ms * SCHEDULE_REFRESH_PERCENT / 100;
	int64_t latest = lifetime_ms - schedule_margin(lifetime_ms);

	if (refresh_in_ms > 0) {
		point = refresh_in_ms;
	}
	point += jitter(lifetime_ms * SCHEDULE_REFRESH_JITTER_PERCENT / 100, random);
	return max64(0, min64(point, latest));
}

int64_t schedule_retry(unsigned failures, int64_t retry_after_ms, uint32_t random)
{
	int64_t wait = SCHEDULE_BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < failures && wait < SCHEDULE_BACKOFF_MAX_MS; i++) {
		wait *= 2;
	}
	wait = min64(wait, SCHEDULE_BACKOFF_MAX_MS);
	wait += jitter(wait * SCHEDULE_BACKOFF_JITTER_PERCENT / 100, random);
	return max64(wait, min64(retry_after_ms, SCHEDULE_RETRY_AFTER_MAX_MS));
}

int64_t schedule_spread(size_t index, size_t n)
{
	int64_t span = min64(SCHEDULE_SPREAD_MAX_MS, (int64_t)n * SCHEDULE_SPREAD_STEP_MS);

	return n > 0 ? span * (int64_t)index / (int64_t)n : 0;
}
