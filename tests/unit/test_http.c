#include "io/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cases.h"
#include "core/secret.h"
#include "http_fixture.h"
#include "io/clock.h"
#include "io/http_collect.h"

START_TEST(whole_answer_comes_with_its_headers)
{
	answer_with(whole);
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_int_eq(outcome.status, 200);
	ck_assert_str_eq(outcome.body, "body");
	ck_assert_uint_eq(outcome.body_len, 4);
	ck_assert_str_eq(outcome.date, "Sat, 21 Nov 2026 18:00:00 GMT");
	ck_assert_str_eq(outcome.correlation_id, "abc-1");
	ck_assert_str_eq(outcome.retry_after, "(none)");
	ck_assert_int_ge(outcome.duration_ms, 0);
	ck_assert_int_lt(outcome.duration_ms, TIMEOUT_MS * multiplier);
}
END_TEST

START_TEST(request_has_what_a_token_request_needs_and_no_more)
{
	char expected[1024];

	answer_with(whole);
	snprintf(expected, sizeof(expected),
		"POST /oauth/token HTTP/1.1\r\n"
		"Host: 127.0.0.1:%d\r\n"
		"User-Agent: gctokend/" GCTOKEND_VERSION "\r\n"
		"Accept: application/json\r\n"
		"Content-Type: application/x-www-form-urlencoded\r\n"
		"Authorization: " HEADER "\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		http_server_port(server), strlen(FORM), FORM);
	ck_assert_str_eq(http_server_last_request(server), expected);
}
END_TEST

START_TEST(request_without_authorization_has_no_such_header)
{
	request.authorization = NULL;
	answer_with(whole);
	ck_assert_ptr_null(strstr(http_server_last_request(server), "Authorization"));
	ck_assert_ptr_nonnull(strstr(http_server_last_request(server), "\r\n\r\n" FORM));
}
END_TEST

START_TEST(body_of_json_is_told_as_such)
{
	request.content_type = HTTP_TYPE_JSON;
	answer_with(whole);
	ck_assert_ptr_nonnull(
		strstr(http_server_last_request(server), "\r\nContent-Type: application/json\r\n"));
	ck_assert_ptr_null(strstr(http_server_last_request(server), "urlencoded"));
}
END_TEST

START_TEST(delete_has_no_body_and_says_nothing_of_one)
{
	char expected[1024];

	request.method = "DELETE";
	request.body = NULL;
	answer_with(whole);
	ck_assert_int_eq(outcome.status, 200);
	snprintf(expected, sizeof(expected),
		"DELETE /oauth/token HTTP/1.1\r\n"
		"Host: 127.0.0.1:%d\r\n"
		"User-Agent: gctokend/" GCTOKEND_VERSION "\r\n"
		"Accept: application/json\r\n"
		"Authorization: " HEADER "\r\n\r\n",
		http_server_port(server));
	ck_assert_str_eq(http_server_last_request(server), expected);
}
END_TEST

START_TEST(request_goes_over_a_unix_socket)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char directory[] = "/tmp/test_http_XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char bytes[4096];
	int peer;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	snprintf(url, sizeof(url), "http://gateway.test/oauth/token");
	request.unix_socket = address.sun_path;

	post(&outcome);
	run();
	snprintf(bytes, sizeof(bytes), "cannot connect to %s: No such file or directory",
		address.sun_path);
	assert_error(bytes);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	post(&outcome);
	run_until_readable(fd);
	peer = accept(fd, NULL, NULL);
	run_until_readable(peer);
	ck_assert_int_gt(read(peer, bytes, sizeof(bytes)), 0);
	ck_assert_int_gt(write(peer, whole[0], strlen(whole[0])), 0);
	run();
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_int_eq(outcome.calls, 2);
	ck_assert_str_eq(outcome.body, "body");
	close(peer);
	close(fd);
	unlink(address.sun_path);
	rmdir(directory);
}
END_TEST

/* The queue of those who wait to be accepted is full, too. */
START_TEST(unix_socket_that_accepts_nobody_blocks_nobody)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char directory[] = "/tmp/test_http_XXXXXX";
	char expected[256];
	struct outcome others[2] = {{0}};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	snprintf(url, sizeof(url), "https://gateway.test/oauth/token");
	request.unix_socket = address.sun_path;
	request.connect_timeout_ms = SHORT_MS * multiplier;
	snprintf(expected, sizeof(expected), "no connection to %s", address.sun_path);
	post(&outcome); /* takes the only place in the queue */
	post(&others[0]);
	post(&others[1]);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_timeout(expected);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(others[i].calls, 1);
		ck_assert(others[i].failed);
		free(others[i].body);
	}
	close(fd);
	unlink(address.sun_path);
	rmdir(directory);
}
END_TEST

START_TEST(header_line_without_an_end_is_an_error)
{
	enum { LEN = 300 * 1000 };
	char *answer = malloc(LEN + 1);

	ck_assert_ptr_nonnull(answer);
	memset(answer, 'a', LEN);
	answer[LEN] = '\0';
	memcpy(answer, "HTTP/1.1 200 OK\r\nX: ", strlen("HTTP/1.1 200 OK\r\nX: "));
	answer_with((const char *const[]){answer, NULL});
	assert_error("no memory, or the answer has a header too long");
	free(answer);
}
END_TEST

START_TEST(every_request_has_a_connection_of_its_own)
{
	start_server(&(struct http_script){.pieces = whole, .hold = true}, false);
	for (int i = 1; i <= 3; i++) {
		post(&outcome);
		run();
		ck_assert_int_eq(outcome.calls, i);
		ck_assert_msg(!outcome.failed, "%s", outcome.error);
		ck_assert_int_eq(http_server_requests(server), i);
	}
}
END_TEST

static const char closed_early[] = "the server closed the connection before its answer was whole";

START_TEST(close_before_the_answer_is_an_error_after_one_request)
{
	answer_with(nothing);
	assert_error(closed_early);
	ck_assert_int_eq(http_server_requests(server), 1);
}
END_TEST

START_TEST(close_within_the_headers_is_an_error)
{
	static const char *const beginnings[] = {
		"H",
		"HTTP/1.1",
		"HTTP/1.1 200",
		"HTTP/1.1 200 OK",
		"HTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\r\nContent-Len",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
	};

	answer_with((const char *const[]){beginnings[_i], NULL});
	assert_error(closed_early);
	ck_assert_int_eq(http_server_requests(server), 1);
}
END_TEST

START_TEST(close_within_the_body_is_an_error)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"access_token\":\"abc\"}",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	};

	answer_with((const char *const[]){answers[_i], NULL});
	assert_error(closed_early);
}
END_TEST

START_TEST(reset_within_the_answer_is_an_error)
{
	static const char *const pieces[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", NULL};

	post_to(&(struct http_script){.pieces = pieces, .reset = true});
	ck_assert(outcome.failed);
}
END_TEST

START_TEST(body_may_end_with_the_connection)
{
	answer_with((const char *const[]){"HTTP/1.1 200 OK\r\n\r\n{}", NULL});
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_str_eq(outcome.body, "{}");
}
END_TEST

START_TEST(body_may_be_chunked_and_trailers_are_no_headers)
{
	answer_with((const char *const[]){
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n1\r\n}\r\n"
		"0\r\nRetry-After: 7\r\n\r\n",
		NULL});
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_str_eq(outcome.body, "{\"}");
	ck_assert_str_eq(outcome.retry_after, "(none)");
}
END_TEST

START_TEST(provisional_answers_are_passed_over_with_their_headers)
{
	static const char *const pieces[] = {"HTTP/1.1 100 Continue\r\nRetry-After: 99\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nDate: x\r\nInin-Correlation-Id: early\r\n\r\n",
		"HTTP/1.1 429 Slow\r\nretry-after: 7\r\nContent-Length: 2\r\n\r\nno", NULL};

	post_to(&(struct http_script){.pieces = pieces, .gap_ms = 5});
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_int_eq(outcome.status, 429);
	ck_assert_str_eq(outcome.retry_after, "7");
	ck_assert_str_eq(outcome.date, "(none)");
	ck_assert_str_eq(outcome.correlation_id, "(none)");
	ck_assert_str_eq(outcome.body, "no");
}
END_TEST

START_TEST(any_status_is_an_answer)
{
	static const int statuses[] = {204, 302, 304, 307, 400, 401, 404, 407, 429, 500, 503, 599};
	char answer[256];

	snprintf(answer, sizeof(answer),
		"HTTP/1.1 %d Status\r\nLocation: http://127.0.0.1:9/\r\n"
		"WWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
		statuses[_i]);
	answer_with((const char *const[]){answer, NULL});
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_int_eq(outcome.status, statuses[_i]);
	ck_assert_str_eq(outcome.body, "");
	ck_assert_int_eq(http_server_requests(server), 1);
}
END_TEST

START_TEST(answer_in_small_pieces_is_put_together)
{
	static const char *const pieces[] = {
		"HTTP/1.", "1 200 OK\r", "\nContent-Length: 6\r\n\r\n", "ab", "cd", "ef", NULL};

	post_to(&(struct http_script){.pieces = pieces, .gap_ms = 5});
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_str_eq(outcome.body, "abcdef");
}
END_TEST

/* An answer of that many bytes after its headers. */
static char *long_answer(size_t body_len)
{
	static const char headers[] = "HTTP/1.1 200 OK\r\n\r\n";
	char *answer = malloc(strlen(headers) + body_len + 1);

	ck_assert_ptr_nonnull(answer);
	memcpy(answer, headers, strlen(headers));
	memset(answer + strlen(headers), 'x', body_len);
	answer[strlen(headers) + body_len] = '\0';
	return answer;
}

START_TEST(body_as_long_as_the_limit_is_taken)
{
	char *answer = long_answer(HTTP_BODY_MAX);

	answer_with((const char *const[]){answer, NULL});
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_uint_eq(outcome.body_len, HTTP_BODY_MAX);
	ck_assert_uint_eq(strspn(outcome.body, "x"), HTTP_BODY_MAX);
	free(answer);
}
END_TEST

START_TEST(longer_body_is_an_error)
{
	char *answer = long_answer(HTTP_BODY_MAX + 1);

	answer_with((const char *const[]){answer, NULL});
	assert_error("the answer is too long");
	ck_assert_uint_le(outcome.body_len, HTTP_BODY_MAX);
	free(answer);
}
END_TEST

START_TEST(endless_headers_are_an_error)
{
	static const char line[] = "X-Filler: 0123456789012345678901234567890123456789\r\n";
	static const char provisional[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const char *unit = _i ? provisional : line;
	size_t n = 4000;
	char *answer = malloc(n * strlen(unit) + sizeof("HTTP/1.1 200 OK\r\n"));
	char *end = answer;

	ck_assert_ptr_nonnull(answer);
	end = stpcpy(end, _i ? "" : "HTTP/1.1 200 OK\r\n");
	for (size_t i = 0; i < n; i++) {
		end = stpcpy(end, unit);
	}
	answer_with((const char *const[]){answer, NULL});
	assert_error("the answer's headers are too long");
	free(answer);
}
END_TEST

START_TEST(header_values_are_cut_and_printable)
{
	char answer[1024];
	char filler[HTTP_HEADER_MAX + 101];

	memset(filler, 'a', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 503 No\r\nContent-Length: 0\r\nDate: %s\r\n"
		"Inin-Correlation-Id: a\x1b[31m\x80\r\nRetry-After:\t5\r\nRetry-After: 6\r\n"
		"Retry-After-Not: 9\r\n\r\n",
		filler);
	answer_with((const char *const[]){answer, NULL});
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_uint_eq(strlen(outcome.date), HTTP_HEADER_MAX);
	ck_assert_str_eq(outcome.correlation_id, "a?[31m?");
	ck_assert_str_eq(outcome.retry_after, "5");
}
END_TEST

START_TEST(what_is_not_http_is_an_error)
{
	answer_with((const char *const[]){"SSH-2.0-OpenSSH_9.2\r\n", NULL});
	assert_error_begins("Received HTTP/0.9");
}
END_TEST

START_TEST(refused_connection_names_host_and_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* keeps the port, and does not listen */
	char expected[128];

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	snprintf(expected, sizeof(expected), "cannot connect to 127.0.0.1:%d: Connection refused",
		ntohs(address.sin_port));
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_error(expected);
	close(fd);
}
END_TEST

START_TEST(unknown_name_is_an_error)
{
	snprintf(url, sizeof(url), "http://unknown.test/oauth/token");
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_error("cannot resolve unknown.test");
}
END_TEST

START_TEST(path_of_a_unix_socket_may_be_too_long)
{
	char path[200];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	snprintf(url, sizeof(url), "http://gateway.test/");
	request.unix_socket = path;
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_error_begins("Unix socket path too long: ");
}
END_TEST

START_TEST(url_that_is_none_is_told_by_done)
{
	snprintf(url, sizeof(url), "http://bad host/");
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_error("the URL is not one of http or https");
}
END_TEST

START_TEST(other_protocols_are_refused)
{
	snprintf(url, sizeof(url), "ftp://127.0.0.1/");
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_error("the URL is not one of http or https");
}
END_TEST

START_TEST(no_answer_in_time_is_an_error)
{
	request.request_timeout_ms = SHORT_MS * multiplier;
	post_to(&(struct http_script){.pieces = nothing, .hold = true});
	assert_timeout("no answer");
}
END_TEST

START_TEST(half_an_answer_in_time_is_an_error)
{
	static const char *const pieces[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", NULL};

	request.request_timeout_ms = SHORT_MS * multiplier;
	post_to(&(struct http_script){.pieces = pieces, .hold = true});
	assert_timeout("no whole answer");
}
END_TEST

START_TEST(dripping_does_not_prolong_the_time)
{
	static const char *const pieces[] = {
		"H", "T", "T", "P", "/", "1", ".", "1", " ", "2", "0", "0", " ", NULL};

	request.request_timeout_ms = SHORT_MS * multiplier;
	post_to(&(struct http_script){.pieces = pieces, .gap_ms = 30, .hold = true});
	assert_timeout("no whole answer");
}
END_TEST

START_TEST(handshake_that_hangs_is_no_connection)
{
	char expected[128];

	start_server(&(struct http_script){.pieces = nothing, .stall_tls = true}, true);
	request.ca_file = http_server_certificate(server);
	request.connect_timeout_ms = SHORT_MS * multiplier;
	post(&outcome);
	run();
	snprintf(expected, sizeof(expected), "no connection to 127.0.0.1:%d",
		http_server_port(server));
	assert_timeout(expected);
}
END_TEST

START_TEST(slow_resolver_delays_nothing)
{
	int64_t started_ms = clock_now();

	snprintf(url, sizeof(url), "http://slow.test/");
	request.connect_timeout_ms = SHORT_MS * multiplier;
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_timeout("cannot resolve slow.test");
	ck_assert_int_lt(clock_now() - started_ms, SOON_MS * multiplier);
}
END_TEST

START_TEST(slow_resolver_delays_no_end)
{
	int64_t started_ms = clock_now();
	struct http_transfer *transfer;

	snprintf(url, sizeof(url), "http://slow.test/");
	transfer = post(&outcome);
	post(&outcome);
	run_for(10);
	http_cancel(transfer);
	http_free(http);
	http = NULL;
	ck_assert_int_lt(clock_now() - started_ms, SOON_MS * multiplier);
	ck_assert_int_eq(outcome.calls, 0);
}
END_TEST

CASES_MAIN("http", set_up, tear_down, {whole_answer_comes_with_its_headers, 1},
	{request_has_what_a_token_request_needs_and_no_more, 1},
	{request_without_authorization_has_no_such_header, 1}, {body_of_json_is_told_as_such, 1},
	{delete_has_no_body_and_says_nothing_of_one, 1}, {request_goes_over_a_unix_socket, 1},
	{unix_socket_that_accepts_nobody_blocks_nobody, 1},
	{header_line_without_an_end_is_an_error, 1}, {every_request_has_a_connection_of_its_own, 1},
	{close_before_the_answer_is_an_error_after_one_request, 1},
	{close_within_the_headers_is_an_error, 10}, {close_within_the_body_is_an_error, 4},
	{reset_within_the_answer_is_an_error, 1}, {body_may_end_with_the_connection, 1},
	{body_may_be_chunked_and_trailers_are_no_headers, 1},
	{provisional_answers_are_passed_over_with_their_headers, 1}, {any_status_is_an_answer, 12},
	{answer_in_small_pieces_is_put_together, 1}, {body_as_long_as_the_limit_is_taken, 1},
	{longer_body_is_an_error, 1}, {endless_headers_are_an_error, 2},
	{header_values_are_cut_and_printable, 1}, {what_is_not_http_is_an_error, 1},
	{refused_connection_names_host_and_port, 1}, {unknown_name_is_an_error, 1},
	{path_of_a_unix_socket_may_be_too_long, 1}, {url_that_is_none_is_told_by_done, 1},
	{other_protocols_are_refused, 1}, {no_answer_in_time_is_an_error, 1},
	{half_an_answer_in_time_is_an_error, 1}, {dripping_does_not_prolong_the_time, 1},
	{handshake_that_hangs_is_no_connection, 1}, {slow_resolver_delays_nothing, 1},
	{slow_resolver_delays_no_end, 1})
