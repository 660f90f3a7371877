#include "core/settings.h"

#include <stdlib.h>
#include <string.h>

#include "core/grant.h"
#include "core/secret.h"
#include "unit.h"

static struct settings *make(void)
{
	struct settings *settings = settings_new();

	ck_assert_ptr_nonnull(settings);
	settings->grant = grant_find("client_credentials");
	settings->client_id = strdup("id");
	settings->secrets[SETTINGS_CLIENT_SECRET].value = secret_new_locked(
		"secret", strlen("secret"));
	settings->token_url = strdup("https://login.mypurecloud.ie/oauth/token");
	settings->login_url = strdup("https://login.mypurecloud.ie");
	return settings;
}

static void set(char **member, const char *value)
{
	free(*member);
	*member = value ? strdup(value) : NULL;
}

START_TEST(new_settings_say_nothing)
{
	struct settings *settings = settings_new();
	const struct settings nothing = {.refs = 1};

	ck_assert_mem_eq(settings, &nothing, sizeof(nothing));
	settings_unref(settings);
	settings_unref(NULL);
}
END_TEST

/* As DESIGN has it: grant, login URL, client_id, scope, audience; a resource is an audience. */
START_TEST(identity_is_changed_by_what_a_token_is_for)
{
	struct settings *a = make(), *b = make();
	char **const members[] = {
		&b->login_url, &b->client_id, &b->scope, &b->audience, &b->resource};
	char **const originals[] = {
		&a->login_url, &a->client_id, &a->scope, &a->audience, &a->resource};

	ck_assert(settings_same_identity(a, b));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		set(members[i], "other");
		ck_assert(!settings_same_identity(a, b));
		ck_assert(!settings_same_identity(b, a));
		set(members[i], *originals[i]);
		ck_assert(settings_same_identity(a, b));
	}
	b->grant = NULL;
	ck_assert(!settings_same_identity(a, b));
	settings_unref(a);
	settings_unref(b);
}
END_TEST

START_TEST(identity_stays_with_other_keys)
{
	struct settings *a = make(), *b = make();

	secret_free(b->secrets[SETTINGS_CLIENT_SECRET].value);
	b->secrets[SETTINGS_CLIENT_SECRET].value = NULL;
	b->client_auth = CLIENT_AUTH_POST;
	b->wait_max_ms = 1;
	b->refresh_access_token = true;
	b->default_lifetime_ms = 1;
	set(&b->ca_file, "/ca.pem");
	set(&b->api_url, "https://api.mypurecloud.ie");
	ck_assert(settings_same_identity(a, b));
	settings_unref(a);
	settings_unref(b);
}
END_TEST

START_TEST(credentials_are_what_is_sent)
{
	struct settings *a = make(), *b = make();

	set(&b->scope, "other");
	ck_assert(settings_same_credentials(a, b));
	b->client_auth = CLIENT_AUTH_POST;
	ck_assert(!settings_same_credentials(a, b));
	b->client_auth = CLIENT_AUTH_BASIC;
	set(&b->client_id, "other");
	ck_assert(!settings_same_credentials(a, b));
	set(&b->client_id, "id");
	secret_free(b->secrets[SETTINGS_CLIENT_SECRET].value);
	b->secrets[SETTINGS_CLIENT_SECRET].value = NULL;
	ck_assert(!settings_same_credentials(a, b));
	b->secrets[SETTINGS_CLIENT_SECRET].value = secret_new_locked("Secret", strlen("Secret"));
	ck_assert(!settings_same_credentials(a, b));
	settings_unref(a);
	settings_unref(b);
}
END_TEST

UNIT_MAIN("settings", new_settings_say_nothing, identity_is_changed_by_what_a_token_is_for,
	identity_stays_with_other_keys, credentials_are_what_is_sent)
