/*
 * The certificate authorities that servers are checked against, loaded once for each distinct file
 * and shared by all connections. It does not know HTTP.
 */
#pragma once

#include <openssl/types.h>

struct tls;

struct tls *tls_new(void);
void tls_free(struct tls *tls);

/*
 * The store of ca_file (PEM), or of the system's authorities when it is NULL; borrowed, valid as
 * long as tls. A file that has changed since is loaded again after tls_forget(). NULL with a text
 * in *ret_why (static or owned by tls) on error.
 */
X509_STORE *tls_store(struct tls *tls, const char *ca_file, const char **ret_why);

/* Lets go of the stores whose file has changed, so that the next use reads it again (at a reload).
 */
void tls_forget(struct tls *tls);
