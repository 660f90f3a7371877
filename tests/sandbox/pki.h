/*
 * The TLS side: a CA and a server certificate for localhost, 127.0.0.1 and ::1, the context that
 * serves them, and keys and certificates of clients. Knows nothing of connections.
 */
#ifndef SANDBOX_PKI_H
#define SANDBOX_PKI_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Makes DIR (0700) if it is missing, and in it ca.pem, ca.key, server.pem, server.key (keys 0600)
 * unless ca.pem, server.pem and server.key are there from an earlier start. 0, or -1 with a message
 * in ERROR.
 */
int pki_make(const char *dir, char *error, size_t error_size);

/* A server context with these PEM files. ASK makes it ask clients for a certificate, of whatever
 * issuer, which they need not have. NULL with a message in ERROR. The caller frees it. */
SSL_CTX *pki_context(const char *cert, const char *key, bool ask, char *error, size_t error_size);

/* SHA-256 of a certificate in hexadecimal; NULL if PEM is not one. The caller frees it. */
char *pki_fingerprint(const X509 *cert);
char *pki_pem_fingerprint(const char *pem);

/* A public key in PEM, or NULL. The caller frees it. */
EVP_PKEY *pki_public_key(const char *pem);

#endif
