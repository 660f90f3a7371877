/* What http_answer says of how far a request came: nobody may take one for unsent that was not. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "http_fixture.h"

static void assert_not_begun(void)
{
	ck_assert_int_eq(outcome.calls, 1);
	ck_assert(outcome.failed);
	ck_assert_msg(!outcome.begun, "\"%s\" is told as begun", outcome.error);
}

static void assert_begun(void)
{
	ck_assert_int_eq(outcome.calls, 1);
	ck_assert(outcome.failed);
	ck_assert_msg(outcome.begun, "\"%s\" is told as not begun", outcome.error);
	ck_assert(!outcome.misconfigured);
}

static void post_and_wait(void)
{
	post(&outcome);
	run();
}

static void post_over_tls(const struct http_script *script)
{
	start_server(script, true);
	request.ca_file = http_server_certificate(server);
	post_and_wait();
}

START_TEST(request_that_is_none_has_not_begun)
{
	snprintf(url, sizeof(url), "http://bad host/");
	post_and_wait();
	assert_not_begun();
	ck_assert(outcome.misconfigured);
}
END_TEST

START_TEST(unknown_name_is_not_begun)
{
	snprintf(url, sizeof(url), "http://unknown.test/");
	post_and_wait();
	assert_not_begun();
	ck_assert(!outcome.misconfigured);
}
END_TEST

START_TEST(name_that_is_not_resolved_in_time_is_not_begun)
{
	snprintf(url, sizeof(url), "http://slow.test/");
	request.connect_timeout_ms = SHORT_MS * multiplier;
	post_and_wait();
	assert_not_begun();
}
END_TEST

START_TEST(refused_connection_is_not_begun)
{
	start_server(&(struct http_script){.pieces = nothing}, false);
	http_server_stop(server);
	server = NULL;
	post_and_wait();
	assert_not_begun();
}
END_TEST

START_TEST(close_within_the_handshake_is_not_begun)
{
	post_over_tls(&(struct http_script){.pieces = nothing, .close_tls = true});
	assert_not_begun();
}
END_TEST

START_TEST(reset_within_the_handshake_is_not_begun)
{
	post_over_tls(&(struct http_script){.pieces = nothing, .close_tls = true, .reset = true});
	assert_not_begun();
}
END_TEST

START_TEST(handshake_that_hangs_is_not_begun)
{
	request.connect_timeout_ms = SHORT_MS * multiplier;
	post_over_tls(&(struct http_script){.pieces = nothing, .stall_tls = true});
	assert_not_begun();
}
END_TEST

START_TEST(untrusted_server_is_not_begun)
{
	start_server(&(struct http_script){.pieces = whole}, true);
	post_and_wait();
	assert_not_begun();
}
END_TEST

/* With a reset the connection might not even be one yet for the client. */
START_TEST(close_before_the_request_is_read_is_begun)
{
	post_to(&(struct http_script){.pieces = nothing, .deaf = true});
	assert_begun();
}
END_TEST

START_TEST(close_after_the_handshake_is_begun)
{
	post_over_tls(&(struct http_script){.pieces = nothing, .deaf = true});
	assert_begun();
}
END_TEST

START_TEST(close_after_the_headers_is_begun)
{
	post_to(&(struct http_script){.pieces = nothing, .headers_only = true, .reset = _i});
	assert_begun();
}
END_TEST

START_TEST(close_after_the_body_is_begun)
{
	post_to(&(struct http_script){.pieces = nothing, .reset = _i});
	assert_begun();
	ck_assert_int_eq(http_server_requests(server), 1);
}
END_TEST

START_TEST(close_within_the_answer_is_begun)
{
	static const char *const answers[] = {"HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "SSH-2.0-OpenSSH_9.2\r\n"};
	const char *const pieces[] = {answers[_i / 2], NULL};

	if (_i % 2) {
		post_over_tls(&(struct http_script){.pieces = pieces});
	} else {
		answer_with(pieces);
	}
	assert_begun();
}
END_TEST

START_TEST(no_answer_in_time_is_begun)
{
	request.request_timeout_ms = SHORT_MS * multiplier;
	post_to(&(struct http_script){.pieces = nothing, .hold = true});
	assert_begun();
}
END_TEST

START_TEST(half_an_answer_in_time_is_begun)
{
	static const char *const pieces[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", NULL};

	request.request_timeout_ms = SHORT_MS * multiplier;
	post_to(&(struct http_script){.pieces = pieces, .hold = true});
	assert_begun();
}
END_TEST

START_TEST(answer_is_begun)
{
	answer_with(whole);
	ck_assert(!outcome.failed);
	ck_assert(outcome.begun);
	ck_assert(!outcome.misconfigured);
}
END_TEST

CASES_MAIN("http_begun", set_up, tear_down, {request_that_is_none_has_not_begun, 1},
	{unknown_name_is_not_begun, 1}, {name_that_is_not_resolved_in_time_is_not_begun, 1},
	{refused_connection_is_not_begun, 1}, {close_within_the_handshake_is_not_begun, 1},
	{reset_within_the_handshake_is_not_begun, 1}, {handshake_that_hangs_is_not_begun, 1},
	{untrusted_server_is_not_begun, 1}, {close_before_the_request_is_read_is_begun, 1},
	{close_after_the_handshake_is_begun, 1}, {close_after_the_headers_is_begun, 2},
	{close_after_the_body_is_begun, 2}, {close_within_the_answer_is_begun, 8},
	{no_answer_in_time_is_begun, 1}, {half_an_answer_in_time_is_begun, 1}, {answer_is_begun, 1})
