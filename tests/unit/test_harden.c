#include "io/harden.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/secret.h"
#include "unit.h"

enum {
	DESCRIPTORS_MAX = 1024 * 1024, /* as the module has it */
	CREDENTIAL_LEN = 1000,
	CREDENTIALS = 1000, /* more than fit in the secure heap */
};

START_TEST(process_is_closed_to_others)
{
	struct rlimit limit;
	struct sigaction pipe_action;

	setenv("SSLKEYLOGFILE", "/tmp/keys", 1);
	umask(0);
	harden_process();
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 0);
	getrlimit(RLIMIT_CORE, &limit);
	ck_assert_uint_eq(limit.rlim_max, 0);
	ck_assert_ptr_null(getenv("SSLKEYLOGFILE"));
	ck_assert_uint_eq(umask(0), 077);
	sigaction(SIGPIPE, NULL, &pipe_action);
	ck_assert(pipe_action.sa_handler == SIG_IGN);
}
END_TEST

START_TEST(descriptors_are_as_many_as_allowed)
{
	struct rlimit limit;
	rlim_t hard;

	getrlimit(RLIMIT_NOFILE, &limit);
	hard = limit.rlim_max;
	limit.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	harden_process();
	getrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_uint_eq(limit.rlim_max, hard);
	ck_assert_uint_eq(limit.rlim_cur, hard < DESCRIPTORS_MAX ? hard : DESCRIPTORS_MAX);
}
END_TEST

START_TEST(credentials_are_locked_and_a_full_heap_refuses_none)
{
	static struct secret *secrets[CREDENTIALS];
	char credential[CREDENTIAL_LEN];

	memset(credential, 'x', sizeof(credential));
	harden_process();
	for (int i = 0; i < CREDENTIALS; i++) {
		secrets[i] = secret_new_locked(credential, sizeof(credential));
		ck_assert_ptr_nonnull(secrets[i]);
		ck_assert(secret_equals_bytes(secrets[i], credential, sizeof(credential)));
	}
	ck_assert(CRYPTO_secure_allocated(secrets[0]));
	ck_assert(!CRYPTO_secure_allocated(secrets[CREDENTIALS - 1]));
	for (int i = 0; i < CREDENTIALS; i++) {
		secret_free(secrets[i]);
	}
	ck_assert_uint_eq(CRYPTO_secure_used(), 0);
}
END_TEST

UNIT_MAIN("harden", process_is_closed_to_others, descriptors_are_as_many_as_allowed,
	credentials_are_locked_and_a_full_heap_refuses_none)
