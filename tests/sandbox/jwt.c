#include "jwt.h"

#include "codec.h"
#include "json.h"
#include "mem.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define JWT_RSA_BITS    2048
#define JWT_P256_BYTES  32
#define JWT_KID_LEN     16
#define JWT_MODULUS_MAX 512
#define JWT_ALGORITHMS  2

struct key {
	EVP_PKEY *pkey;
	char *kid;
};

struct jwt_keys {
	struct key keys[JWT_ALGORITHMS];
};

static const char *const alg_names[JWT_ALGORITHMS] = {[JWT_RS256] = "RS256", [JWT_ES256] = "ES256"};

static const struct key *jwt_key(struct jwt_keys *keys, enum jwt_alg alg)
{
	struct key *key = &keys->keys[alg];
	if (!key->pkey) {
		key->pkey = alg == JWT_RS256 ? EVP_RSA_gen(JWT_RSA_BITS) : EVP_EC_gen("P-256");
		key->kid = codec_random(JWT_KID_LEN);
		if (!key->pkey) {
			mem_die("cannot make a signing key");
		}
	}
	return key;
}

/* ECDSA signs in DER; JWS wants r and s side by side (RFC 7518 section 3.4). */
static void signature_flatten(const unsigned char *der, size_t len, unsigned char *flat)
{
	ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)len);
	if (!parts || BN_bn2binpad(ECDSA_SIG_get0_r(parts), flat, JWT_P256_BYTES) < 0 ||
		BN_bn2binpad(ECDSA_SIG_get0_s(parts), flat + JWT_P256_BYTES, JWT_P256_BYTES) < 0) {
		mem_die("cannot read a signature");
	}
	ECDSA_SIG_free(parts);
}

/* The signature of TEXT, base64url; the caller frees it. */
static char *signature_of(const struct key *key, enum jwt_alg alg, const char *text)
{
	unsigned char signature[JWT_MODULUS_MAX];
	unsigned char flat[2 * JWT_P256_BYTES];
	size_t len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) != 1 ||
		EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text, strlen(text)) !=
			1) {
		mem_die("cannot sign");
	}
	EVP_MD_CTX_free(ctx);
	if (alg == JWT_RS256) {
		return codec_base64url(signature, len);
	}
	signature_flatten(signature, len, flat);
	return codec_base64url(flat, sizeof(flat));
}

static char *json_base64url(const cJSON *json)
{
	char *text = json_print(json);
	char *encoded = codec_base64url(text, strlen(text));
	free(text);
	return encoded;
}

char *jwt_sign(struct jwt_keys *keys, enum jwt_alg alg, const cJSON *claims)
{
	const struct key *key = jwt_key(keys, alg);
	cJSON *header = cJSON_CreateObject();
	cJSON_AddStringToObject(header, "alg", alg_names[alg]);
	cJSON_AddStringToObject(header, "typ", "at+jwt"); /* RFC 9068 */
	cJSON_AddStringToObject(header, "kid", key->kid);
	char *head = json_base64url(header);
	char *body = json_base64url(claims);
	char *text = mem_printf("%s.%s", head, body);
	char *signature = signature_of(key, alg, text);
	char *jwt = mem_printf("%s.%s", text, signature);
	cJSON_Delete(header);
	free(head);
	free(body);
	free(text);
	free(signature);
	return jwt;
}

/* Adds a big number; LEN 0 is its own length. */
static void add_number(
	cJSON *jwk, const char *name, const EVP_PKEY *pkey, const char *param, int len)
{
	unsigned char bytes[JWT_MODULUS_MAX];
	BIGNUM *number = NULL;
	if (EVP_PKEY_get_bn_param(pkey, param, &number) != 1 ||
		BN_num_bytes(number) > (int)sizeof(bytes)) {
		mem_die("cannot read a public key");
	}
	len = len ? len : BN_num_bytes(number);
	BN_bn2binpad(number, bytes, len);
	char *text = codec_base64url(bytes, (size_t)len);
	cJSON_AddStringToObject(jwk, name, text);
	free(text);
	BN_free(number);
}

static cJSON *jwk_of(const struct key *key, enum jwt_alg alg)
{
	cJSON *jwk = cJSON_CreateObject();
	cJSON_AddStringToObject(jwk, "kid", key->kid);
	cJSON_AddStringToObject(jwk, "alg", alg_names[alg]);
	cJSON_AddStringToObject(jwk, "use", "sig");
	if (alg == JWT_RS256) {
		cJSON_AddStringToObject(jwk, "kty", "RSA");
		add_number(jwk, "n", key->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
		add_number(jwk, "e", key->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
	} else {
		cJSON_AddStringToObject(jwk, "kty", "EC");
		cJSON_AddStringToObject(jwk, "crv", "P-256");
		add_number(jwk, "x", key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, JWT_P256_BYTES);
		add_number(jwk, "y", key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, JWT_P256_BYTES);
	}
	return jwk;
}

cJSON *jwt_jwks(struct jwt_keys *keys)
{
	cJSON *jwks = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(jwks, "keys");
	for (int alg = 0; alg < JWT_ALGORITHMS; alg++) {
		const struct key *key = jwt_key(keys, (enum jwt_alg)alg);
		cJSON_AddItemToArray(list, jwk_of(key, (enum jwt_alg)alg));
	}
	return jwks;
}

/* The JSON of the part of JWT that begins at TEXT and ends before its next dot; NULL if there is
 * none. */
static cJSON *part_json(const char *text)
{
	size_t len = 0;
	const char *dot = strchr(text, '.');
	char *decoded = dot ? codec_base64url_decode(text, (size_t)(dot - text), &len) : NULL;
	cJSON *json = decoded ? json_parse(decoded, len) : NULL;
	free(decoded);
	return json;
}

cJSON *jwt_claims(const char *jwt)
{
	const char *dot = strchr(jwt, '.');
	return dot ? part_json(dot + 1) : NULL;
}

/* The opposite of signature_flatten, into DER_SIZE bytes; 0 if FLAT is no such signature. */
static size_t signature_raise(
	const unsigned char *flat, size_t len, unsigned char *der, size_t der_size)
{
	if (len != (size_t)2 * JWT_P256_BYTES) {
		return 0;
	}
	ECDSA_SIG *parts = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(flat, JWT_P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(flat + JWT_P256_BYTES, JWT_P256_BYTES, NULL);
	if (!parts || !r || !s || ECDSA_SIG_set0(parts, r, s) != 1) {
		mem_die("cannot read a signature");
	}
	int der_len = i2d_ECDSA_SIG(parts, NULL);
	if (der_len > 0 && (size_t)der_len <= der_size) {
		i2d_ECDSA_SIG(parts, &der);
	} else {
		der_len = 0;
	}
	ECDSA_SIG_free(parts);
	return (size_t)der_len;
}

static bool signature_ok(
	EVP_PKEY *key, const char *text, size_t text_len, const char *signature, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, (const unsigned char *)signature, len,
			  (const unsigned char *)text, text_len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool jwt_verify(const char *jwt, EVP_PKEY *key)
{
	enum jwt_alg alg = EVP_PKEY_is_a(key, "RSA") ? JWT_RS256 : JWT_ES256;
	const char *last = strrchr(jwt, '.');
	cJSON *header = part_json(jwt);
	const char *name = json_string(header, "alg");
	size_t len = 0;
	char *signature = last ? codec_base64url_decode(last + 1, strlen(last + 1), &len) : NULL;
	bool ok = signature && name && strcmp(name, alg_names[alg]) == 0;
	if (ok && alg == JWT_ES256) {
		unsigned char der[JWT_MODULUS_MAX];
		size_t der_len = signature_raise(
			(const unsigned char *)signature, len, der, sizeof(der));
		ok = signature_ok(key, jwt, (size_t)(last - jwt), (const char *)der, der_len);
	} else if (ok) {
		ok = signature_ok(key, jwt, (size_t)(last - jwt), signature, len);
	}
	free(signature);
	cJSON_Delete(header);
	return ok;
}

bool jwt_is_ours(struct jwt_keys *keys, const char *jwt)
{
	bool ok = false;
	for (int alg = 0; alg < JWT_ALGORITHMS && !ok; alg++) {
		ok = keys->keys[alg].pkey && jwt_verify(jwt, keys->keys[alg].pkey);
	}
	return ok;
}

struct jwt_keys *jwt_keys_new(void)
{
	return mem_new(sizeof(struct jwt_keys));
}

void jwt_keys_free(struct jwt_keys *keys)
{
	for (int alg = 0; keys && alg < JWT_ALGORITHMS; alg++) {
		EVP_PKEY_free(keys->keys[alg].pkey);
		free(keys->keys[alg].kid);
	}
	free(keys);
}
