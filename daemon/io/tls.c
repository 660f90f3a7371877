#include "tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

enum {
	WHY_MAX = 512, /* bytes of the text that tells what went wrong */
};

struct authorities {
	LIST_ENTRY(authorities) entry; /* in tls->loaded */
	char *ca_file;                 /* NULL: the system's */
	X509_STORE *store;
	struct stat st; /* of the file that was read, all zero where there is none */
};

struct tls {
	LIST_HEAD(, authorities) loaded;
	char why[WHY_MAX];
};

static void authorities_free(struct authorities *authorities)
{
	X509_STORE_free(authorities->store);
	free(authorities->ca_file);
	free(authorities);
}

/* The first error is the one that says which system call failed. */
static const char *openssl_says(void)
{
	unsigned long error = ERR_peek_error();
	const char *text;

	if (ERR_SYSTEM_ERROR(error)) {
		return strerror(ERR_GET_REASON(error));
	}
	text = ERR_reason_error_string(error);
	return text ? text : "unknown error";
}

/* The file that the authorities come from; the system's may be a directory alone. */
static struct stat file_stat(const char *ca_file)
{
	const char *system = getenv(X509_get_default_cert_file_env());
	struct stat st = {0};

	if (!ca_file) {
		ca_file = system ? system : X509_get_default_cert_file();
	}
	if (stat(ca_file, &st) < 0) {
		st = (struct stat){0};
	}
	return st;
}

static bool has_changed(const struct authorities *authorities)
{
	struct stat st = file_stat(authorities->ca_file);

	return st.st_dev != authorities->st.st_dev || st.st_ino != authorities->st.st_ino ||
	       st.st_size != authorities->st.st_size ||
	       st.st_mtim.tv_sec != authorities->st.st_mtim.tv_sec ||
	       st.st_mtim.tv_nsec != authorities->st.st_mtim.tv_nsec;
}

/* Returns NULL with tls->why set. */
static struct authorities *authorities_load(struct tls *tls, const char *ca_file)
{
	struct authorities *authorities = calloc(1, sizeof(*authorities));

	ERR_clear_error();
	if (!authorities) {
		goto no_memory;
	}
	authorities->store = X509_STORE_new();
	authorities->ca_file = ca_file ? strdup(ca_file) : NULL;
	if (!authorities->store || (ca_file && !authorities->ca_file)) {
		goto no_memory;
	}
	authorities->st = file_stat(ca_file);
	/* As curl(1) has it: whatever stands in the file is trusted, an intermediate too. */
	X509_STORE_set_flags(authorities->store, X509_V_FLAG_PARTIAL_CHAIN);
	if (!(ca_file ? X509_STORE_load_file(authorities->store, ca_file)
		      : X509_STORE_set_default_paths(authorities->store))) {
		snprintf(tls->why, sizeof(tls->why),
			"cannot read certificate authorities from %s: %s",
			ca_file ? ca_file : "the system", openssl_says());
		goto failed;
	}
	return authorities;

no_memory:
	snprintf(tls->why, sizeof(tls->why), "no memory for certificate authorities");
failed:
	ERR_clear_error();
	if (authorities) {
		authorities_free(authorities);
	}
	return NULL;
}

X509_STORE *tls_store(struct tls *tls, const char *ca_file, const char **ret_why)
{
	struct authorities *authorities;

	LIST_FOREACH (authorities, &tls->loaded, entry) {
		if (ca_file ? authorities->ca_file && !strcmp(authorities->ca_file, ca_file)
			    : !authorities->ca_file) {
			return authorities->store;
		}
	}
	authorities = authorities_load(tls, ca_file);
	if (!authorities) {
		*ret_why = tls->why;
		return NULL;
	}
	LIST_INSERT_HEAD(&tls->loaded, authorities, entry);
	return authorities->store;
}

static void forget(struct tls *tls, bool (*test)(const struct authorities *authorities))
{
	struct authorities *authorities, *next;

	for (authorities = LIST_FIRST(&tls->loaded); authorities; authorities = next) {
		next = LIST_NEXT(authorities, entry);
		if (!test || test(authorities)) {
			LIST_REMOVE(authorities, entry);
			authorities_free(authorities);
		}
	}
}

void tls_forget(struct tls *tls)
{
	forget(tls, has_changed);
}

struct tls *tls_new(void)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (tls) {
		LIST_INIT(&tls->loaded);
	}
	return tls;
}

void tls_free(struct tls *tls)
{
	if (tls) {
		forget(tls, NULL);
		free(tls);
	}
}
