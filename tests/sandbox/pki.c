#include "pki.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PKI_DAYS        825
#define PKI_BACKDATED_S 3600
#define PKI_DAY_S       86400
#define PKI_CONTEXT     "gctokend-sandbox"

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = extension && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* A new key and certificate, signed by ISSUER or, with NULL, by itself as a CA. */
static bool identity_make(struct identity *self, const struct identity *issuer, const char *name)
{
	self->key = EVP_EC_gen("P-256");
	self->cert = X509_new();
	if (!self->key || !self->cert) {
		return false;
	}
	X509 *cert = self->cert;
	X509 *by = issuer ? issuer->cert : cert;
	BIGNUM *serial = BN_new();
	bool ok = X509_set_version(cert, X509_VERSION_3) == 1 && serial &&
		  BN_rand(serial, 120, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) &&
		  X509_gmtime_adj(X509_getm_notBefore(cert), -PKI_BACKDATED_S) &&
		  X509_gmtime_adj(X509_getm_notAfter(cert), (long)PKI_DAYS * PKI_DAY_S) &&
		  X509_set_pubkey(cert, self->key) == 1 &&
		  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
			  (const unsigned char *)name, -1, -1, 0) == 1 &&
		  X509_set_issuer_name(cert, X509_get_subject_name(by)) == 1 &&
		  add_extension(cert, by, NID_subject_key_identifier, "hash");
	BN_free(serial);
	if (issuer) {
		ok = ok && add_extension(cert, by, NID_authority_key_identifier, "keyid") &&
		     add_extension(cert, by, NID_basic_constraints, "critical,CA:FALSE") &&
		     add_extension(cert, by, NID_key_usage, "critical,digitalSignature") &&
		     add_extension(cert, by, NID_ext_key_usage, "serverAuth") &&
		     add_extension(
			     cert, by, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
	} else {
		ok = ok && add_extension(cert, by, NID_basic_constraints, "critical,CA:TRUE") &&
		     add_extension(cert, by, NID_key_usage, "critical,keyCertSign,cRLSign");
	}
	return ok && X509_sign(cert, issuer ? issuer->key : self->key, EVP_sha256()) > 0;
}

static bool write_pem(const char *dir, const char *name, mode_t mode, const struct identity *self)
{
	char *path = mem_printf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	free(path);
	if (!file) {
		return false;
	}
	bool ok = mode == 0600
			  ? PEM_write_PrivateKey(file, self->key, NULL, NULL, 0, NULL, NULL) == 1
			  : PEM_write_X509(file, self->cert) == 1;
	return fclose(file) == 0 && ok;
}

static bool is_there(const char *dir, const char *name)
{
	char *path = mem_printf("%s/%s", dir, name);
	bool there = access(path, R_OK) == 0;
	free(path);
	return there;
}

int pki_make(const char *dir, char *error, size_t error_size)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		snprintf(error, error_size, "cannot make %s: %s", dir, strerror(errno));
		return -1;
	}
	if (is_there(dir, "ca.pem") && is_there(dir, "server.pem") && is_there(dir, "server.key")) {
		return 0;
	}
	struct identity ca = {0};
	struct identity server = {0};
	bool ok = identity_make(&ca, NULL, "gctokend-sandbox CA") &&
		  identity_make(&server, &ca, "localhost") && write_pem(dir, "ca.key", 0600, &ca) &&
		  write_pem(dir, "server.key", 0600, &server) &&
		  write_pem(dir, "ca.pem", 0644, &ca) &&
		  write_pem(dir, "server.pem", 0644, &server);
	EVP_PKEY_free(ca.key);
	X509_free(ca.cert);
	EVP_PKEY_free(server.key);
	X509_free(server.cert);
	if (!ok) {
		snprintf(error, error_size, "cannot make the certificates in %s", dir);
	}
	return ok ? 0 : -1;
}

/* Whom a client's certificate is from does not matter: it is known by its fingerprint. */
static int accept_any(int ok, X509_STORE_CTX *ctx)
{
	return 1;
}

SSL_CTX *pki_context(const char *cert, const char *key, bool ask, char *error, size_t error_size)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	if (!tls || SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
		SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(tls) != 1) {
		const char *reason = ERR_reason_error_string(ERR_peek_last_error());
		snprintf(error, error_size, "cannot use %s with %s: %s", cert, key,
			reason ? reason : "unknown");
		SSL_CTX_free(tls);
		return NULL;
	}
	if (ask) {
		SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, accept_any);
		/* Without it OpenSSL ends connections that resume a session. */
		SSL_CTX_set_session_id_context(
			tls, (const unsigned char *)PKI_CONTEXT, strlen(PKI_CONTEXT));
	}
	return tls;
}

char *pki_fingerprint(const X509 *cert)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (X509_digest(cert, EVP_sha256(), digest, &len) != 1) {
		mem_die("cannot read a certificate");
	}
	char *text = mem_new(2 * (size_t)len + 1);
	for (unsigned i = 0; i < len; i++) {
		snprintf(text + (size_t)2 * i, 3, "%02x", digest[i]);
	}
	return text;
}

char *pki_pem_fingerprint(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	char *text = cert ? pki_fingerprint(cert) : NULL;
	X509_free(cert);
	BIO_free(bio);
	return text;
}

EVP_PKEY *pki_public_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return key;
}
