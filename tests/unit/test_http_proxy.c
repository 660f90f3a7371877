/* The server of the fixture stands for the proxy; real ones are in the integration tests. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "core/secret.h"
#include "http_fixture.h"
#include "pem.h"

#define PASSWORD "pass:word"
#define BASIC    "cHJveHktdXNlcjpwYXNzOndvcmQ=" /* proxy-user:pass:word */

static char proxy_url[256], proxy_peer[64];
static struct secret *password;

/* Starts a proxy of that scheme, and a request to target by way of it. */
static void start_proxy(const char *scheme, const struct http_script *script, const char *target)
{
	bool with_tls = !strcmp(scheme, "https");

	start_server(script, with_tls);
	snprintf(proxy_peer, sizeof(proxy_peer), "127.0.0.1:%d", http_server_port(server));
	snprintf(proxy_url, sizeof(proxy_url), "%s://%s", scheme, proxy_peer);
	snprintf(url, sizeof(url), "%s", target);
	request.proxy_url = proxy_url;
	request.ca_file = with_tls ? http_server_certificate(server) : NULL;
}

static void set_password(void)
{
	password = secret_new(PASSWORD, strlen(PASSWORD));
	request.proxy_username = "proxy-user";
	request.proxy_password = password;
}

static void wait_for_outcome(void)
{
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	secret_free(password);
}

static void post_through(const char *scheme, const struct http_script *script, const char *target)
{
	start_proxy(scheme, script, target);
	wait_for_outcome();
}

/* The proxy's host and port stand between the two. */
static void assert_error_of_proxy(const char *before, const char *after)
{
	char expected[ERROR_MAX];

	snprintf(expected, sizeof(expected), "%s%s%s", before, proxy_peer, after);
	assert_error(expected);
	ck_assert(!outcome.begun);
	ck_assert(!outcome.misconfigured);
	ck_assert_int_eq(outcome.status, 0);
}

static bool proxy_was_told(const char *text)
{
	return strstr(http_server_last_request(server), text);
}

START_TEST(plain_request_goes_to_the_proxy_whole)
{
	post_through(_i ? "https" : "http", &(struct http_script){.pieces = whole},
		"http://login.test/oauth/token");
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_str_eq(outcome.body, "body");
	ck_assert(outcome.begun);
	ck_assert(proxy_was_told("POST http://login.test/oauth/token HTTP/1.1\r\n"));
	ck_assert(proxy_was_told("\r\n\r\n" FORM));
	ck_assert(!proxy_was_told("Proxy-Authorization"));
}
END_TEST

START_TEST(proxy_gets_its_user_and_password)
{
	start_proxy("http", &(struct http_script){.pieces = whole}, "http://login.test/");
	set_password();
	wait_for_outcome();
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert(proxy_was_told("\r\nProxy-Authorization: Basic " BASIC "\r\n"));
	ck_assert(!proxy_was_told("@"));
}
END_TEST

START_TEST(proxy_of_a_tunnel_sees_nothing_of_the_request)
{
	static const char *const pieces[] = {"HTTP/1.1 403 Forbidden\r\n\r\n", NULL};

	start_proxy("http", &(struct http_script){.pieces = pieces}, "https://login.test/oauth");
	set_password();
	wait_for_outcome();
	ck_assert(proxy_was_told("CONNECT login.test:443 HTTP/1.1\r\n"));
	ck_assert(proxy_was_told("\r\nProxy-Authorization: Basic " BASIC "\r\n"));
	ck_assert(!proxy_was_told("\r\nAuthorization"));
	ck_assert(!proxy_was_told("grant_type"));
	ck_assert(!proxy_was_told("/oauth"));
	assert_error_of_proxy(
		"the proxy ", " refuses a connection to login.test:443 with status 403");
}
END_TEST

START_TEST(status_of_a_refused_tunnel_is_not_the_servers)
{
	static const char *const pieces[] = {
		"HTTP/1.1 502 Bad Gateway\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno", NULL};

	post_through(_i ? "https" : "http", &(struct http_script){.pieces = pieces},
		"https://login.test/");
	assert_error_of_proxy(
		"the proxy ", " refuses a connection to login.test:443 with status 502");
	ck_assert_str_eq(outcome.retry_after, "(none)");
}
END_TEST

START_TEST(missing_or_wrong_password_is_told)
{
	static const char *const pieces[] = {
		"HTTP/1.1 407 Proxy Authentication Required\r\n"
		"Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
		NULL};

	start_proxy("http", &(struct http_script){.pieces = pieces},
		_i % 2 ? "https://login.test/" : "http://login.test/");
	if (_i / 2) {
		set_password();
	}
	wait_for_outcome();
	assert_error_of_proxy("the proxy ",
		_i / 2 ? " does not accept its user and password" : " wants a user and password");
	ck_assert_int_eq(http_server_requests(server), 1);
}
END_TEST

/* So does tinyproxy, which has 407 for a missing one alone. */
START_TEST(wrong_password_may_be_told_by_401)
{
	static const char *const pieces[] = {
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", NULL};

	start_proxy("http", &(struct http_script){.pieces = pieces}, "https://login.test/");
	set_password();
	wait_for_outcome();
	assert_error_of_proxy("the proxy ", " does not accept its user and password");
}
END_TEST

START_TEST(proxy_that_is_not_there_is_named)
{
	static const char *const schemes[] = {"http", "https", "socks5h"};

	start_proxy(schemes[_i % 3], &(struct http_script){.pieces = nothing},
		_i / 3 ? "http://login.test/" : "https://login.test/");
	http_server_stop(server);
	server = NULL;
	request.ca_file = NULL;
	wait_for_outcome();
	assert_error_of_proxy("cannot connect to the proxy ", ": Connection refused");
}
END_TEST

START_TEST(unknown_name_of_a_proxy_is_told)
{
	snprintf(url, sizeof(url), "https://login.test/");
	request.proxy_url = "http://unknown.test:3128";
	wait_for_outcome();
	assert_error("cannot resolve the proxy unknown.test");
	ck_assert(!outcome.begun);
}
END_TEST

START_TEST(proxy_that_closes_is_named)
{
	post_through("http", &(struct http_script){.pieces = nothing}, "https://login.test/");
	assert_error_of_proxy("the connection through the proxy ", " broke: Proxy CONNECT aborted");
}
END_TEST

START_TEST(proxy_that_does_not_answer_is_named)
{
	char expected[ERROR_MAX];

	request.connect_timeout_ms = SHORT_MS * multiplier;
	post_through("http", &(struct http_script){.pieces = nothing, .hold = true},
		"https://login.test/");
	snprintf(expected, sizeof(expected), "no connection to login.test:443 through the proxy %s",
		proxy_peer);
	assert_timeout(expected);
	ck_assert(!outcome.begun);
}
END_TEST

START_TEST(proxy_is_held_to_the_same_authorities)
{
	start_proxy("https", &(struct http_script){.pieces = whole},
		_i ? "http://login.test/" : "https://login.test/");
	request.ca_file = NULL;
	wait_for_outcome();
	assert_error("the proxy's certificate is not trusted: self-signed certificate");
	ck_assert(!outcome.begun);
	ck_assert_int_eq(http_server_requests(server), 0);
}
END_TEST

START_TEST(proxy_that_speaks_no_tls_is_named)
{
	char expected[ERROR_MAX];

	start_proxy("http", &(struct http_script){.pieces = whole, .deaf = true},
		"https://login.test/");
	snprintf(proxy_url, sizeof(proxy_url), "https://%s", proxy_peer);
	wait_for_outcome();
	snprintf(expected, sizeof(expected), "no TLS connection to the proxy %s: ", proxy_peer);
	assert_error_begins(expected);
	ck_assert(!outcome.begun);
}
END_TEST

START_TEST(proxy_is_shown_no_client_certificate)
{
	struct pem pem;

	pem_init(&pem);
	start_proxy("https", &(struct http_script){.pieces = nothing, .client_ca = ""},
		_i ? "http://login.test/" : "https://login.test/");
	request.client_cert = secret_new(pem.cert, strlen(pem.cert));
	request.client_key = secret_new(pem.key, strlen(pem.key));
	wait_for_outcome();
	ck_assert_int_eq(http_server_requests(server), 1);
	ck_assert_int_eq(http_server_certificates(server), 0);
	secret_free((struct secret *)request.client_cert);
	secret_free((struct secret *)request.client_key);
	pem_done(&pem);
}
END_TEST

START_TEST(loopback_has_no_proxy)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost"};

	start_server(&(struct http_script){.pieces = whole}, false);
	snprintf(url, sizeof(url), "http://%s:%d/", hosts[_i], http_server_port(server));
	request.proxy_url = "http://127.0.0.1:9";
	wait_for_outcome();
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert(proxy_was_told("POST / HTTP/1.1\r\n"));
}
END_TEST

START_TEST(unix_socket_has_no_proxy)
{
	snprintf(url, sizeof(url), "http://gateway.test/");
	request.unix_socket = "/nonexistent/socket";
	request.proxy_url = "http://127.0.0.1:9";
	wait_for_outcome();
	assert_error("cannot connect to /nonexistent/socket: No such file or directory");
}
END_TEST

START_TEST(hosts_of_no_proxy_are_asked_directly)
{
	static const char *const lists[] = {"here.test", "example.org, .test", "*"};

	start_server(&(struct http_script){.pieces = whole}, false);
	snprintf(url, sizeof(url), "http://here.test:%d/", http_server_port(server));
	request.proxy_url = "http://127.0.0.1:9";
	request.no_proxy = lists[_i];
	wait_for_outcome();
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert(proxy_was_told("POST / HTTP/1.1\r\n"));
}
END_TEST

START_TEST(other_hosts_than_those_of_no_proxy_go_through_it)
{
	request.no_proxy = "other.test";
	post_through("http", &(struct http_script){.pieces = whole}, "http://login.test/");
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert(proxy_was_told("POST http://login.test/ HTTP/1.1\r\n"));
}
END_TEST

/* With no_proxy it is libcurl that decides; the text says what it has done. */
START_TEST(who_refused_the_connection_is_told_with_no_proxy_too)
{
	char expected[ERROR_MAX];

	start_proxy("http", &(struct http_script){.pieces = nothing}, "http://login.test/");
	if (_i) {
		snprintf(url, sizeof(url), "http://here.test:%d/", http_server_port(server));
	}
	http_server_stop(server);
	server = NULL;
	request.no_proxy = "here.test";
	wait_for_outcome();
	snprintf(expected, sizeof(expected), "cannot connect to %s%s: Connection refused",
		_i ? "here.test" : "the proxy 127.0.0.1", strchr(proxy_peer, ':'));
	assert_error(expected);
}
END_TEST

START_TEST(environment_names_no_proxy)
{
	static const char *const names[] = {"http_proxy", "all_proxy", "ALL_PROXY"};

	setenv(names[_i], "http://127.0.0.1:9", 1);
	start_server(&(struct http_script){.pieces = whole}, false);
	snprintf(url, sizeof(url), "http://here.test:%d/", http_server_port(server));
	wait_for_outcome();
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
}
END_TEST

START_TEST(environment_exempts_no_host)
{
	setenv("no_proxy", "*", 1);
	setenv("NO_PROXY", "*", 1);
	post_through("http", &(struct http_script){.pieces = whole}, "http://here.test:9/");
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert(proxy_was_told("POST http://here.test:9/ HTTP/1.1\r\n"));
}
END_TEST

START_TEST(other_proxies_are_refused)
{
	static const char *const urls[] = {"socks5://127.0.0.1:9", "socks4a://127.0.0.1:9",
		"ftp://127.0.0.1:9", "not a proxy"};

	snprintf(url, sizeof(url), "https://login.test/");
	request.proxy_url = urls[_i];
	wait_for_outcome();
	assert_error("the proxy's URL is not one of http, https or socks5h");
	ck_assert(outcome.misconfigured);
}
END_TEST

CASES_MAIN("http_proxy", set_up, tear_down, {plain_request_goes_to_the_proxy_whole, 2},
	{proxy_gets_its_user_and_password, 1}, {proxy_of_a_tunnel_sees_nothing_of_the_request, 1},
	{status_of_a_refused_tunnel_is_not_the_servers, 2}, {missing_or_wrong_password_is_told, 4},
	{wrong_password_may_be_told_by_401, 1}, {proxy_that_is_not_there_is_named, 6},
	{unknown_name_of_a_proxy_is_told, 1}, {proxy_that_closes_is_named, 1},
	{proxy_that_does_not_answer_is_named, 1}, {proxy_is_held_to_the_same_authorities, 2},
	{proxy_that_speaks_no_tls_is_named, 1}, {proxy_is_shown_no_client_certificate, 2},
	{loopback_has_no_proxy, 2}, {unix_socket_has_no_proxy, 1},
	{hosts_of_no_proxy_are_asked_directly, 3},
	{other_hosts_than_those_of_no_proxy_go_through_it, 1},
	{who_refused_the_connection_is_told_with_no_proxy_too, 2}, {environment_names_no_proxy, 3},
	{environment_exempts_no_host, 1}, {other_proxies_are_refused, 4})
