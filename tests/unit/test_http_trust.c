/* Whom io/http talks to over TLS, and what it says of those whom it does not. */
#include <openssl/x509_vfy.h>
#include <stdio.h>

#include "cases.h"
#include "http_fixture.h"
#include "io/tls.h"

START_TEST(trusted_server_is_talked_to_over_tls)
{
	start_server(&(struct http_script){.pieces = whole}, true);
	request.ca_file = http_server_certificate(server);
	post(&outcome);
	run();
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_str_eq(outcome.body, "body");
}
END_TEST

START_TEST(untrusted_server_gets_no_request)
{
	start_server(&(struct http_script){.pieces = whole}, true);
	request.ca_file = NULL;
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_error("the server's certificate is not trusted: self-signed certificate");
	ck_assert_int_eq(http_server_requests(server), 0);
}
END_TEST

static int count_authorities(X509_STORE *store)
{
	return sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
}

/* libcurl has a cache of its own, which would mix them up. */
START_TEST(each_request_is_held_to_its_own_authorities)
{
	const struct http_script script = {.pieces = nothing};
	struct http_server *other = http_server_start(&script, true);
	const char *why;

	start_server(&(struct http_script){.pieces = whole}, true);
	for (int i = 0; i < 6; i++) {
		bool own = i % 2 == _i;

		request.ca_file = http_server_certificate(own ? server : other);
		post(&outcome);
		run();
		ck_assert_int_eq(outcome.calls, i + 1);
		ck_assert_int_eq(outcome.failed, !own);
		ck_assert_int_eq(count_authorities(tls_store(tls, request.ca_file, &why)), 1);
	}
	ck_assert_int_eq(http_server_requests(server), 3);
	request.ca_file = NULL;
	post(&outcome);
	run();
	ck_assert(outcome.failed);
	http_server_stop(other);
}
END_TEST

START_TEST(certificate_of_another_host_is_not_trusted)
{
	start_server(&(struct http_script){.pieces = whole}, true);
	snprintf(url, sizeof(url), "https://localhost:%d/", http_server_port(server));
	request.ca_file = http_server_certificate(server);
	post(&outcome);
	run();
	assert_error_begins("the server's certificate is not trusted: ");
	ck_assert_int_eq(http_server_requests(server), 0);
}
END_TEST

START_TEST(plain_server_behind_https_is_an_error)
{
	start_server(&(struct http_script){.pieces = whole, .deaf = true}, false);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", http_server_port(server));
	post(&outcome);
	run();
	assert_error_begins("no TLS connection to 127.0.0.1:");
}
END_TEST

START_TEST(tls_connection_cut_within_the_body_is_an_error)
{
	static const char *const pieces[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", NULL};

	start_server(&(struct http_script){.pieces = pieces}, true);
	request.ca_file = http_server_certificate(server);
	post(&outcome);
	run();
	assert_error("the server closed the connection before its answer was whole");
}
END_TEST

START_TEST(missing_authorities_are_told_by_done)
{
	snprintf(url, sizeof(url), "https://127.0.0.1:9/");
	request.ca_file = "/nonexistent/ca.pem";
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
	assert_error("cannot read certificate authorities from /nonexistent/ca.pem: "
		     "No such file or directory");
}
END_TEST

START_TEST(authorities_may_be_forgotten_during_a_transfer)
{
	start_server(&(struct http_script){.pieces = whole}, true);
	request.ca_file = http_server_certificate(server);
	post(&outcome);
	tls_forget(tls);
	run();
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
}
END_TEST

CASES_MAIN("http_trust", set_up, tear_down, {trusted_server_is_talked_to_over_tls, 1},
	{untrusted_server_gets_no_request, 1}, {each_request_is_held_to_its_own_authorities, 2},
	{certificate_of_another_host_is_not_trusted, 1}, {plain_server_behind_https_is_an_error, 1},
	{tls_connection_cut_within_the_body_is_an_error, 1},
	{missing_authorities_are_told_by_done, 1},
	{authorities_may_be_forgotten_during_a_transfer, 1})
