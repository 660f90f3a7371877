#include "sign.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/secret.h"
#include "proto/escape.h"

enum {
	JTI_BYTES = 16,
	JTI_SIZE = 22 + 1, /* in base64url, and NUL */
	STATE_BYTES = 32,
	P256_BYTES = 32, /* of R and of S, RFC 7518 section 3.4 */
	SIGNATURE_MAX = SIGN_RSA_BITS_MAX / 8,
	NUMBER_SIZE = 24, /* an int64_t and NUL */
};

struct sign_key {
	EVP_PKEY *pkey;
};

__attribute__((format(printf, 3, 4))) static int refuse(
	char why[SIGN_WHY_SIZE], int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, SIGN_WHY_SIZE, format, arguments);
	va_end(arguments);
	return -error;
}

struct asked {
	const struct secret *passphrase;
	bool asked;
};

/* pem_password_cb: without one, OpenSSL would ask on the terminal. */
static int give_passphrase(char *buffer, int size, int writing, void *context)
{
	struct asked *asked = context;

	asked->asked = true;
	if (!asked->passphrase || secret_len(asked->passphrase) > (size_t)size) {
		return -1;
	}
	memcpy(buffer, secret_reveal(asked->passphrase), secret_len(asked->passphrase));
	return (int)secret_len(asked->passphrase);
}

static int read_pem(const struct secret *pem, const struct secret *passphrase, EVP_PKEY **ret_pkey,
	char why[SIGN_WHY_SIZE])
{
	struct asked asked = {.passphrase = passphrase};
	BIO *bio = BIO_new_mem_buf(secret_reveal(pem), (int)secret_len(pem));

	if (!bio) {
		return refuse(why, ENOMEM, "no memory for the private key");
	}
	*ret_pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked);
	BIO_free(bio);
	ERR_clear_error();
	if (*ret_pkey) {
		return 0;
	}
	if (asked.asked && !passphrase) {
		return refuse(why, EACCES,
			"the private key is encrypted and there is no passphrase for it");
	}
	if (asked.asked) {
		return refuse(why, EACCES,
			"the passphrase of the private key is wrong, or the key is damaged");
	}
	return refuse(why, EINVAL,
		"it holds no private key in PEM (-----BEGIN PRIVATE KEY-----), or a damaged one");
}

static int check_rsa(const EVP_PKEY *pkey, char why[SIGN_WHY_SIZE])
{
	int bits = EVP_PKEY_get_bits(pkey);

	if (bits < SIGN_RSA_BITS_MIN || bits > SIGN_RSA_BITS_MAX) {
		return refuse(why, EINVAL,
			"the private key is RSA of %d bits; %d to %d are possible", bits,
			SIGN_RSA_BITS_MIN, SIGN_RSA_BITS_MAX);
	}
	return 0;
}

static int check_ec(const EVP_PKEY *pkey, char why[SIGN_WHY_SIZE])
{
	char group[64] = "unknown";

	EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
	ERR_clear_error();
	if (strcmp(group, SN_X9_62_prime256v1) != 0) {
		return refuse(why, EINVAL,
			"the private key is on the curve %s; ES256 takes P-256 (prime256v1)",
			group);
	}
	return 0;
}

static int check_key(const EVP_PKEY *pkey, char why[SIGN_WHY_SIZE])
{
	const char *type = EVP_PKEY_get0_type_name(pkey);

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		return check_rsa(pkey, why);
	case EVP_PKEY_EC:
		return check_ec(pkey, why);
	default:
		return refuse(why, EINVAL,
			"the private key is of the type %s; RSA (for RS256) or EC on P-256 (for "
			"ES256) are possible",
			type ? type : "unknown");
	}
}

int sign_key_read(const struct secret *pem, const struct secret *passphrase,
	struct sign_key **ret_key, char why[SIGN_WHY_SIZE])
{
	struct sign_key *key = calloc(1, sizeof(*key));
	int status;

	if (!key) {
		return refuse(why, ENOMEM, "no memory for the private key");
	}
	status = read_pem(pem, passphrase, &key->pkey, why);
	if (!status) {
		status = check_key(key->pkey, why);
	}
	if (status) {
		sign_key_free(key);
		return status;
	}
	*ret_key = key;
	return 0;
}

void sign_key_free(struct sign_key *key)
{
	if (key) {
		EVP_PKEY_free(key->pkey);
		free(key);
	}
}

bool sign_key_fits(const struct sign_key *key, enum signing_alg alg)
{
	int type = EVP_PKEY_get_base_id(key->pkey);

	switch (alg) {
	case SIGNING_RS256:
		return type == EVP_PKEY_RSA;
	case SIGNING_ES256:
		return type == EVP_PKEY_EC;
	}
	return false;
}

/* As a text with NUL, for which there has to be room. */
static int write_base64url(const unsigned char *bytes, size_t len, char *ret_text)
{
	struct form form = {0};
	int status = -ENOMEM;

	form_add_base64url(&form, (const char *)bytes, len);
	form_add_raw(&form, "", 1);
	if (!form.failed) {
		memcpy(ret_text, form.text, form.len);
		status = 0;
	}
	form_done(&form);
	return status;
}

/* Adds "name":"value", after a comma if it is not the first of the object. */
static void add_text(struct form *json, const char *name, const char *value)
{
	size_t len = strlen(value);
	char *quoted = malloc(ESCAPE_QUOTED_MAX(len));

	if (!quoted) {
		json->failed = true;
		return;
	}
	form_add_raw(json, json->len > 0 ? ",\"" : "{\"", 2);
	form_add_raw(json, name, strlen(name));
	form_add_raw(json, "\":", 2);
	form_add_raw(json, quoted, escape_quote(quoted, value, len));
	free(quoted);
}

/* Likewise, for an object that is not empty. */
static void add_number(struct form *json, const char *name, int64_t value)
{
	char text[NUMBER_SIZE];
	int len = snprintf(text, sizeof(text), "%" PRId64, value);

	form_add_raw(json, ",\"", 2);
	form_add_raw(json, name, strlen(name));
	form_add_raw(json, "\":", 2);
	form_add_raw(json, text, (size_t)len);
}

/* Closes the object, adds it to the token in base64url, and empties it. */
static void add_part(struct form *jwt, struct form *json)
{
	form_add_raw(json, "}", 1);
	if (json->failed) {
		jwt->failed = true;
	} else {
		form_add_base64url(jwt, json->text, json->len);
	}
	form_done(json);
}

static void add_header(struct form *jwt, enum signing_alg alg, const char *key_id)
{
	struct form json = {0};

	add_text(&json, "alg", alg == SIGNING_RS256 ? "RS256" : "ES256");
	add_text(&json, "typ", "JWT");
	if (key_id) {
		add_text(&json, "kid", key_id);
	}
	add_part(jwt, &json);
}

static int add_claims(struct form *jwt, const char *client_id, const char *audience, int64_t now_s)
{
	struct form json = {0};
	unsigned char random[JTI_BYTES];
	char jti[JTI_SIZE];
	int status;

	if (RAND_bytes(random, sizeof(random)) != 1) {
		return -EIO;
	}
	status = write_base64url(random, sizeof(random), jti);
	if (status) {
		return status;
	}
	add_text(&json, "iss", client_id);
	add_text(&json, "sub", client_id);
	add_text(&json, "aud", audience);
	add_text(&json, "jti", jti);
	add_number(&json, "iat", now_s);
	add_number(&json, "exp", now_s + SIGN_ASSERTION_LIFETIME_S);
	add_part(jwt, &json);
	return 0;
}

/* From the DER that OpenSSL makes to R and S side by side. Returns the length, 0 on failure. */
static size_t flatten_ecdsa(unsigned char signature[SIGNATURE_MAX], size_t len)
{
	const unsigned char *at = signature;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
	bool flat = pair &&
		    BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, P256_BYTES) == P256_BYTES &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + P256_BYTES, P256_BYTES) ==
			    P256_BYTES;

	ECDSA_SIG_free(pair);
	return flat ? (size_t)2 * P256_BYTES : 0;
}

/* Adds the signature of all that is there. */
static int add_signature(struct form *jwt, const struct sign_key *key, enum signing_alg alg)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();

	if (!digest) {
		return -ENOMEM;
	}
	if (EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, key->pkey) != 1 ||
		EVP_DigestSign(
			digest, signature, &len, (const unsigned char *)jwt->text, jwt->len) != 1) {
		len = 0;
	}
	EVP_MD_CTX_free(digest);
	if (len > 0 && alg == SIGNING_ES256) {
		len = flatten_ecdsa(signature, len);
	}
	ERR_clear_error();
	if (len == 0) {
		return -EIO;
	}
	form_add_raw(jwt, ".", 1);
	form_add_base64url(jwt, (const char *)signature, len);
	return 0;
}

int sign_client_assertion(const struct sign_key *key, enum signing_alg alg, const char *key_id,
	const char *client_id, const char *audience, int64_t now_s, struct secret **ret_jwt)
{
	struct form jwt = {0};
	struct secret *secret;
	int status;

	assert(sign_key_fits(key, alg));
	add_header(&jwt, alg, key_id);
	form_add_raw(&jwt, ".", 1);
	status = add_claims(&jwt, client_id, audience, now_s);
	if (!status) {
		status = jwt.failed ? -ENOMEM : add_signature(&jwt, key, alg);
	}
	if (status) {
		form_done(&jwt);
		return status;
	}
	secret = form_take(&jwt);
	if (!secret) {
		return -ENOMEM;
	}
	*ret_jwt = secret;
	return 0;
}

struct secret *sign_verifier(void)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	enum {
		N_LETTERS = sizeof(alphabet) - 1,
		/* Bytes from here on would make the first letters likelier than the last. */
		FAIR = 256 - 256 % N_LETTERS,
	};
	unsigned char random[SIGN_VERIFIER_LEN];
	char verifier[SIGN_VERIFIER_LEN];
	struct secret *secret = NULL;
	size_t len = 0;

	while (len < sizeof(verifier) && RAND_priv_bytes(random, sizeof(random)) == 1) {
		for (size_t i = 0; i < sizeof(random) && len < sizeof(verifier); i++) {
			if (random[i] < FAIR) {
				verifier[len++] = alphabet[random[i] % N_LETTERS];
			}
		}
	}
	if (len == sizeof(verifier)) {
		secret = secret_new(verifier, len);
	}
	explicit_bzero(random, sizeof(random));
	explicit_bzero(verifier, sizeof(verifier));
	return secret;
}

static int digest(const struct secret *secret, unsigned char ret_digest[SHA256_DIGEST_LENGTH])
{
	return SHA256((const unsigned char *)secret_reveal(secret), secret_len(secret), ret_digest)
		       ? 0
		       : -ENOMEM;
}

int sign_challenge(const struct secret *verifier, char ret_challenge[SIGN_CHALLENGE_SIZE])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	int status = digest(verifier, hash);

	return status ? status : write_base64url(hash, sizeof(hash), ret_challenge);
}

int sign_state(char ret_state[SIGN_STATE_SIZE])
{
	unsigned char random[STATE_BYTES];

	if (RAND_bytes(random, sizeof(random)) != 1) {
		return -EIO;
	}
	return write_base64url(random, sizeof(random), ret_state);
}

int sign_hash(const struct secret *secret, char ret_hash[SIGN_HASH_SIZE])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	int status = digest(secret, hash);

	for (size_t i = 0; !status && i < sizeof(hash); i++) {
		snprintf(ret_hash + 2 * i, 3, "%02x", hash[i]);
	}
	return status;
}
