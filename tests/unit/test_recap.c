#include "core/recap.h"

#include "core/profile.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS (INT64_C(3600) * 1000)

static struct event_error error;

static struct profile *profile_of(const char *grant)
{
	struct settings *settings = fixture_settings("p");

	settings->grant = grant_find(grant);
	world_configure(&settings, 1);
	return broker_find(world.broker, "p");
}

/* The state is told as the first n of those events. */
static void expect(const struct profile *profile, const enum event_kind *expected, size_t n)
{
	enum event_kind kinds[RECAP_MAX];

	ck_assert_uint_eq(recap(profile, kinds, &error), n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq((int)kinds[i], (int)expected[i]);
	}
}

#define EXPECT(profile, ...)                                                 \
	expect(profile, (const enum event_kind[]){__VA_ARGS__ EVENT_KINDS},  \
		sizeof((const enum event_kind[]){__VA_ARGS__ EVENT_KINDS}) / \
				sizeof(enum event_kind) -                    \
			1)

START_TEST(profile_that_was_not_fetched_yet_has_nothing_to_tell)
{
	world_begin(0);
	EXPECT(profile_of("client_credentials"), );
	world_end();
}
END_TEST

START_TEST(token_is_told_and_what_failed_since)
{
	struct profile *profile;

	world_begin(0);
	profile = profile_of("client_credentials");
	world_grant(world_attempt(), "t", HOUR_MS);
	EXPECT(profile, EVENT_TOKEN_REFRESHED, );
	world_run_until(HOUR_MS * 3 / 4);
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	EXPECT(profile, EVENT_TOKEN_REFRESHED, EVENT_REFRESH_FAILED, );
	ck_assert_int_eq((int)error.verdict, (int)GRANT_TEMPORARY);
	ck_assert_str_eq(error.message, "it failed");
	world_end();
}
END_TEST

START_TEST(need_of_a_login_is_told)
{
	world_begin(0);
	EXPECT(profile_of("authorization_code"), EVENT_LOGIN_REQUIRED, );
	world_end();
}
END_TEST

START_TEST(provider_that_did_all_in_vain_is_told_until_somebody_signs_in)
{
	struct profile *profile;

	world_begin(0);
	profile = profile_of("pkce");
	broker_provider_ready(world.broker, profile, world.now_ms);
	world_settle();
	EXPECT(profile, ); /* it is being asked */
	world_decline(ERRAND_CODE, "no", true);
	EXPECT(profile, EVENT_LOGIN_REQUIRED, ); /* nobody has signed in there yet */
	broker_provider_left(world.broker, profile, world.now_ms);
	broker_provider_ready(world.broker, profile, world.now_ms);
	world_run_until(world.now_ms + 1000);
	world_decline(ERRAND_CODE, "no", false);
	world_decline(ERRAND_REAUTHENTICATE, "no", false);
	EXPECT(profile, EVENT_LOGIN_REQUIRED, EVENT_AUTH_ERROR, );
	broker_signed_in(world.broker, profile, world_code("c"), world.now_ms);
	world_run_until(world.now_ms + 1000);
	world_grant_login(world_attempt(), "t", HOUR_MS, "r");
	EXPECT(profile, EVENT_TOKEN_REFRESHED, );
	world_end();
}
END_TEST

START_TEST(logout_is_told_until_somebody_signs_in)
{
	struct profile *profile;
	struct caller caller;

	world_begin(0);
	profile = profile_of("authorization_code");
	world_plant(profile, "planted", HOUR_MS);
	caller_log_out(&caller, profile);
	EXPECT(profile, EVENT_LOGGED_OUT, );
	world_plant(profile, "again", HOUR_MS);
	EXPECT(profile, EVENT_TOKEN_REFRESHED, );
	world_end();
}
END_TEST

UNIT_MAIN("recap", profile_that_was_not_fetched_yet_has_nothing_to_tell,
	token_is_told_and_what_failed_since, need_of_a_login_is_told,
	provider_that_did_all_in_vain_is_told_until_somebody_signs_in,
	logout_is_told_until_somebody_signs_in)
