/*
 * Certificates and keys for tests, made anew each time. It does not know who uses them.
 */
#pragma once

#include <openssl/types.h>

#define PEM_PASSPHRASE "open sesame"

struct pem {
	char *cert;          /* self-signed, for 127.0.0.1 */
	char *key;           /* of it */
	char *encrypted_key; /* the same, under PEM_PASSPHRASE */
};

/* Does not fail. */
void pem_init(struct pem *pem);
void pem_done(struct pem *pem);

/* The same as objects. */
X509 *pem_certificate(EVP_PKEY *key);
