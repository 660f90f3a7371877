#include "events.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/access_parse.h"
#include "core/profile.h"
#include "core/quota.h"
#include "core/settings.h"
#include "dispatch.h"
#include "fixture.h"
#include "proto/payload.h"
#include "unit.h"
#include "world.h"

#define HOUR_MS (INT64_C(3600) * 1000)

enum { ETL = 1001, LINES_MAX = 64, PEERS = 3 };

/* A connection whose lines are kept. */
struct peer {
	struct session session; /* the first member */
	char *lines[LINES_MAX];
	unsigned n_lines, n_read;
	size_t unread; /* what it says is out */
	bool dismissed;
	struct payload *last; /* a reference to the payload of the last line */
};

static struct peer peers[PEERS];
static struct dispatch *dispatch;
static struct events *events;
static struct quota *quota;
static unsigned tokens_told, denials_told;

/* ---- the daemon around it */

static void take_line(
	struct session *session, const char *head, size_t head_len, struct payload *payload)
{
	struct peer *peer = (struct peer *)session;

	ck_assert_uint_lt(peer->n_lines, LINES_MAX);
	ck_assert_int_ge(asprintf(&peer->lines[peer->n_lines++], "%.*s%.*s", (int)head_len, head,
				 (int)payload->len, payload->bytes),
		0);
	payload_unref(peer->last);
	peer->last = payload_ref(payload);
}

static void count_pending(struct session *session, int change)
{
}

static void find_unit(struct session *session)
{
}

static void close_session(struct session *session)
{
	ck_abort_msg("nobody's connection is closed");
}

static size_t count_unread(const struct session *session)
{
	return ((const struct peer *)session)->unread;
}

static void dismiss(struct session *session)
{
	((struct peer *)session)->dismissed = true;
}

static const struct session_ops session_ops = {
	take_line, count_pending, find_unit, close_session, count_unread, dismiss};

static int64_t wall_offset(void *context)
{
	return 0;
}

static const char *no_reason(void *context)
{
	return NULL;
}

static const struct access_rules *no_rules(void *context)
{
	return NULL;
}

static void audit(void *context, const struct call_audit *entry)
{
	ck_assert_str_eq(entry->endpoint, "events.subscribe");
	*(entry->kind == AUDIT_TOKEN ? &tokens_told : &denials_told) += 1;
}

static const struct call_ops call_ops = {wall_offset, no_reason, no_reason, no_rules, NULL, audit};

static void on_news(
	const struct profile *profile, enum event_kind kind, const struct event_error *error)
{
	events_tell(events, profile, kind, error);
}

static void begin(void)
{
	const struct access_subject etl = {.uid = ETL}, root = {.privileged = true};

	world_begin(0);
	world.on_news = on_news;
	events = events_new();
	quota = quota_new();
	quota_set(quota, &(struct quota_limits){.connections = 8, .connections_per_uid = 8});
	dispatch = dispatch_new(world.broker, quota, NULL, events, &call_ops, NULL, 0);
	for (int i = 0; i < PEERS; i++) {
		const struct access_subject *who = i == 0 ? &root : &etl;

		peers[i] = (struct peer){0};
		session_init(
			&peers[i].session, &session_ops, who, quota_connect(quota, who->uid, 0));
	}
	tokens_told = denials_told = 0;
}

static void leave(struct peer *peer)
{
	events_forget(&peer->session);
	session_done(&peer->session);
}

static void finish(void)
{
	for (int i = 0; i < PEERS; i++) {
		leave(&peers[i]);
		for (unsigned j = 0; j < peers[i].n_lines; j++) {
			free(peers[i].lines[j]);
		}
		payload_unref(peers[i].last);
		quota_disconnect(quota, peers[i].session.user, 0);
	}
	dispatch_free(dispatch);
	world_end();
	events_free(events);
	quota_free(quota);
}

static void refuse_problem(void *context, enum access_problem_kind kind, const char *text)
{
	ck_abort_msg("%s", text);
}

static struct settings *settings_of(const char *name, const char *allow)
{
	static const struct access_resolver nobody;
	struct settings *settings = fixture_settings(name);

	if (allow) {
		ck_assert_int_eq(
			access_parse(allow, &nobody, refuse_problem, NULL, &settings->allow), 0);
	}
	return settings;
}

/* Puts profiles in place: names and rules in turn, up to NULL. */
static void configure(const char *const texts[])
{
	struct settings *settings[8];
	size_t n = 0;

	while (texts[2 * n]) {
		settings[n] = settings_of(texts[2 * n], texts[2 * n + 1]);
		n++;
	}
	world_configure(settings, n);
	events_reloaded(events);
}

#define CONFIGURE(...) configure((const char *const[]){__VA_ARGS__, NULL})

/* How the attempt of a profile ends. */
static void grant(const char *profile, const char *token)
{
	world_grant(broker_find(world.broker, profile)->attempt, token, HOUR_MS);
}

static void refuse(const char *profile, enum grant_verdict verdict)
{
	world_fail(broker_find(world.broker, profile)->attempt, verdict, 0);
}

/* ---- lines */

static void ask(struct peer *peer, const char *parameters)
{
	char line[2048];
	int len = snprintf(line, sizeof(line),
		"{\"request\":\"events.subscribe\",\"parameters\":%s}", parameters);

	ck_assert(dispatch_line(dispatch, &peer->session, line, (size_t)len, world.now_ms));
}

static void unsubscribe(struct peer *peer)
{
	char line[] = "{\"request\":\"events.unsubscribe\"}";

	ck_assert(dispatch_line(dispatch, &peer->session, line, strlen(line), world.now_ms));
}

/* The next line of a peer is that one. */
static void expect(struct peer *peer, const char *line)
{
	char *got = peer->lines[peer->n_read];

	ck_assert_msg(peer->n_read < peer->n_lines, "no line where there should be %s", line);
	peer->n_read++;
	ck_assert_int_eq(got[strlen(got) - 1], '\n');
	got[strlen(got) - 1] = '\0';
	ck_assert_str_eq(got, line);
}

/* The next line of a peer has that text in it. */
static void expect_part(struct peer *peer, const char *text)
{
	ck_assert_msg(peer->n_read < peer->n_lines, "no line where there should be %s", text);
	ck_assert_ptr_nonnull(strstr(peer->lines[peer->n_read], text));
	peer->n_read++;
}

static void expect_nothing(const struct peer *peer)
{
	ck_assert_msg(peer->n_read == peer->n_lines, "%s", peer->lines[peer->n_read]);
}

#define ALL_KINDS                                                               \
	"[\"tokenRefreshed\",\"refreshFailed\",\"loginRequired\",\"signedIn\"," \
	"\"signInFailed\",\"Auth.loggedOut\",\"Auth.authError\",\"configReloaded\"]"

/* ---- tests */

START_TEST(subscriber_hears_each_event_once_and_in_order)
{
	begin();
	CONFIGURE("a", NULL);
	ask(&peers[0], "{}");
	expect(&peers[0],
		"{\"data\":{\"profiles\":[\"a\"],\"tokens\":[],\"events\":" ALL_KINDS "}}");
	expect_nothing(&peers[0]);
	grant("a", "t1");
	expect(&peers[0], "{\"event\":\"tokenRefreshed\",\"profile\":\"a\",\"data\":{"
			  "\"expiration\":\"1970-01-01T01:00:00.000Z\",\"generation\":1}}");
	world_run_until(HOUR_MS * 3 / 4);
	refuse("a", GRANT_TEMPORARY);
	expect(&peers[0],
		"{\"event\":\"refreshFailed\",\"profile\":\"a\",\"data\":{\"code\":"
		"\"upstream_unavailable\",\"message\":\"it failed\",\"upstreamError\":null,"
		"\"correlationId\":null}}");
	world_run_until(world.now_ms + 2000);
	grant("a", "t2");
	expect_part(&peers[0], "\"generation\":2}");
	expect_nothing(&peers[0]);
	ck_assert_uint_eq(tokens_told, 0);
	finish();
}
END_TEST

START_TEST(line_is_rendered_once_and_shared)
{
	begin();
	CONFIGURE("a", "* (events.*)");
	ask(&peers[0], "{}");
	ask(&peers[1], "{}");
	ask(&peers[2], "{\"withToken\":true}");
	grant("a", "t1");
	ck_assert_ptr_eq(peers[0].last, peers[1].last);
	ck_assert_ptr_eq(peers[0].last, peers[2].last);    /* no token for it */
	ck_assert_uint_eq(peers[0].last->refs, PEERS + 1); /* the token's own */
	leave(&peers[0]);
	ask(&peers[0], "{}");
	ck_assert_ptr_eq(peers[0].last, peers[1].last); /* it is the state, too */
	finish();
}
END_TEST

START_TEST(state_comes_first_as_the_events_that_led_to_it)
{
	begin();
	CONFIGURE("a", NULL, "b", NULL, "c", NULL, "d", NULL);
	world_run_until(1000);
	grant("a", "t1");
	grant("b", "t1");
	refuse("c", GRANT_PERMANENT);
	world_run_until(world.now_ms + HOUR_MS * 3 / 4);
	refuse("b", GRANT_LOGIN_REQUIRED);
	ask(&peers[0], "{}");
	expect_part(&peers[0], "{\"data\":");
	expect_part(&peers[0], "{\"event\":\"tokenRefreshed\",\"profile\":\"a\",");
	expect_part(&peers[0], "{\"event\":\"tokenRefreshed\",\"profile\":\"b\",");
	expect_part(&peers[0], "{\"event\":\"loginRequired\",\"profile\":\"b\",");
	expect(&peers[0], "{\"event\":\"refreshFailed\",\"profile\":\"c\",\"data\":{\"code\":"
			  "\"upstream_rejected\",\"message\":\"it failed\",\"upstreamError\":null,"
			  "\"correlationId\":null}}");
	expect_nothing(&peers[0]);
	finish();
}
END_TEST

START_TEST(profiles_and_events_that_were_not_asked_for_are_not_heard)
{
	begin();
	CONFIGURE("a", NULL, "b", NULL);
	ask(&peers[0], "{\"profiles\":[\"b\"],\"events\":[\"refreshFailed\",\"signedIn\"]}");
	expect(&peers[0], "{\"data\":{\"profiles\":[\"b\"],\"tokens\":[],\"events\":["
			  "\"refreshFailed\",\"signedIn\"]}}");
	world_run_until(1000);
	refuse("a", GRANT_TEMPORARY);
	grant("b", "t1");
	expect_nothing(&peers[0]);
	world_run_until(world.now_ms + HOUR_MS * 3 / 4);
	refuse("b", GRANT_TEMPORARY);
	expect_part(&peers[0], "{\"event\":\"refreshFailed\",\"profile\":\"b\",");
	CONFIGURE("a", NULL, "b", NULL);
	expect_nothing(&peers[0]);
	finish();
}
END_TEST

START_TEST(token_comes_where_it_is_asked_for_and_granted_by_name)
{
	begin();
	CONFIGURE("a", "user:1001 (*)", "b", "user:1001 (events.subscribe, auth.getJwtToken)");
	world_run_until(1000);
	ask(&peers[1], "{}");
	ask(&peers[2], "{\"withToken\":true}");
	expect_part(&peers[1], "{\"data\":{\"profiles\":[\"a\",\"b\"],\"tokens\":[],");
	expect_part(&peers[2], "{\"data\":{\"profiles\":[\"a\",\"b\"],\"tokens\":[\"b\"],");
	grant("a", "t1");
	grant("b", "t\"2");
	expect_part(&peers[1], "\"profile\":\"a\",");
	expect_part(&peers[1], "\"generation\":1}}\n");
	expect_part(&peers[2], "\"generation\":1}}\n");
	expect(&peers[2], "{\"event\":\"tokenRefreshed\",\"profile\":\"b\",\"data\":{"
			  "\"expiration\":\"1970-01-01T01:00:00.020Z\",\"generation\":1,"
			  "\"jwtToken\":\"t\\\"2\"}}");
	ck_assert_uint_eq(tokens_told, 1);
	world_run_until(world.now_ms + HOUR_MS * 3 / 4);
	grant("b", "t3");
	ck_assert_uint_eq(tokens_told, 1); /* it is the first of a profile that is told */
	finish();
}
END_TEST

START_TEST(who_may_not_hear_is_denied)
{
	begin();
	CONFIGURE("a", NULL, "b", "user:1001 (auth.getJwtToken)");
	ask(&peers[1], "{}");
	expect_part(&peers[1], "\"errorMessage\":\"You may not call events.subscribe for any");
	ask(&peers[1], "{\"profiles\":[\"b\"]}");
	expect_part(&peers[1], "\"error\":{\"code\":\"access_denied\"");
	ck_assert_uint_eq(denials_told, 2);
	/* Who is not privileged is not told what there is. */
	ask(&peers[1], "{\"profiles\":[\"nowhere\"]}");
	expect_part(&peers[1], "You may not call events.subscribe for profile \\\"nowhere\\\"");
	ask(&peers[0], "{\"profiles\":[\"a\",\"nowhere\"]}");
	expect_part(&peers[0], "There is no profile \\\"nowhere\\\"");
	world_run_until(1000);
	grant("a", "t1");
	grant("b", "t1");
	expect_nothing(&peers[0]);
	expect_nothing(&peers[1]);
	finish();
}
END_TEST

START_TEST(privileged_may_wait_for_the_first_profile)
{
	begin();
	world_configure(NULL, 0);
	ask(&peers[0], "{}");
	expect_part(&peers[0], "{\"data\":{\"profiles\":[],");
	CONFIGURE("a", NULL);
	expect_part(&peers[0], "\"configReloaded\"");
	grant("a", "t1");
	expect_part(&peers[0], "{\"event\":\"tokenRefreshed\",\"profile\":\"a\",");
	finish();
}
END_TEST

START_TEST(wrong_parameters_are_refused_and_change_nothing)
{
	static const char *const wrong[] = {"{\"profiles\":[]}", "{\"profiles\":\"a\"}",
		"{\"profiles\":[1]}", "{\"profiles\":[\"a\",null]}", "{\"events\":[]}",
		"{\"events\":[\"tokenrefreshed\"]}", "{\"events\":{}}", "{\"withToken\":null}",
		"{\"withToken\":\"true\"}", "{\"profile\":\"a\"}"};
	char many[4 * (EVENTS_PROFILES_MAX + 1) + 64] = "{\"profiles\":[\"a\"";

	begin();
	CONFIGURE("a", NULL);
	ask(&peers[0], "{}");
	expect_part(&peers[0], "{\"data\":");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ask(&peers[0], wrong[i]);
		expect_part(&peers[0], "\"error\":{\"code\":\"invalid_request\"");
	}
	for (int i = 1; i < EVENTS_PROFILES_MAX; i++) {
		strcat(many, ",\"a\"");
	}
	strcat(many, "]}");
	ask(&peers[0], many);
	expect_part(&peers[0], "{\"data\":");
	strcpy(many + strlen(many) - 2, ",\"a\"]}");
	ask(&peers[0], many);
	expect_part(&peers[0], "\"error\":{\"code\":\"invalid_request\"");
	grant("a", "t1");
	expect_part(&peers[0], "\"tokenRefreshed\"");
	expect_nothing(&peers[0]);
	finish();
}
END_TEST

START_TEST(second_subscription_takes_the_place_of_the_first)
{
	begin();
	CONFIGURE("a", NULL, "b", NULL);
	world_run_until(1000);
	ask(&peers[0], "{\"profiles\":[\"a\"]}");
	ask(&peers[0], "{\"profiles\":[\"b\"]}");
	expect_part(&peers[0], "{\"data\":");
	expect_part(&peers[0], "{\"data\":");
	grant("a", "t1");
	grant("b", "t1");
	expect_part(&peers[0], "\"profile\":\"b\"");
	expect_nothing(&peers[0]);
	finish();
}
END_TEST

START_TEST(nothing_is_heard_behind_an_unsubscription)
{
	begin();
	CONFIGURE("a", NULL);
	unsubscribe(&peers[0]);
	expect(&peers[0], "{\"data\":{}}");
	ask(&peers[0], "{}");
	expect_part(&peers[0], "{\"data\":{\"profiles\"");
	unsubscribe(&peers[0]);
	expect(&peers[0], "{\"data\":{}}");
	grant("a", "t1");
	CONFIGURE("a", NULL);
	expect_nothing(&peers[0]);
	finish();
}
END_TEST

START_TEST(reload_tells_what_is_new_to_a_subscriber)
{
	begin();
	CONFIGURE("a", "user:1001 (*)", "b", "user:1 (*)", "c", "user:1001 (*)");
	world_run_until(1000);
	grant("a", "t1");
	grant("b", "t1");
	ask(&peers[1], "{\"withToken\":true}");
	expect_part(&peers[1], "{\"data\":{\"profiles\":[\"a\",\"c\"],\"tokens\":[],");
	expect_part(&peers[1], "\"profile\":\"a\"");
	CONFIGURE("a", "user:1001 (*)", "b", "user:1001 (*)", "c", "user:1 (*)");
	expect(&peers[1], "{\"event\":\"configReloaded\",\"profile\":null,\"data\":{"
			  "\"profiles\":[\"a\",\"b\"],\"tokens\":[]}}");
	expect_part(&peers[1], "{\"event\":\"tokenRefreshed\",\"profile\":\"b\",");
	expect_nothing(&peers[1]);
	grant("c", "t1");
	expect_nothing(&peers[1]); /* it may no longer */
	CONFIGURE("a", "user:1001 (*, auth.getJwtToken)", "b", "user:1001 (*)", "c", "user:1 (*)");
	expect_part(&peers[1], "\"configReloaded\"");
	expect_part(&peers[1], "\"jwtToken\":\"t1\"");
	expect_nothing(&peers[1]);
	CONFIGURE("a", "user:1001 (*)", "b", "user:1001 (*)");
	expect_part(&peers[1], "\"data\":{\"profiles\":[\"a\",\"b\"],\"tokens\":[]}");
	world_run_until(world.now_ms + HOUR_MS * 3 / 4);
	grant("a", "t2");
	expect(&peers[1], "{\"event\":\"tokenRefreshed\",\"profile\":\"a\",\"data\":{"
			  "\"expiration\":\"1970-01-01T01:45:00.000Z\",\"generation\":2}}");
	finish();
}
END_TEST

/* It would wait in vain, else. */
START_TEST(who_loses_a_profile_or_a_token_is_told_whatever_it_asked_for)
{
	begin();
	CONFIGURE("a", "user:1001 (*, auth.getJwtToken)", "b", "user:1001 (*)");
	world_run_until(1000);
	ask(&peers[1], "{\"events\":[\"signedIn\"],\"withToken\":true}");
	ask(&peers[2], "{\"events\":[\"signedIn\"]}");
	peers[1].n_read = peers[2].n_read = 1;
	CONFIGURE("a", "user:1001 (*)", "b", "user:1001 (*)");
	expect(&peers[1], "{\"event\":\"configReloaded\",\"profile\":null,\"data\":{"
			  "\"profiles\":[\"a\",\"b\"],\"tokens\":[]}}");
	expect_nothing(&peers[2]);
	CONFIGURE("a", "user:1001 (*)");
	for (int i = 1; i <= 2; i++) {
		expect(&peers[i], "{\"event\":\"configReloaded\",\"profile\":null,\"data\":{"
				  "\"profiles\":[\"a\"],\"tokens\":[]}}");
	}
	ck_assert_ptr_eq(peers[1].last, peers[2].last);
	CONFIGURE("a", "user:1001 (*, auth.getJwtToken)", "b", "user:1001 (*)");
	expect_nothing(&peers[1]);
	finish();
}
END_TEST

START_TEST(subscription_that_a_reload_forbids_ends_with_the_reason)
{
	begin();
	CONFIGURE("a", "user:1001 (*)", "b", "user:1001 (*)");
	world_run_until(1000);
	ask(&peers[1], "{}");
	ask(&peers[2], "{\"profiles\":[\"a\",\"b\"]}");
	peers[1].n_read = peers[2].n_read = 1;
	CONFIGURE("a", "user:1001 (*)");
	expect_part(&peers[1], "\"configReloaded\"");
	expect_part(&peers[2], "\"error\":{\"code\":\"access_denied\"");
	ck_assert(!peers[2].dismissed);
	CONFIGURE("a", "user:1 (*)");
	expect_part(&peers[1], "\"error\":{\"code\":\"access_denied\"");
	ck_assert_uint_eq(denials_told, 2);
	grant("a", "t1");
	CONFIGURE("a", "user:1001 (*)");
	expect_nothing(&peers[1]);
	expect_nothing(&peers[2]);
	finish();
}
END_TEST

START_TEST(subscriber_that_does_not_read_is_dropped_with_the_reason_and_no_other)
{
	begin();
	CONFIGURE("a", "user:1001 (*)");
	ask(&peers[1], "{}");
	ask(&peers[2], "{}");
	peers[1].n_read = peers[2].n_read = 1;
	peers[1].unread = EVENTS_UNREAD_MAX;
	grant("a", "t1");
	expect_part(&peers[1], "\"tokenRefreshed\"");
	peers[1].unread++;
	world_run_until(world.now_ms + HOUR_MS * 3 / 4);
	grant("a", "t2");
	ck_assert(peers[1].dismissed);
	expect_part(&peers[1], "\"error\":{\"code\":\"rate_limited\",\"retryable\":true");
	world_run_until(world.now_ms + HOUR_MS * 3 / 4);
	grant("a", "t3");
	expect_nothing(&peers[1]);
	ck_assert(!peers[2].dismissed);
	for (int i = 0; i < 3; i++) {
		expect_part(&peers[2], "\"tokenRefreshed\"");
	}
	finish();
}
END_TEST

/* However much the state of all profiles is, who subscribes has had no chance to read it. */
START_TEST(state_does_not_count_as_unread)
{
	begin();
	CONFIGURE("a", "user:1001 (*)");
	grant("a", "t1");
	peers[1].unread = 10 * EVENTS_UNREAD_MAX;
	ask(&peers[1], "{}");
	expect_part(&peers[1], "{\"data\":");
	expect_part(&peers[1], "\"tokenRefreshed\"");
	peers[1].unread += EVENTS_UNREAD_MAX;
	world_run_until(world.now_ms + HOUR_MS * 3 / 4);
	grant("a", "t2");
	expect_part(&peers[1], "\"tokenRefreshed\"");
	ck_assert(!peers[1].dismissed);
	finish();
}
END_TEST

/* Nobody gets room for more by not reading. */
START_TEST(reload_leaves_the_limit_of_what_is_unread)
{
	begin();
	CONFIGURE("a", "user:1001 (*)");
	ask(&peers[1], "{}");
	peers[1].unread = EVENTS_UNREAD_MAX;
	CONFIGURE("a", "user:1001 (*)");
	ck_assert(!peers[1].dismissed);
	peers[1].unread++;
	CONFIGURE("a", "user:1001 (*)");
	ck_assert(peers[1].dismissed);
	finish();
}
END_TEST

START_TEST(time_out_drops_subscribers_alone)
{
	begin();
	CONFIGURE("a", "user:1001 (*)");
	ask(&peers[1], "{}");
	peers[1].n_read = 1;
	ck_assert(!events_drop(&peers[2].session));
	ck_assert(!peers[2].dismissed);
	ck_assert(events_drop(&peers[1].session));
	ck_assert(peers[1].dismissed);
	expect_part(&peers[1], "\"code\":\"rate_limited\"");
	ck_assert(!events_drop(&peers[1].session));
	finish();
}
END_TEST

START_TEST(end_of_the_daemon_is_told)
{
	begin();
	CONFIGURE("a", "user:1001 (*)");
	ask(&peers[1], "{}");
	ask(&peers[2], "{\"events\":[\"signedIn\"]}");
	peers[1].n_read = peers[2].n_read = 1;
	events_end(events);
	expect_part(&peers[1], "\"error\":{\"code\":\"shutting_down\",\"retryable\":true");
	expect_part(&peers[2], "\"error\":{\"code\":\"shutting_down\",\"retryable\":true");
	ask(&peers[0], "{}");
	expect_part(&peers[0], "{\"code\":\"shutting_down\",\"retryable\":true,\"retryAfter\":1}");
	grant("a", "t1");
	expect_nothing(&peers[0]);
	finish();
}
END_TEST

START_TEST(who_leaves_costs_the_others_nothing)
{
	begin();
	CONFIGURE("a", "user:1001 (*)");
	ask(&peers[1], "{}");
	ask(&peers[2], "{}");
	leave(&peers[1]);
	grant("a", "t1");
	ck_assert_uint_eq(peers[1].n_lines, 1);
	ck_assert_uint_eq(peers[2].n_lines, 2);
	finish();
}
END_TEST

UNIT_MAIN("events", subscriber_hears_each_event_once_and_in_order, line_is_rendered_once_and_shared,
	state_comes_first_as_the_events_that_led_to_it,
	profiles_and_events_that_were_not_asked_for_are_not_heard,
	token_comes_where_it_is_asked_for_and_granted_by_name, who_may_not_hear_is_denied,
	privileged_may_wait_for_the_first_profile, wrong_parameters_are_refused_and_change_nothing,
	second_subscription_takes_the_place_of_the_first, nothing_is_heard_behind_an_unsubscription,
	reload_tells_what_is_new_to_a_subscriber,
	who_loses_a_profile_or_a_token_is_told_whatever_it_asked_for,
	subscription_that_a_reload_forbids_ends_with_the_reason,
	subscriber_that_does_not_read_is_dropped_with_the_reason_and_no_other,
	state_does_not_count_as_unread, reload_leaves_the_limit_of_what_is_unread,
	time_out_drops_subscribers_alone, end_of_the_daemon_is_told,
	who_leaves_costs_the_others_nothing)
