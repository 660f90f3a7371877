#include "record.h"

#include <errno.h>
#include <string.h>

#include "core/login.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"

enum { WALL_OFFSET_MS = 1000000, SENT_MS = 5000, LIFETIME_MS = 60000 };

static struct settings *settings;
static struct login login, found_login;
static struct token *token, *found_token;

static void set_up(void)
{
	settings = fixture_settings("p");
	settings->persist_tokens = true;
	fixture_set(&settings->scope, "a b");
	login = (struct login){.refresh_token = secret_new("r\"\\\n", 4), .sending = true};
	memcpy(login.seed, "0123", 5);
	strcpy(login.account, "\"\xc3\xa9mile\"");
	token = token_new(secret_new("t\xc3\xa9", 3), SENT_MS, LIFETIME_MS);
	token->refresh_in_ms = 30000;
}

static void tear_down(void)
{
	settings_unref(settings);
	login_done(&login);
	login_done(&found_login);
	token_free(token);
	token_free(found_token);
	found_token = NULL;
}

/* Writes it, and reads it back at now_ms, with the wall clock set by step_ms in between. */
static int there_and_back(const struct settings *reader, int64_t step_ms, int64_t now_ms)
{
	struct secret *record = record_write(settings, &login, token, WALL_OFFSET_MS);
	int r;

	ck_assert_ptr_nonnull(record);
	r = record_read(
		record, reader, WALL_OFFSET_MS + step_ms, now_ms, &found_login, &found_token);
	secret_free(record);
	return r;
}

START_TEST(what_was_written_is_read_back)
{
	set_up();
	ck_assert_int_eq(there_and_back(settings, 0, 6000), 0);
	ck_assert(secret_equal(found_login.refresh_token, login.refresh_token));
	ck_assert_str_eq(found_login.seed, "0123");
	ck_assert_str_eq(found_login.account, login.account);
	ck_assert(found_login.sending);
	ck_assert_str_eq(secret_reveal(found_token->value), "t\xc3\xa9");
	ck_assert_int_eq(found_token->sent_ms, SENT_MS);
	ck_assert_int_eq(found_token->lifetime_ms, LIFETIME_MS);
	ck_assert_int_eq(found_token->refresh_in_ms, 30000);
	tear_down();
}
END_TEST

START_TEST(a_login_without_a_refresh_token_keeps_its_seed)
{
	set_up();
	login_set(&login, NULL);
	ck_assert_int_eq(there_and_back(settings, 0, 6000), 0);
	ck_assert_ptr_null(found_login.refresh_token);
	ck_assert_str_eq(found_login.seed, "0123");
	ck_assert(!found_login.sending);
	tear_down();
}
END_TEST

START_TEST(a_logout_is_read_back)
{
	set_up();
	ck_assert_int_eq(there_and_back(settings, 0, 6000), 0);
	ck_assert(!found_login.logged_out);
	login_done(&found_login);
	token_free(found_token);
	login.logged_out = true;
	ck_assert_int_eq(there_and_back(settings, 0, 6000), 0);
	ck_assert(found_login.logged_out);
	tear_down();
}
END_TEST

START_TEST(a_token_of_another_identity_is_not_used_and_the_login_is)
{
	struct settings *other;

	set_up();
	other = fixture_settings("p");
	other->persist_tokens = true;
	fixture_set(&other->scope, "a");
	ck_assert_int_eq(there_and_back(other, 0, 6000), 0);
	ck_assert_ptr_null(found_token);
	ck_assert_ptr_nonnull(found_login.refresh_token);
	settings_unref(other);
	tear_down();
}
END_TEST

START_TEST(a_token_is_not_used_once_persist_tokens_is_off)
{
	set_up();
	settings->persist_tokens = false;
	ck_assert_int_eq(there_and_back(settings, 0, 6000), 0);
	ck_assert_ptr_null(found_token);
	tear_down();
}
END_TEST

START_TEST(a_token_from_the_future_is_not_used)
{
	set_up();
	ck_assert_int_eq(there_and_back(settings, -10000, 6000), 0);
	ck_assert_ptr_null(found_token);
	tear_down();
}
END_TEST

START_TEST(a_token_grows_older_while_the_machine_is_off)
{
	set_up();
	ck_assert_int_eq(there_and_back(settings, 3600 * 1000, 6000), 0);
	ck_assert(!token_usable(found_token, 6000));
	tear_down();
}
END_TEST

START_TEST(what_was_never_written_is_refused)
{
	static const char *const texts[] = {"", "x", "{}", "[]", "{\"version\":2,\"seed\":\"\"}",
		"{\"version\":1}", "{\"version\":1,\"seed\":7}", "{\"version\":1,\"seed\":\"\"} x"};

	set_up();
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct secret *record = secret_new(texts[i], strlen(texts[i]));

		ck_assert_int_eq(
			record_read(record, settings, 0, 0, &found_login, &found_token), -EINVAL);
		secret_free(record);
	}
	tear_down();
}
END_TEST

UNIT_MAIN("record", what_was_written_is_read_back, a_login_without_a_refresh_token_keeps_its_seed,
	a_logout_is_read_back, a_token_of_another_identity_is_not_used_and_the_login_is,
	a_token_is_not_used_once_persist_tokens_is_off, a_token_from_the_future_is_not_used,
	a_token_grows_older_while_the_machine_is_off, what_was_never_written_is_refused)
