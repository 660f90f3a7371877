#include "handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "core/device.h"
#include "core/profile.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"
#include "world.h"

enum { NOW_MS = 5000, LIFETIME_MS = 3600 * 1000 };

static struct profile *profile;
static struct handover handover;

static void add_authorization(const char *state, uid_t uid)
{
	struct authorize *pending = calloc(1, sizeof(*pending));

	*pending = (struct authorize){.uid = uid,
		.expires_ms = NOW_MS + 1000,
		.state = strdup(state),
		.redirect_uri = strdup("http://localhost/"),
		.verifier = secret_new("verifier", 8)};
	TAILQ_INSERT_TAIL(&profile->authorizations, pending, link);
}

static void add_device(void)
{
	struct device *device = device_new(profile->settings, NOW_MS);

	profile->device = device;
	device->profile = profile;
	device->step = DEVICE_PENDING;
	device->codes.device_code = secret_new("device", 6);
	device->codes.user_code = strdup("WDJB-MJHT");
	device->codes.verification_uri = strdup("https://login.example/device");
	device->codes.verification_uri_complete = strdup("https://login.example/device?c=WDJB");
	device->expires_ms = NOW_MS + 600000;
	device->interval_ms = 7000;
	device->poll_ms = NOW_MS + 7000;
}

/* A profile with all that there can be. */
static void begin(void)
{
	world_begin(NOW_MS);
	profile = world_profile("p");
	world_grant(world_attempt(), "t\"\\\n\xc3\xa9", LIFETIME_MS);
	profile->token->refresh_in_ms = 1234;
	profile->token->rejected = true;
	profile->generation = UINT64_C(1) << 40;
	profile->verdict = GRANT_TEMPORARY;
	profile->failures = 3;
	profile->repeated = true;
	profile->login.logged_out = true;
	profile->due_ms = NOW_MS + 77;
	profile->rejected_ms = NOW_MS - 1;
	profile->asked_ms = NOW_MS - 2;
	profile->last_answer = (struct profile_answer){503, strdup("id"), NOW_MS - 3, 9};
	profile->last_error = (struct profile_error){
		GRANT_TEMPORARY, strdup("why"), strdup("e"), strdup("id"), 503, NOW_MS - 3};
	add_authorization("s1", 0);
	add_authorization("s2", 4000000000);
	add_device();
}

static void end(void)
{
	past_done(&handover.past);
	world_end();
}

static int there_and_back(void)
{
	struct secret *line = handover_write(profile);
	int r = handover_read(secret_reveal(line), secret_len(line) - 1, world.broker, &handover);

	ck_assert_int_eq(secret_reveal(line)[secret_len(line) - 1], '\n');
	ck_assert_ptr_null(memchr(secret_reveal(line), '\n', secret_len(line) - 1));
	secret_free(line);
	return r;
}

START_TEST(what_was_written_is_read_back)
{
	const struct profile *old;
	const struct authorize *pending;

	begin();
	ck_assert_int_eq(there_and_back(), 0);
	ck_assert_str_eq(handover.name, "p");
	ck_assert_ptr_eq(handover.profile, profile);
	ck_assert(!handover.past.in_flight && !handover.past.new_credentials);
	old = handover.past.profile;
	ck_assert(secret_equal(old->token->value, profile->token->value));
	ck_assert_int_eq(old->token->sent_ms, profile->token->sent_ms);
	ck_assert_int_eq(old->token->lifetime_ms, LIFETIME_MS);
	ck_assert_int_eq(old->token->refresh_in_ms, 1234);
	ck_assert_int_eq(old->token->refresh_ms, profile->token->refresh_ms);
	ck_assert(old->token->rejected && old->repeated && old->login.logged_out);
	ck_assert_uint_eq(old->generation, UINT64_C(1) << 40);
	ck_assert_int_eq(old->verdict, GRANT_TEMPORARY);
	ck_assert_uint_eq(old->failures, 3);
	ck_assert_int_eq(old->due_ms, NOW_MS + 77);
	ck_assert_int_eq(old->started_ms, profile->started_ms);
	ck_assert_int_eq(old->rejected_ms, NOW_MS - 1);
	ck_assert_int_eq(old->asked_ms, NOW_MS - 2);
	ck_assert_int_eq(old->last_answer.status, 503);
	ck_assert_str_eq(old->last_answer.correlation_id, "id");
	ck_assert_int_eq(old->last_answer.duration_ms, 9);
	ck_assert_int_eq(old->last_error.verdict, GRANT_TEMPORARY);
	ck_assert_str_eq(old->last_error.message, "why");
	ck_assert_str_eq(old->last_error.upstream_error, "e");
	ck_assert_int_eq(old->last_error.upstream_status, 503);
	pending = TAILQ_FIRST(&old->authorizations);
	ck_assert_str_eq(pending->state, "s1");
	pending = TAILQ_NEXT(pending, link);
	ck_assert_uint_eq(pending->uid, 4000000000);
	ck_assert_int_eq(pending->expires_ms, NOW_MS + 1000);
	ck_assert_str_eq(pending->redirect_uri, "http://localhost/");
	ck_assert_str_eq(secret_reveal(pending->verifier), "verifier");
	ck_assert_ptr_null(TAILQ_NEXT(pending, link));
	end();
}
END_TEST

START_TEST(a_device_goes_on_with_its_codes)
{
	const struct device *device;

	begin();
	ck_assert_int_eq(there_and_back(), 0);
	device = handover.past.profile->device;
	ck_assert_int_eq(device->step, DEVICE_PENDING);
	ck_assert_str_eq(secret_reveal(device->codes.device_code), "device");
	ck_assert(device_is(device, "WDJB-MJHT"));
	ck_assert_str_eq(device->codes.verification_uri, "https://login.example/device");
	ck_assert_str_eq(
		device->codes.verification_uri_complete, "https://login.example/device?c=WDJB");
	ck_assert_int_eq(device->expires_ms, NOW_MS + 600000);
	ck_assert_int_eq(device->interval_ms, 7000);
	ck_assert_int_eq(device->poll_ms, NOW_MS + 7000);
	end();
}
END_TEST

START_TEST(the_end_of_a_device_is_told_and_one_without_codes_is_not)
{
	const struct device *device;

	begin();
	device_end(profile->device, GRANT_LOGIN_REQUIRED, "no", NOW_MS);
	ck_assert_int_eq(there_and_back(), 0);
	device = handover.past.profile->device;
	ck_assert_int_eq(device->step, DEVICE_ENDED);
	ck_assert_int_eq(device->verdict, GRANT_LOGIN_REQUIRED);
	ck_assert_str_eq(device->message, "no");
	ck_assert_ptr_null(device->codes.device_code);
	ck_assert(device_is(device, "WDJB-MJHT"));
	past_done(&handover.past);
	grant_device_codes_done(&profile->device->codes);
	ck_assert_int_eq(there_and_back(), 0);
	ck_assert_ptr_null(handover.past.profile->device);
	end();
}
END_TEST

START_TEST(a_profile_that_has_begun_nothing_is_read_back_so)
{
	world_begin(0);
	profile = world_profile("p");
	world_fail(world_attempt(), GRANT_TEMPORARY, 0);
	profile_reset(profile, 0);
	profile->started_ms = INT64_MIN;
	profile->due_ms = PROFILE_NEVER;
	ck_assert_int_eq(there_and_back(), 0);
	ck_assert_ptr_null(handover.past.profile->token);
	ck_assert_int_eq(handover.past.profile->verdict, GRANT_NONE);
	ck_assert_int_eq(handover.past.profile->started_ms, INT64_MIN);
	ck_assert_int_eq(handover.past.profile->rejected_ms, INT64_MIN);
	ck_assert_int_eq(handover.past.profile->due_ms, PROFILE_NEVER);
	ck_assert_int_eq(handover.past.profile->last_answer.status, 0);
	ck_assert_int_eq(handover.past.profile->last_error.verdict, GRANT_NONE);
	end();
}
END_TEST

START_TEST(an_attempt_in_flight_is_told)
{
	world_begin(0);
	profile = world_profile("p");
	ck_assert_int_eq(there_and_back(), 0);
	ck_assert(handover.past.in_flight);
	end();
}
END_TEST

START_TEST(no_refresh_token_is_written)
{
	struct secret *line;

	begin();
	profile->login.refresh_token = secret_new("r-e-f-r-e-s-h", 13);
	profile->held = token_new(secret_new("h-e-l-d", 7), 0, 1000);
	line = handover_write(profile);
	ck_assert_ptr_null(strstr(secret_reveal(line), "r-e-f-r-e-s-h"));
	ck_assert_ptr_null(strstr(secret_reveal(line), "h-e-l-d"));
	ck_assert_ptr_null(strstr(secret_reveal(line), "s3cret!"));
	secret_free(line);
	end();
}
END_TEST

/* Reads the line under settings that were changed since it was written. */
static int read_changed(void (*change)(struct settings *settings))
{
	struct secret *line = handover_write(profile);
	int r;

	change(profile->settings);
	r = handover_read(secret_reveal(line), secret_len(line), world.broker, &handover);
	secret_free(line);
	return r;
}

static void change_grant(struct settings *settings)
{
	settings->grant = grant_find("static");
}

static void change_login_url(struct settings *settings)
{
	fixture_set(&settings->login_url, "https://other.example");
}

static void change_client(struct settings *settings)
{
	fixture_set(&settings->client_id, "other");
}

static void change_org(struct settings *settings)
{
	fixture_set(&settings->org, "other");
}

static void change_scope(struct settings *settings)
{
	fixture_set(&settings->scope, "other");
}

static void change_audience(struct settings *settings)
{
	fixture_set(&settings->audience, "other");
}

static void change_resource(struct settings *settings)
{
	fixture_set(&settings->resource, "other");
}

static void change_name(struct settings *settings)
{
	settings->name[0] = 'q';
}

static void change_token_url(struct settings *settings)
{
	fixture_set(&settings->token_url, "https://other.example/token");
}

static void change_secret(struct settings *settings)
{
	secret_free(settings->secrets[SETTINGS_CLIENT_SECRET].value);
	settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_new("other", 5);
}

static void move_secret(struct settings *settings)
{
	settings->secrets[SETTINGS_ASSERTION].value =
		settings->secrets[SETTINGS_CLIENT_SECRET].value;
	settings->secrets[SETTINGS_CLIENT_SECRET].value = NULL;
}

static void change_auth(struct settings *settings)
{
	settings->client_auth = CLIENT_AUTH_POST;
}

START_TEST(another_identity_is_told)
{
	static void (*const changes[])(struct settings *) = {change_grant, change_login_url,
		change_client, change_org, change_scope, change_audience, change_resource};

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		begin();
		ck_assert_int_eq(read_changed(changes[i]), HANDOVER_FOREIGN);
		ck_assert_str_eq(handover.name, "p");
		end();
	}
}
END_TEST

START_TEST(a_profile_that_is_gone_is_told)
{
	begin();
	ck_assert_int_eq(read_changed(change_name), HANDOVER_UNKNOWN);
	ck_assert_str_eq(handover.name, "p");
	end();
}
END_TEST

START_TEST(another_token_url_is_another_session_and_no_other_identity)
{
	begin();
	ck_assert_int_eq(read_changed(change_token_url), 0);
	end();
	begin();
	profile->settings->grant = grant_find("pkce");
	ck_assert_int_eq(read_changed(change_token_url), HANDOVER_FOREIGN);
	end();
}
END_TEST

START_TEST(other_credentials_are_told)
{
	static void (*const changes[])(struct settings *) = {
		change_secret, move_secret, change_auth};

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		begin();
		ck_assert_int_eq(read_changed(changes[i]), 0);
		ck_assert(handover.past.new_credentials);
		end();
	}
}
END_TEST

START_TEST(a_line_that_is_cut_anywhere_is_refused)
{
	struct secret *line;

	begin();
	line = handover_write(profile);
	for (size_t len = 0; len < secret_len(line) - 1; len++) {
		char *cut = memcpy(malloc(len + 1), secret_reveal(line), len); /* for ASan */

		ck_assert_int_eq(handover_read(cut, len, world.broker, &handover), -EINVAL);
		ck_assert_ptr_null(handover.past.profile);
		free(cut);
	}
	secret_free(line);
	end();
}
END_TEST

START_TEST(what_was_never_written_is_refused)
{
	static const char *const texts[] = {"{}", "[]", "7", "{\"name\":7}",
		"{\"name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"};

	begin();
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		ck_assert_int_eq(handover_read(texts[i], strlen(texts[i]), world.broker, &handover),
			-EINVAL);
	}
	end();
}
END_TEST

/* Replaces the first a by b, as long, in the line. */
static int read_with(const char *a, const char *b)
{
	struct secret *line = handover_write(profile);
	char *at = strstr(secret_reveal(line), a);
	int r;

	ck_assert_ptr_nonnull(at);
	memcpy(at, b, strlen(a));
	r = handover_read(secret_reveal(line), secret_len(line), world.broker, &handover);
	secret_free(line);
	return r;
}

START_TEST(half_a_token_or_half_a_sign_in_is_refused)
{
	static const char *const names[][2] = {{"\"value\"", "\"other\""},
		{"\"lifetime\"", "\"lifetim_\""}, {"\"verifier\"", "\"verifie_\""},
		{"\"state\"", "\"stat_\""}, {"\"redirectUri\"", "\"redirectUr_\""},
		{"\"deviceCode\"", "\"deviceCod_\""}, {"\"userCode\"", "\"userCod_\""},
		{"\"verificationUri\"", "\"verificationUr_\""}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		begin();
		ck_assert_int_eq(read_with(names[i][0], names[i][1]), -EINVAL);
		ck_assert_ptr_null(handover.past.profile);
		end();
	}
}
END_TEST

START_TEST(a_member_that_is_not_known_is_ignored)
{
	begin();
	ck_assert_int_eq(read_with("\"repeated\"", "\"loggedOu\""), 0);
	ck_assert(!handover.past.profile->repeated);
	end();
}
END_TEST

UNIT_MAIN("handover", what_was_written_is_read_back, a_device_goes_on_with_its_codes,
	the_end_of_a_device_is_told_and_one_without_codes_is_not,
	a_profile_that_has_begun_nothing_is_read_back_so, an_attempt_in_flight_is_told,
	no_refresh_token_is_written, another_identity_is_told, a_profile_that_is_gone_is_told,
	another_token_url_is_another_session_and_no_other_identity, other_credentials_are_told,
	a_line_that_is_cut_anywhere_is_refused, what_was_never_written_is_refused,
	half_a_token_or_half_a_sign_in_is_refused, a_member_that_is_not_known_is_ignored)
