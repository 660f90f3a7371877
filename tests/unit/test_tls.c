#include "io/tls.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http_server.h"
#include "unit.h"

static const char *const nothing[] = {NULL};

static int count(X509_STORE *store)
{
	return sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
}

START_TEST(file_is_loaded_once_until_it_is_forgotten)
{
	struct http_server *server = http_server_start(
		&(struct http_script){.pieces = nothing}, true);
	const char *path = http_server_certificate(server);
	struct tls *tls = tls_new();
	const char *why;
	X509_STORE *store = tls_store(tls, path, &why);

	ck_assert_ptr_nonnull(store);
	ck_assert_int_eq(count(store), 1);
	unlink(path);
	ck_assert_ptr_eq(tls_store(tls, path, &why), store);
	tls_forget(tls);
	ck_assert_ptr_null(tls_store(tls, path, &why));
	tls_free(tls);
	http_server_stop(server);
}
END_TEST

START_TEST(each_file_and_the_system_have_stores_of_their_own)
{
	const struct http_script script = {.pieces = nothing};
	struct http_server *a = http_server_start(&script, true);
	struct http_server *b = http_server_start(&script, true);
	struct tls *tls = tls_new();
	const char *why;
	X509_STORE *stores[] = {
		tls_store(tls, NULL, &why),
		tls_store(tls, http_server_certificate(a), &why),
		tls_store(tls, http_server_certificate(b), &why),
	};

	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(stores[i]);
		ck_assert_ptr_ne(stores[i], stores[(i + 1) % 3]);
	}
	ck_assert_ptr_eq(tls_store(tls, NULL, &why), stores[0]);
	ck_assert_ptr_eq(tls_store(tls, http_server_certificate(a), &why), stores[1]);
	ck_assert_ptr_eq(tls_store(tls, http_server_certificate(b), &why), stores[2]);
	tls_free(tls);
	http_server_stop(a);
	http_server_stop(b);
}
END_TEST

/* What cannot be read is asked for again, so that a file may come later. */
START_TEST(file_that_cannot_be_read_is_named_with_the_cause)
{
	struct tls *tls = tls_new();
	char path[] = "/tmp/test_tls_XXXXXX";
	char expected[256];
	const char *why;

	ck_assert_ptr_null(tls_store(tls, "/nonexistent/ca.pem", &why));
	ck_assert_str_eq(why, "cannot read certificate authorities from /nonexistent/ca.pem: "
			      "No such file or directory");
	ck_assert_ptr_null(tls_store(tls, "/tmp", &why));
	ck_assert_ptr_nonnull(strstr(why, "from /tmp: "));

	close(mkstemp(path));
	snprintf(expected, sizeof(expected),
		"cannot read certificate authorities from %s: no certificate or crl found", path);
	ck_assert_ptr_null(tls_store(tls, path, &why));
	ck_assert_str_eq(why, expected);
	unlink(path);
	tls_free(tls);
}
END_TEST

UNIT_MAIN("tls", file_is_loaded_once_until_it_is_forgotten,
	each_file_and_the_system_have_stores_of_their_own,
	file_that_cannot_be_read_is_named_with_the_cause)
