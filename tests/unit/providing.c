#include "providing.h"

#include <check.h>
#include <string.h>

#include "core/code.h"
#include "core/profile.h"
#include "core/schedule.h"
#include "core/secret.h"
#include "fixture.h"

#define HOUR_MS (INT64_C(3600) * 1000)

struct settings *providing_settings(const char *grant)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find(grant);
	return settings;
}

struct profile *providing_configured(struct settings *settings)
{
	world_configure(&settings, 1);
	return broker_find(world.broker, "p");
}

void providing_come(struct profile *profile)
{
	broker_provider_ready(world.broker, profile, world.now_ms);
	world_settle();
}

void providing_leave(struct profile *profile)
{
	broker_provider_left(world.broker, profile, world.now_ms);
	world_settle();
}

struct profile *providing_asked(const char *grant)
{
	struct profile *profile;

	world_begin(0);
	profile = providing_configured(providing_settings(grant));
	providing_come(profile);
	ck_assert_ptr_nonnull(world.errands[ERRAND_CODE]);
	return profile;
}

const char *providing_sent(void)
{
	const struct code *code = world_attempt()->code;

	return code->code ? secret_reveal(code->code) : secret_reveal(code->assertion);
}

void providing_refuse(void)
{
	world_fail(world_attempt(), GRANT_LOGIN_REQUIRED, 0);
}

void providing_pass_gap(void)
{
	world_run_until(world.now_ms + SCHEDULE_ATTEMPT_GAP_MS);
}

void providing_expect_asks(unsigned codes, unsigned reauthentications, unsigned sign_ins)
{
	ck_assert_uint_eq(world.asks[ERRAND_CODE], codes);
	ck_assert_uint_eq(world.asks[ERRAND_REAUTHENTICATE], reauthentications);
	ck_assert_uint_eq(world.asks[ERRAND_SIGN_IN], sign_ins);
}

void providing_expect_news(unsigned signed_in, unsigned failed, unsigned needed)
{
	ck_assert_uint_eq(world.n_heard_of[EVENT_SIGNED_IN], signed_in);
	ck_assert_uint_eq(world.n_heard_of[EVENT_SIGN_IN_FAILED], failed);
	ck_assert_uint_eq(world.n_heard_of[EVENT_AUTH_ERROR], needed);
}

void providing_expect_idle(void)
{
	for (int i = 0; i < ERRANDS; i++) {
		ck_assert_ptr_null(world.errands[i]);
	}
}

void providing_expect_ended(const struct profile *profile, const char *why)
{
	ck_assert_int_eq(profile_state(profile), PROFILE_LOGIN_REQUIRED);
	ck_assert_ptr_nonnull(strstr(profile->last_error.message, why));
	ck_assert_str_eq(profile->last_error.message, world_heard(0)->message);
	providing_expect_idle();
	ck_assert_uint_eq(world.declined, profile->last_error.upstream_status == 0);
}

void providing_expect_given_up(const struct profile *profile, const char *why)
{
	providing_expect_ended(profile, why);
	providing_expect_news(0, 0, 1);
}

struct profile *providing_fresh(void)
{
	struct profile *profile = providing_asked("pkce");

	world_bring(ERRAND_CODE, "c1");
	world_grant_login(world_attempt(), "t1", HOUR_MS, "r1");
	providing_pass_gap();
	return profile;
}
