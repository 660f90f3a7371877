#include "core/revocation.h"

#include <string.h>

#include "core/answer.h"
#include "core/secret.h"
#include "core/token.h"
#include "fixture.h"
#include "unit.h"

#define API "https://api.example"

static struct settings *settings;
static struct revocation *revocation;

static struct secret *secret_of(const char *text)
{
	return text ? secret_new(text, strlen(text)) : NULL;
}

static void begin(const char *grant, const char *api_url, const char *revocation_url,
	const char *token, const char *refresh_token)
{
	settings = fixture_settings("p");
	settings->grant = grant_find(grant);
	fixture_set(&settings->api_url, api_url);
	settings->api_revokes = api_url;
	fixture_set(&settings->revocation_url, revocation_url);
	revocation = revocation_new(settings, secret_of(token), secret_of(refresh_token));
}

static void end(void)
{
	revocation_free(revocation);
	settings_unref(settings);
}

static void begin_messenger(const char *token, const char *refresh_token)
{
	begin("messenger", API, NULL, token, refresh_token);
	settings->client_auth = CLIENT_AUTH_NONE;
	fixture_set(&settings->token_url, API "/api/v2/webdeployments/token");
}

static void expect_request(
	const char *method, const char *url, const char *authorization, const char *body)
{
	struct grant_request request;

	ck_assert_int_eq(revocation_request(revocation, &request), 0);
	ck_assert_str_eq(request.method, method);
	ck_assert_str_eq(request.url, url);
	ck_assert_pstr_eq(
		request.authorization ? secret_reveal(request.authorization) : NULL, authorization);
	ck_assert_pstr_eq(request.body ? secret_reveal(request.body) : NULL, body);
	grant_request_done(&request);
}

/* status 0: no answer comes. */
static void answer(int status, const char *body)
{
	struct answer_http http = fixture_answer(status, body);
	struct grant_result result;

	http.error = status == 0 ? "it is away" : NULL;
	revocation_judge(revocation, &http, &result);
	revocation_go_on(revocation, &result);
	grant_result_done(&result);
}

#define JWT "e30.eyJpYXQiOjc4NDExMTc3MCwiZXhwIjo3ODQxMTIzNzB9.c2ln" /* 600 s */

START_TEST(a_jwt_revokes_itself)
{
	begin_messenger("jwt", "r1");
	ck_assert_int_eq(revocation->step, REVOCATION_BEARER);
	expect_request("DELETE", API "/api/v2/webdeployments/token/revoke", "Bearer jwt", NULL);
	answer(204, "");
	ck_assert_int_eq(revocation->step, REVOCATION_ENDED);
	ck_assert(revocation->revoked);
	end();
}
END_TEST

START_TEST(a_jwt_that_is_not_taken_is_refreshed_three_times_at_most)
{
	begin_messenger("jwt", "r1");
	for (int i = 0; i < REVOCATION_REFRESHES_MAX; i++) {
		answer(401, "{\"code\":\"bad.credentials\"}");
		ck_assert_int_eq(revocation->step, REVOCATION_REFRESH);
		expect_request("POST", API "/api/v2/webdeployments/token/refresh", NULL,
			i == 0 ? "{\"refreshToken\":\"r1\"}" : "{\"refreshToken\":\"r2\"}");
		answer(200, "{\"jwt\":\"" JWT "\",\"refreshToken\":\"r2\"}");
		expect_request(
			"DELETE", API "/api/v2/webdeployments/token/revoke", "Bearer " JWT, NULL);
	}
	answer(401, "{\"code\":\"bad.credentials\"}");
	ck_assert_int_eq(revocation->step, REVOCATION_ENDED);
	ck_assert(!revocation->revoked);
	ck_assert_str_eq(revocation->why,
		"The login server login.example:443 did not revoke it (HTTP 401 bad.credentials)");
	end();
}
END_TEST

START_TEST(without_a_jwt_another_is_asked_for_first)
{
	begin_messenger(NULL, "r1");
	ck_assert_int_eq(revocation->step, REVOCATION_REFRESH);
	answer(200, "{\"jwt\":\"" JWT "\"}");
	ck_assert_int_eq(revocation->step, REVOCATION_BEARER);
	answer(204, "");
	ck_assert(revocation->revoked);
	end();
}
END_TEST

START_TEST(a_session_that_has_ended_before_is_as_good_as_revoked)
{
	begin_messenger("jwt", "r1");
	answer(401, "");
	answer(401, "");
	ck_assert_int_eq(revocation->step, REVOCATION_ENDED);
	ck_assert(revocation->revoked);
	end();
	begin("client_credentials", API, NULL, "t1", NULL);
	answer(401, "");
	ck_assert_int_eq(revocation->step, REVOCATION_ENDED);
	ck_assert(revocation->revoked);
	end();
}
END_TEST

START_TEST(what_stops_it_is_told)
{
	begin_messenger("jwt", "r1");
	answer(0, "");
	ck_assert_int_eq(revocation->step, REVOCATION_ENDED);
	ck_assert(!revocation->revoked);
	ck_assert_str_eq(revocation->why,
		"The login server login.example:443 cannot be reached: it is away");
	end();
	begin_messenger("jwt", "r1");
	answer(401, "");
	answer(503, "");
	ck_assert_str_eq(revocation->why, "The login server login.example:443 answered HTTP 503");
	end();
	begin("client_credentials", API, NULL, "s3cret-token", NULL);
	answer(500, "{\"code\":\"x\",\"message\":\"no s3cret-token\"}");
	ck_assert_str_eq(revocation->why,
		"The login server login.example:443 did not revoke it (HTTP 500 x: no ***)");
	end();
}
END_TEST

START_TEST(genesys_cloud_revokes_the_token_that_asks)
{
	begin("client_credentials", API, NULL, "t1", NULL);
	expect_request("DELETE", API "/api/v2/tokens/me", "Bearer t1", NULL);
	answer(200, "{}");
	ck_assert(revocation->revoked);
	end();
}
END_TEST

START_TEST(rfc_7009_revokes_the_refresh_token_and_then_the_access_token)
{
	begin("authorization_code", API, "https://login.example/revoke", "t1", "r1");
	expect_request("POST", "https://login.example/revoke", "Basic aWQ6czNjcmV0JTIx",
		"token=r1&token_type_hint=refresh_token");
	answer(200, "");
	ck_assert_int_eq(revocation->step, REVOCATION_ACCESS_TOKEN);
	expect_request("POST", "https://login.example/revoke", "Basic aWQ6czNjcmV0JTIx",
		"token=t1&token_type_hint=access_token");
	answer(200, "");
	ck_assert(revocation->revoked);
	end();
	begin("client_credentials", NULL, "https://login.example/revoke", "t1", NULL);
	ck_assert_int_eq(revocation->step, REVOCATION_ACCESS_TOKEN);
	end();
}
END_TEST

START_TEST(a_server_that_revokes_no_access_tokens_has_done_what_it_can)
{
	static const char no[] = "{\"error\":\"unsupported_token_type\"}";

	begin("authorization_code", NULL, "https://login.example/revoke", "t1", "r1");
	answer(200, "");
	answer(400, no);
	ck_assert(revocation->revoked);
	end();
	begin("client_credentials", NULL, "https://login.example/revoke", "t1", NULL);
	answer(400, no);
	ck_assert(!revocation->revoked);
	ck_assert_ptr_nonnull(strstr(revocation->why, "unsupported_token_type"));
	end();
}
END_TEST

START_TEST(where_there_is_no_way_or_nothing_it_asks_nothing)
{
	begin("client_credentials", NULL, NULL, "t1", NULL);
	ck_assert_int_eq(revocation->step, REVOCATION_ENDED);
	ck_assert_ptr_nonnull(strstr(revocation->why, "revocation_url"));
	end();
	begin_messenger(NULL, NULL);
	ck_assert_int_eq(revocation->step, REVOCATION_ENDED);
	ck_assert(!revocation->revoked);
	ck_assert_str_eq(revocation->why, "");
	end();
}
END_TEST

UNIT_MAIN("revocation", a_jwt_revokes_itself,
	a_jwt_that_is_not_taken_is_refreshed_three_times_at_most,
	without_a_jwt_another_is_asked_for_first,
	a_session_that_has_ended_before_is_as_good_as_revoked, what_stops_it_is_told,
	genesys_cloud_revokes_the_token_that_asks,
	rfc_7009_revokes_the_refresh_token_and_then_the_access_token,
	a_server_that_revokes_no_access_tokens_has_done_what_it_can,
	where_there_is_no_way_or_nothing_it_asks_nothing)
