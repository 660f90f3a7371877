#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/answer.h"
#include "core/code.h"
#include "core/device.h"
#include "core/revocation.h"
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
	if (attempt->step == ATTEMPT_SENT) {
		world.cancelled++;
		land(attempt);
		return;
	}
	for (unsigned i = 0; i < world.n_writing; i++) {
		if (world.writing[i] == attempt) {
			world.writing[i] = world.writing[--world.n_writing];
		}
	}
}

static bool prepare(void *context, struct settings *settings, char why[GRANT_MESSAGE_SIZE])
{
	snprintf(why, GRANT_MESSAGE_SIZE, "%s", world.unprepared ? world.unprepared : "");
	return !world.unprepared;
}

static bool renewed(void *context, const struct settings *settings)
{
	return world.renewed;
}

/* ---- the disk */

/* NULL: there is none, and no room for one. */
static struct record *find_record(const char *profile)
{
	struct record *record = world.records;

	while (record < world.records + WORLD_RECORDS_MAX && record->profile[0] != '\0' &&
		strcmp(record->profile, profile) != 0) {
		record++;
	}
	return record < world.records + WORLD_RECORDS_MAX ? record : NULL;
}

struct record *world_record(const char *profile)
{
	struct record *record = find_record(profile);

	ck_assert_ptr_nonnull(record);
	return record;
}

static void write_text(char dst[WORLD_TEXT_SIZE], const struct secret *secret)
{
	snprintf(dst, WORLD_TEXT_SIZE, "%s", secret ? secret_reveal(secret) : "");
}

static void write_record(
	const struct settings *settings, const struct login *login, const struct token *token)
{
	struct record *record = world_record(settings->name);

	snprintf(record->profile, sizeof(record->profile), "%s", settings->name);
	record->logged_out = login->logged_out;
	snprintf(record->token_url, sizeof(record->token_url), "%s", settings->token_url);
	write_text(record->refresh_token, login->refresh_token);
	memcpy(record->seed, login->seed, sizeof(record->seed));
	record->sending = login->sending;
	record->token[0] = '\0';
	if (token && settings->persist_tokens) {
		write_text(record->token, token->value);
		record->sent_ms = token->sent_ms;
		record->lifetime_ms = token->lifetime_ms;
	}
	record->writes++;
}

static void store(void *context, struct attempt *attempt, const struct settings *settings,
	const struct login *login, const struct token *token)
{
	if (!world.disk_error) {
		write_record(settings, login, token);
	}
	if (attempt && world.disk_is_slow) {
		world.writing[world.n_writing++] = attempt;
		world.writing_error = world.disk_error;
	} else if (attempt) {
		broker_stored(world.broker, attempt, world.disk_error, world.now_ms);
	}
}

static bool load(void *context, const struct settings *settings, struct login *login,
	struct token **token, char why[GRANT_MESSAGE_SIZE])
{
	const struct record *record = find_record(settings->name);

	if (world.load_error) {
		snprintf(why, GRANT_MESSAGE_SIZE, "%s", world.load_error);
		return false;
	}
	if (!record || strcmp(record->token_url, settings->token_url) != 0) {
		return true; /* there is none, or a foreign one */
	}
	if (record->refresh_token[0] != '\0') {
		login->refresh_token = secret_new(
			record->refresh_token, strlen(record->refresh_token));
	}
	memcpy(login->seed, record->seed, sizeof(login->seed));
	login->sending = record->sending;
	login->logged_out = record->logged_out;
	if (record->token[0] != '\0') {
		*token = token_new(secret_new(record->token, strlen(record->token)),
			record->sent_ms, record->lifetime_ms);
	}
	return true;
}

/* The seeds of tests are short enough to be their own hashes. */
static bool hash(void *context, const struct secret *seed, char ret_hash[LOGIN_HASH_SIZE])
{
	snprintf(ret_hash, LOGIN_HASH_SIZE, "#%s", secret_reveal(seed));
	return true;
}

static void ended(void *context, const struct attempt *attempt, const struct grant_result *result)
{
}

static void ask(void *context, struct errand *errand)
{
	ck_assert_ptr_null(world.errands[errand->kind]);
	world.errands[errand->kind] = errand;
	world.asks[errand->kind]++;
}

static void unask(void *context, struct errand *errand)
{
	ck_assert_ptr_eq(world.errands[errand->kind], errand);
	world.errands[errand->kind] = NULL;
}

static void ask_device(void *context, struct device *device)
{
	ck_assert_ptr_null(world.device);
	world.device = device;
	world.devices++;
}

static void unask_device(void *context, struct device *device)
{
	ck_assert_ptr_eq(world.device, device);
	world.device = NULL;
}

static void declined(void *context, const struct profile *profile, const char *why)
{
	world.declined++;
}

static void copy(char *dst, size_t size, const char *text)
{
	snprintf(dst, size, "%s", text ? text : "");
}

static void news(void *context, const struct profile *profile, enum event_kind kind,
	const struct event_error *error)
{
	struct heard *heard = &world.heard[world.n_heard++ % WORLD_HEARD_MAX];

	world.n_heard_of[kind]++;
	*heard = (struct heard){.kind = kind, .generation = profile->generation};
	copy(heard->profile, sizeof(heard->profile), profile->settings->name);
	if (error) {
		heard->verdict = error->verdict;
		copy(heard->message, sizeof(heard->message), error->message);
		copy(heard->upstream_error, sizeof(heard->upstream_error), error->upstream_error);
		copy(heard->correlation_id, sizeof(heard->correlation_id), error->correlation_id);
	}
	if (world.on_news) {
		world.on_news(profile, kind, error);
	}
}

const struct heard *world_heard(unsigned n)
{
	ck_assert_uint_lt(n, world.n_heard);
	ck_assert_uint_lt(n, WORLD_HEARD_MAX);
	return &world.heard[(world.n_heard - 1 - n) % WORLD_HEARD_MAX];
}

static void revoke(void *context, struct revocation *revocation)
{
	ck_assert_ptr_null(world.revoking);
	world.revoking = revocation;
	world.revocations++;
}

static void note(void *context, struct revocation *revocation, const struct login *login)
{
	if (!world.disk_error) {
		write_record(revocation->settings, login, NULL);
	}
	if (world.disk_is_slow) {
		ck_assert_ptr_null(world.noting);
		world.noting = revocation;
		world.writing_error = world.disk_error;
	} else {
		broker_noted(world.broker, revocation, world.disk_error, world.now_ms);
	}
}

static void leave(void *context, struct revocation *revocation)
{
	world.revoking = world.revoking == revocation ? NULL : world.revoking;
	world.noting = world.noting == revocation ? NULL : world.noting;
}

static void left(void *context, const struct revocation *revocation)
{
	world.left++;
	snprintf(world.left_why, sizeof(world.left_why), "%s", revocation->why);
}

static uint32_t chance(void *context)
{
	return world.random;
}

static const struct broker_ops ops = {
	.prepare = prepare,
	.renewed = renewed,
	.start = start,
	.store = store,
	.load = load,
	.hash = hash,
	.cancel = cancel,
	.ended = ended,
	.ask = ask,
	.unask = unask,
	.ask_device = ask_device,
	.unask_device = unask_device,
	.declined = declined,
	.news = news,
	.revoke = revoke,
	.note = note,
	.leave = leave,
	.left = left,
	.random = chance,
};

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

void world_crash(void)
{
	broker_shutdown(world.broker);
	broker_free(world.broker);
	world.broker = broker_new(&ops, NULL);
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
	caller->revoked = answer->revoked;
	snprintf(caller->user_code, sizeof(caller->user_code), "%s",
		answer->outcome == OUTCOME_USER_CODE ? answer->device->codes.user_code : "");
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

void caller_sign_in(struct caller *caller, struct profile *profile, const char *code)
{
	*caller = (struct caller){0};
	wait_if_told(caller, profile,
		broker_sign_in(world.broker, profile, world_code(code), world.now_ms));
}

static struct token *make_token(const char *value, int64_t sent_ms, int64_t lifetime_ms)
{
	return token_new(secret_new(value, strlen(value)), sent_ms, lifetime_ms);
}

void caller_log_out(struct caller *caller, struct profile *profile)
{
	*caller = (struct caller){0};
	wait_if_told(caller, profile, broker_logout(world.broker, profile, world.now_ms));
}

struct revocation *world_let_revocation_hang(void)
{
	struct revocation *revocation = world.revoking;

	ck_assert_ptr_nonnull(revocation);
	world.revoking = NULL;
	return revocation;
}

void world_noted(void)
{
	struct revocation *revocation = world.noting;

	ck_assert_ptr_nonnull(revocation);
	world.noting = NULL;
	broker_noted(world.broker, revocation, world.writing_error, world.now_ms);
	world_settle();
}

void world_revoked(int status, const char *token)
{
	struct revocation *revocation = world.revoking;
	struct answer_http answer = {
		.status = status, .error = status == 0 ? "it is away" : NULL, .body = ""};
	struct grant_result result = {0};

	ck_assert_ptr_nonnull(revocation);
	world.revoking = NULL;
	if (token) {
		result.verdict = GRANT_GRANTED;
		result.status = status;
		result.token = make_token(token, world.now_ms, 60000);
	} else {
		revocation_judge(revocation, &answer, &result);
	}
	broker_revoked(world.broker, revocation, &result, world.now_ms);
	grant_result_done(&result);
	world_settle();
}

void caller_ask_sign_in(struct caller *caller, struct profile *profile)
{
	*caller = (struct caller){0};
	wait_if_told(caller, profile, broker_ask_sign_in(world.broker, profile, world.now_ms));
}

struct code *world_code(const char *code)
{
	return code_new(
		&(struct code_texts){.code = code, .redirect_uri = "https://app.example/back"});
}

void caller_get_user_code(struct caller *caller, struct profile *profile)
{
	*caller = (struct caller){0};
	wait_if_told(caller, profile, broker_get_user_code(world.broker, profile, world.now_ms));
}

void caller_authorize_device(struct caller *caller, struct profile *profile)
{
	*caller = (struct caller){0};
	wait_if_told(caller, profile, broker_authorize_device(world.broker, profile, world.now_ms));
}

void caller_leave(struct caller *caller)
{
	broker_forget(world.broker, &caller->waiter);
	caller->waits = false;
	world_settle();
}

static void answer_device(const struct grant_result *result)
{
	struct device *device = world.device;

	ck_assert_msg(device, "no codes were asked for");
	world.device = NULL;
	broker_device_answered(world.broker, device, result, world.now_ms);
	world_settle();
}

void world_give_codes(const char *user_code, int64_t lifetime_ms, int64_t interval_ms)
{
	struct grant_result result = {.verdict = GRANT_GRANTED, .status = 200};

	ck_assert_ptr_nonnull(world.device);
	world.device->codes = (struct grant_device_codes){
		.device_code = secret_new("dev-1234", strlen("dev-1234")),
		.user_code = strdup(user_code),
		.verification_uri = strdup("https://login.example/device"),
		.lifetime_ms = lifetime_ms,
		.interval_ms = interval_ms,
	};
	answer_device(&result);
}

void world_refuse_codes(enum grant_verdict verdict, int64_t retry_after_ms)
{
	struct grant_result result = {.retry_after_ms = retry_after_ms, .status = 500};

	grant_fail(&result, verdict, "no codes");
	answer_device(&result);
}

static void provide(enum errand_kind kind, const struct provided *provided)
{
	struct errand *errand = world.errands[kind];

	ck_assert_msg(errand, "the provider was not asked to %s", errand_name(kind));
	world.errands[kind] = NULL;
	broker_provided(world.broker, errand, provided, world.now_ms);
	world_settle();
}

void world_bring(enum errand_kind kind, const char *code)
{
	provide(kind, &(struct provided){.code = code ? world_code(code) : NULL});
}

void world_decline(enum errand_kind kind, const char *why, bool signs_in)
{
	provide(kind, &(struct provided){.why = why, .signs_in = signs_in});
}

struct answer world_plant(struct profile *profile, const char *token, int64_t lifetime_ms)
{
	struct answer answer = broker_plant(world.broker, profile,
		make_token(token, world.now_ms, lifetime_ms), false, world.now_ms);

	world_settle();
	return answer;
}

/* Takes result over. */
static void finish(struct attempt *attempt, struct grant_result *result)
{
	land(attempt);
	broker_finish(world.broker, attempt, result, world.now_ms);
	grant_result_done(result);
	if (!world.on_start) {
		world_settle();
	}
}

void world_grant_login(
	struct attempt *attempt, const char *token, int64_t lifetime_ms, const char *refresh_token)
{
	struct grant_result result = {.verdict = GRANT_GRANTED, .status = 200};

	result.token = make_token(token, attempt->sent_ms, lifetime_ms);
	if (refresh_token) {
		result.refresh_token = secret_new(refresh_token, strlen(refresh_token));
	}
	finish(attempt, &result);
}

void world_grant(struct attempt *attempt, const char *token, int64_t lifetime_ms)
{
	world_grant_login(attempt, token, lifetime_ms, NULL);
}

void world_fail(struct attempt *attempt, enum grant_verdict verdict, int64_t retry_after_ms)
{
	struct grant_result result = {.retry_after_ms = retry_after_ms, .status = 500};

	grant_fail(&result, verdict, "it failed");
	finish(attempt, &result);
}

void world_poll_answer(const char *error)
{
	bool pending = strcmp(error, "authorization_pending") == 0 ||
		       strcmp(error, "slow_down") == 0;
	struct grant_result result = {.status = 400, .pending = pending};

	snprintf(result.upstream_error, sizeof(result.upstream_error), "%s", error);
	grant_fail(&result, pending ? GRANT_TEMPORARY : GRANT_PERMANENT, "HTTP 400 %s", error);
	finish(world_attempt(), &result);
}

void world_lose(struct attempt *attempt)
{
	struct grant_result result = {.lost = true};

	grant_fail(&result, GRANT_TEMPORARY, "it was lost");
	finish(attempt, &result);
}

void world_written(void)
{
	struct attempt *attempt = world.writing[0];

	ck_assert_uint_eq(world.n_writing, 1);
	world.n_writing = 0;
	broker_stored(world.broker, attempt, world.writing_error, world.now_ms);
	world_settle();
}

struct attempt *world_attempt(void)
{
	ck_assert_uint_eq(world.n_in_flight, 1);
	return world.in_flight[0];
}
