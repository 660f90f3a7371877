/* When a transfer of io/http leaves, ends and is told of, whoever is cancelled or freed meanwhile.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cases.h"
#include "http_fixture.h"

/* Listens, and accepts nobody. */
static int listen_only(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	return fd;
}

START_TEST(nothing_leaves_before_the_loop_turns)
{
	struct pollfd listener = {listen_only(), POLLIN, 0};
	struct http_transfer *transfer = post(&outcome);

	ck_assert_int_eq(poll(&listener, 1, AWHILE_MS * (int)multiplier), 0);
	http_cancel(transfer);
	run();
	ck_assert_int_eq(poll(&listener, 1, AWHILE_MS * (int)multiplier), 0);

	transfer = post(&outcome);
	run_until_readable(listener.fd);
	http_cancel(transfer);
	run();
	ck_assert_int_eq(outcome.calls, 0);
	close(listener.fd);
}
END_TEST

START_TEST(cancelled_transfer_is_not_reported)
{
	static const char *const pieces[] = {"HTTP/1.1 200 OK\r\n", "Content-Length: 100\r\n",
		"\r\n", "a", "b", "c", "d", "e", "f", NULL};
	static const int after_ms[] = {0, 1, 5, 15, 25, 45};
	struct http_transfer *transfer;

	start_server(&(struct http_script){.pieces = pieces, .gap_ms = 10, .hold = true}, _i % 2);
	if (_i % 2) {
		request.ca_file = http_server_certificate(server);
	}
	transfer = post(&outcome);
	if (after_ms[_i / 2]) {
		run_for(after_ms[_i / 2]);
	}
	http_cancel(transfer);
	run();
	ck_assert_int_eq(outcome.calls, 0);
}
END_TEST

START_TEST(ended_transfer_can_be_cancelled_before_it_is_reported)
{
	struct http_transfer *transfer;

	snprintf(url, sizeof(url), "http://bad host/");
	transfer = post(&outcome);
	/* One turn: it departs, and its end is for the next one. */
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	http_cancel(transfer);
	run();
	ck_assert_int_eq(outcome.calls, 0);
}
END_TEST

START_TEST(freeing_ends_all_without_a_report)
{
	start_server(&(struct http_script){.pieces = nothing, .hold = true}, false);
	post(&outcome);
	post(&outcome);
	run_for(10);
	snprintf(url, sizeof(url), "http://bad host/");
	post(&outcome);
	http_free(http);
	http = NULL;
	run();
	ck_assert_int_eq(outcome.calls, 0);
}
END_TEST

/* Done callbacks that act on others. */

static struct http_transfer *others[3];

static void cancel_others(void *context, const struct http_answer *answer)
{
	struct http_transfer **own = context;

	outcome.calls++;
	for (size_t i = 0; i < 3; i++) {
		if (&others[i] != own) {
			http_cancel(others[i]);
		}
	}
}

START_TEST(done_may_cancel_the_others)
{
	start_server(&(struct http_script){.pieces = whole}, false);
	if (_i) {
		snprintf(url, sizeof(url),
			"http://bad host/"); /* all of them have ended when one is reported */
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
			http_send(http, &request, cancel_others, &others[i], &others[i]), 0);
	}
	run();
	ck_assert_int_eq(outcome.calls, 1);
}
END_TEST

static void post_for(http_done_fn *done)
{
	struct http_transfer *transfer;

	ck_assert_int_eq(http_send(http, &request, done, NULL, &transfer), 0);
}

static void post_again(void *context, const struct http_answer *answer)
{
	if (++outcome.calls < 5) {
		post_for(post_again);
	}
}

START_TEST(done_may_post)
{
	start_server(&(struct http_script){.pieces = whole}, false);
	post_for(post_again);
	run();
	ck_assert_int_eq(outcome.calls, 5);
	ck_assert_int_eq(http_server_requests(server), 5);
}
END_TEST

static void free_all(void *context, const struct http_answer *answer)
{
	outcome.calls++;
	http_free(http);
	http = NULL;
}

START_TEST(done_may_free_everything)
{
	start_server(&(struct http_script){.pieces = whole}, false);
	for (int i = 0; i < 3; i++) {
		post_for(free_all);
	}
	run();
	ck_assert_int_eq(outcome.calls, 1);
}
END_TEST

static void count_events(void *context, const struct http_answer *answer)
{
	outcome.calls = 1 + event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
}

START_TEST(behind_an_answer_nothing_is_waited_for)
{
	start_server(&(struct http_script){.pieces = whole}, false);
	post_for(count_events);
	run();
	ck_assert_int_eq(outcome.calls, 1);
}
END_TEST

START_TEST(many_at_once_are_each_reported_once)
{
	enum { N = 50 };
	static struct outcome outcomes[N];

	start_server(&(struct http_script){.pieces = whole}, false);
	for (int i = 0; i < N; i++) {
		post(&outcomes[i]);
	}
	run();
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(outcomes[i].calls, 1);
		ck_assert_msg(!outcomes[i].failed, "%s", outcomes[i].error);
		free(outcomes[i].body);
	}
	ck_assert_int_eq(http_server_requests(server), N);
}
END_TEST

CASES_MAIN("http_transfer", set_up, tear_down, {nothing_leaves_before_the_loop_turns, 1},
	{cancelled_transfer_is_not_reported, 12},
	{ended_transfer_can_be_cancelled_before_it_is_reported, 1},
	{freeing_ends_all_without_a_report, 1}, {done_may_cancel_the_others, 2}, {done_may_post, 1},
	{done_may_free_everything, 1}, {behind_an_answer_nothing_is_waited_for, 1},
	{many_at_once_are_each_reported_once, 1})
