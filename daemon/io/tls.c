#include "tls.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	WHY_MAX = 512, /* bytes of the text that tells what went wrong */
};

struct authorities {
	LIST_ENTRY(authorities) entry; /* in tls->loaded */
	char *ca_file;                 /* NULL: the system's */
	X509_STORE *store;
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

void tls_forget(struct tls *tls)
{
	while (!LIST_EMPTY(&tls->loaded)) {
		struct authorities *authorities = LIST_FIRST(&tls->loaded);

		LIST_REMOVE(authorities, entry);
		authorities_free(authorities);
	}
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
		tls_forget(tls);
		free(tls);
	}
}
