/* A client's certificate and key: looked at, and shown to servers that want one. */
#include "io/tls_client.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "core/secret.h"
#include "http_fixture.h"
#include "pem.h"

static struct pem own, other;
static char why[TLS_CLIENT_WHY_MAX];

static void make(void)
{
	set_up();
	pem_init(&own);
	pem_init(&other);
}

static void unmake(void)
{
	tear_down();
	pem_done(&own);
	pem_done(&other);
}

static struct secret *secret_of(const char *text)
{
	return text ? secret_new(text, strlen(text)) : NULL;
}

static bool fits(const char *cert, const char *key, const char *passphrase)
{
	struct secret *secrets[] = {secret_of(cert), secret_of(key), secret_of(passphrase)};
	bool result = tls_client_check(secrets[0], secrets[1], secrets[2], why);

	for (int i = 0; i < 3; i++) {
		secret_free(secrets[i]);
	}
	return result;
}

static char *joined(const char *a, const char *b)
{
	char *text;

	ck_assert_int_gt(asprintf(&text, "%s%s", a, b), 0);
	return text;
}

START_TEST(pair_that_fits_is_taken)
{
	char *chain = joined(own.cert, other.cert);

	ck_assert_msg(fits(own.cert, own.key, NULL), "%s", why);
	ck_assert_msg(fits(own.cert, own.encrypted_key, PEM_PASSPHRASE), "%s", why);
	ck_assert_msg(fits(own.cert, own.key, "needless"), "%s", why);
	ck_assert_msg(fits(chain, own.key, NULL), "%s", why);
	free(chain);
}
END_TEST

static void assert_refused(
	const char *cert, const char *key, const char *passphrase, const char *beginning)
{
	ck_assert(!fits(cert, key, passphrase));
	ck_assert_msg(!strncmp(why, beginning, strlen(beginning)), "\"%s\"", why);
}

START_TEST(what_is_wrong_is_said)
{
	char *broken_chain = joined(own.cert, "-----BEGIN CERTIFICATE-----\nAAAA\n"
					      "-----END CERTIFICATE-----\n");
	char *swapped = joined(other.cert, own.cert);
	char long_passphrase[4096];

	memset(long_passphrase, 'a', sizeof(long_passphrase) - 1);
	long_passphrase[sizeof(long_passphrase) - 1] = '\0';
	assert_refused(own.cert, NULL, NULL, "the client certificate needs its client_key");
	assert_refused(NULL, own.key, NULL, "the client key needs its client_cert");
	assert_refused("", own.key, NULL, "the client certificate is not one in PEM");
	assert_refused("hello", own.key, NULL, "the client certificate is not one in PEM");
	assert_refused(own.key, own.key, NULL, "the client certificate is not one in PEM");
	assert_refused(broken_chain, own.key, NULL, "a certificate behind the client's own ");
	assert_refused(own.cert, "hello", NULL, "the client key is not one in PEM");
	assert_refused(own.cert, own.cert, NULL, "the client key is not one in PEM");
	assert_refused(own.cert, own.encrypted_key, NULL, "the client key is encrypted, and there");
	assert_refused(own.cert, own.encrypted_key, "wrong", "the client key cannot be decrypted");
	assert_refused(own.cert, own.encrypted_key, "", "the client key cannot be decrypted");
	assert_refused(
		own.cert, own.encrypted_key, long_passphrase, "the client key cannot be decrypted");
	assert_refused(own.cert, other.key, NULL, "the client key does not fit");
	assert_refused(swapped, own.key, NULL, "the client key does not fit");
	free(broken_chain);
	free(swapped);
}
END_TEST

static void show(const char *cert, const char *key, const char *passphrase)
{
	struct secret *secrets[] = {secret_of(cert), secret_of(key), secret_of(passphrase)};

	request.ca_file = http_server_certificate(server);
	request.client_cert = secrets[0];
	request.client_key = secrets[1];
	request.client_key_passphrase = secrets[2];
	post(&outcome);
	for (int i = 0; i < 3; i++) {
		secret_free(secrets[i]);
	}
	run();
	ck_assert_int_eq(outcome.calls, 1);
}

static void start_asking(bool tls_1_2)
{
	start_server(
		&(struct http_script){.pieces = whole, .client_ca = own.cert, .tls_1_2 = tls_1_2},
		true);
}

START_TEST(server_that_wants_a_certificate_gets_it)
{
	start_asking(_i % 2);
	if (_i / 2) {
		show(own.cert, own.encrypted_key, PEM_PASSPHRASE);
	} else {
		show(own.cert, own.key, NULL);
	}
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
	ck_assert_str_eq(outcome.body, "body");
	ck_assert_int_eq(http_server_certificates(server), 1);
}
END_TEST

static void assert_hint(const char *hint)
{
	ck_assert(outcome.failed);
	ck_assert(!outcome.misconfigured);
	ck_assert_msg(strstr(outcome.error, hint), "\"%s\"", outcome.error);
	ck_assert_ptr_null(strstr(outcome.error, "getpeername"));
	ck_assert_int_eq(http_server_requests(server), 0);
}

START_TEST(missing_certificate_is_what_the_error_says)
{
	start_asking(_i);
	show(NULL, NULL, NULL);
	assert_hint("; the server may want a client certificate");
}
END_TEST

START_TEST(refused_certificate_is_what_the_error_says)
{
	start_asking(_i);
	show(other.cert, other.key, NULL);
	assert_hint("; the server may want a different client certificate");
}
END_TEST

START_TEST(bad_pair_is_told_before_anything_is_sent)
{
	start_asking(false);
	show(own.cert, other.key, NULL);
	assert_error("the client key does not fit the client certificate");
	ck_assert(outcome.misconfigured);
	ck_assert(!outcome.begun);
	ck_assert_int_eq(http_server_certificates(server), 0);
}
END_TEST

START_TEST(plain_http_needs_no_certificate)
{
	start_server(&(struct http_script){.pieces = whole}, false);
	show(own.cert, other.key, NULL);
	ck_assert_msg(!outcome.failed, "%s", outcome.error);
}
END_TEST

CASES_MAIN("tls_client", make, unmake, {pair_that_fits_is_taken, 1}, {what_is_wrong_is_said, 1},
	{server_that_wants_a_certificate_gets_it, 4},
	{missing_certificate_is_what_the_error_says, 2},
	{refused_certificate_is_what_the_error_says, 2},
	{bad_pair_is_told_before_anything_is_sent, 1}, {plain_http_needs_no_certificate, 1})
