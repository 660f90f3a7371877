#include "sign_ins.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/authorize.h"
#include "core/profile.h"
#include "core/secret.h"
#include "fixture.h"

#define HOUR_MS INT64_C(3600000)

enum { BROWSER_UID = 7 };

static const char browser_state[] = "the-state";

void sign_ins_elsewhere(struct caller *caller, struct profile *profile)
{
	struct caller asks;

	caller_get_user_code(&asks, profile);
	world_give_codes("WDJB-MJHT", HOUR_MS, 0);
	caller_authorize_device(caller, profile);
	ck_assert(caller->waits);
}

static struct secret *verifier(void)
{
	return secret_new("v", 1);
}

static int challenge(const struct secret *of, char ret[AUTHORIZE_RANDOM_SIZE])
{
	strcpy(ret, "c");
	return 0;
}

void sign_ins_browser(struct profile *profile)
{
	static const struct authorize_random texts = {verifier, challenge, NULL};
	const struct authorize_wish wish = {
		.uid = BROWSER_UID, .redirect_uri = "x:/", .state = browser_state};
	const struct authorize *pending;
	char *url;

	fixture_set(&profile->settings->authorize_url, "https://login.example/oauth/authorize");
	ck_assert_int_eq(authorize_begin(&profile->authorizations, profile->settings, &texts, &wish,
				 world.now_ms, &pending, &url),
		0);
	free(url);
}

bool sign_ins_browser_may_return(struct profile *profile)
{
	return authorize_find(&profile->authorizations, BROWSER_UID, browser_state, world.now_ms);
}
