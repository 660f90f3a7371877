#include "pem.h"

#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

X509 *pem_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(
		NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	X509_sign(certificate, key, EVP_sha256());
	return certificate;
}

/* Takes the BIO over. */
static char *text_of(BIO *bio)
{
	char *bytes, *text;
	long len = BIO_get_mem_data(bio, &bytes);

	text = strndup(bytes, (size_t)len);
	assert(text);
	BIO_free(bio);
	return text;
}

static char *key_text(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, PEM_PASSPHRASE,
		cipher ? (int)strlen(PEM_PASSPHRASE) : 0, NULL, NULL);
	return text_of(bio);
}

void pem_init(struct pem *pem)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = pem_certificate(key);
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(bio, certificate);
	pem->cert = text_of(bio);
	pem->key = key_text(key, NULL);
	pem->encrypted_key = key_text(key, EVP_aes_256_cbc());
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void pem_done(struct pem *pem)
{
	free(pem->cert);
	free(pem->key);
	free(pem->encrypted_key);
}
