#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"

struct world world;

static void start(void *context, struct attempt *attempt)
{
	ck_assert_uint_lt(world.started, WORLD_ATTEMPTS_MAX);
	world.started_ms[world.started++] = world.now_ms;
	world.in_flight[world.n_in_flight++] = attempt;
	if (world.n_in_flight > world.most_in_flight) {
		world.most_in_flight = world.n_in_flight;
	}
	if (world.on_start) {
		world.on_start(attempt);
	}
}

static void land(struct attempt *attempt)
{
	for (unsigned i = 0; i < world.n_in_flight; i++) {
		if (world.in_flight[i] == attempt) {
			world.in_flight[i] = world.in_flight[--world.n_in_flight];
			return;
		}
	}
	ck_abort_msg("an attempt ended that was not in flight");
}

static void cancel(void *context, struct attempt *attempt)
{
	world.cancelled++;
	land(attempt);
}

static uint32_t chance(void *context)
{
	return world.random;
}

static const struct broker_ops ops = {start, cancel, chance};

static bool may_still(void *context, const struct waiter *waiter)
{
	return !world.may_still || world.may_still(waiter);
}

void world_begin(int64_t now_ms)
{
	world = (struct world){.now_ms = now_ms, .random = UINT32_MAX / 2};
	world.broker = broker_new(&ops, NULL);
}

void world_end(void)
{
	broker_shutdown(world.broker);
	broker_free(world.broker);
}

void world_configure(struct settings **settings, size_t n)
{
	ck_assert_int_eq(broker_configure(world.broker, settings, n, may_still, world.now_ms), 0);
	world_settle();
}

struct profile *world_profile(const char *name)
{
	struct settings *settings = fixture_settings(name);

	world_configure(&settings, 1);
	return broker_find(world.broker, name);
}

void world_settle(void)
{
	for (int i = 0; broker_next(world.broker) <= world.now_ms; i++) {
		ck_assert_msg(i < 10000, "the broker wants to be woken for ever");
		broker_tick(world.broker, world.now_ms);
	}
}

void world_run_until(int64_t now_ms)
{
	world_settle();
	while (broker_next(world.broker) <= now_ms) {
		world.now_ms = broker_next(world.broker);
		world_settle();
	}
	world.now_ms = now_ms;
}

static void take_answer(struct caller *caller, const struct answer *answer)
{
	caller->waits = false;
	caller->answers++;
	caller->outcome = answer->outcome;
	caller->answered_ms = world.now_ms;
	caller->retry_after_ms = answer->retry_after_ms;
	snprintf(caller->text, sizeof(caller->text), "%s", answer->text ? answer->text : "");
	snprintf(caller->token, sizeof(caller->token), "%s",
		answer->token ? secret_reveal(answer->token->value) : "");
	if (answer->outcome == OUTCOME_TOKEN) {
		/* The first promise, checked at each answer of each test. */
		ck_assert(token_usable(answer->token, world.now_ms));
	}
}

static void done(struct waiter *waiter, const struct answer *answer)
{
	take_answer((struct caller *)waiter, answer);
}

static void wait_if_told(struct caller *caller, struct profile *profile, struct answer answer)
{
	if (answer.outcome == OUTCOME_WAITS) {
		caller->waits = true;
		caller->waiter.done = done;
		broker_wait(world.broker, profile, answer.kind, &caller->waiter, world.now_ms);
	} else {
		take_answer(caller, &answer);
	}
	world_settle();
}

void caller_get(struct caller *caller, struct profile *profile, int64_t min_validity_ms,
	const char *rejected)
{
	struct broker_want want = {
		.min_validity_ms = min_validity_ms,
		.rejected = rejected,
		.rejected_len = rejected ? strlen(rejected) : 0,
	};

	*caller = (struct caller){0};
	wait_if_told(caller, profile, broker_get(world.broker, profile, &want, world.now_ms));
}

void caller_refresh(struct caller *caller, struct profile *profile)
{
	*caller = (struct caller){0};
	wait_if_told(caller, profile, broker_refresh(world.broker, profile, world.now_ms));
}

void world_grant(struct attempt *attempt, const char *token, int64_t lifetime_ms)
{
	struct grant_result result = {.verdict = GRANT_GRANTED, .status = 200};

	result.token = token_new(secret_new(token, strlen(token)), attempt->sent_ms, lifetime_ms);
	land(attempt);
	broker_finish(world.broker, attempt, &result, world.now_ms);
	grant_result_done(&result);
	if (!world.on_start) {
		world_settle();
	}
}

void world_fail(struct attempt *attempt, enum grant_verdict verdict, int64_t retry_after_ms)
{
	struct grant_result result = {.retry_after_ms = retry_after_ms, .status = 500};

	grant_fail(&result, verdict, "it failed");
	land(attempt);
	broker_finish(world.broker, attempt, &result, world.now_ms);
	if (!world.on_start) {
		world_settle();
	}
}

struct attempt *world_attempt(void)
{
	ck_assert_uint_eq(world.n_in_flight, 1);
	return world.in_flight[0];
}
