#include "tls_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "core/secret.h"

/* What OpenSSL's question for a passphrase is answered with. */
struct answer {
	const struct secret *passphrase;
	bool asked;
};

static const char *openssl_says(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "unknown error";
}

static bool refuse(char why[TLS_CLIENT_WHY_MAX], const char *text)
{
	snprintf(why, TLS_CLIENT_WHY_MAX, "%s", text);
	return false;
}

/* Borrows the bytes. */
static BIO *open_pem(const struct secret *pem)
{
	return BIO_new_mem_buf(secret_reveal(pem), (int)secret_len(pem));
}

/* Left to itself, OpenSSL would ask on the terminal. */
static int answer_passphrase(char *buffer, int size, int writing, void *context)
{
	struct answer *answer = context;
	size_t len = answer->passphrase ? secret_len(answer->passphrase) : 0;

	answer->asked = true;
	if (!answer->passphrase || len > (size_t)size) {
		return -1;
	}
	memcpy(buffer, secret_reveal(answer->passphrase), len);
	return (int)len;
}

/* Whether nothing but certificates stands behind the first. */
static bool check_chain(BIO *pem, char why[TLS_CLIENT_WHY_MAX])
{
	struct answer nobody = {0};
	X509 *link;

	while ((link = PEM_read_bio_X509(pem, NULL, answer_passphrase, &nobody))) {
		X509_free(link);
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		snprintf(why, TLS_CLIENT_WHY_MAX,
			"a certificate behind the client's own cannot be read: %s", openssl_says());
		return false;
	}
	return true;
}

static X509 *read_certificate(const struct secret *pem, char why[TLS_CLIENT_WHY_MAX])
{
	struct answer nobody = {0};
	BIO *bio = open_pem(pem);
	X509 *certificate = bio ? PEM_read_bio_X509_AUX(bio, NULL, answer_passphrase, &nobody)
				: NULL;

	if (!certificate) {
		refuse(why, "the client certificate is not one in PEM "
			    "(-----BEGIN CERTIFICATE-----)");
	} else if (!check_chain(bio, why)) {
		X509_free(certificate);
		certificate = NULL;
	}
	BIO_free(bio);
	return certificate;
}

static void tell_bad_key(const struct answer *answer, char why[TLS_CLIENT_WHY_MAX])
{
	if (!answer->asked) {
		refuse(why, "the client key is not one in PEM (-----BEGIN PRIVATE KEY-----)");
	} else if (!answer->passphrase) {
		refuse(why, "the client key is encrypted, and there is no client_key_passphrase");
	} else {
		snprintf(why, TLS_CLIENT_WHY_MAX,
			"the client key cannot be decrypted, its client_key_passphrase may be "
			"wrong: %s",
			openssl_says());
	}
}

static EVP_PKEY *read_key(
	const struct secret *pem, const struct secret *passphrase, char why[TLS_CLIENT_WHY_MAX])
{
	struct answer answer = {.passphrase = passphrase};
	BIO *bio = open_pem(pem);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, answer_passphrase, &answer) : NULL;

	if (!key) {
		tell_bad_key(&answer, why);
	}
	BIO_free(bio);
	return key;
}

bool tls_client_check(const struct secret *cert, const struct secret *key,
	const struct secret *passphrase, char why[TLS_CLIENT_WHY_MAX])
{
	X509 *certificate;
	EVP_PKEY *private_key;
	bool fits = false;

	if (!cert || !key) {
		return refuse(why, cert ? "the client certificate needs its client_key"
					: "the client key needs its client_cert");
	}
	ERR_clear_error();
	certificate = read_certificate(cert, why);
	private_key = certificate ? read_key(key, passphrase, why) : NULL;
	if (private_key) {
		fits = X509_check_private_key(certificate, private_key) == 1;
		if (!fits) {
			refuse(why, "the client key does not fit the client certificate");
		}
	}
	EVP_PKEY_free(private_key);
	X509_free(certificate);
	ERR_clear_error();
	return fits;
}
