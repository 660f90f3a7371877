/*
 * Signed JWTs (RFC 7519) with RS256 and ES256, and the JWKS (RFC 7517) that verifies them.
 * Knows nothing of what the claims mean.
 */
#ifndef SANDBOX_JWT_H
#define SANDBOX_JWT_H

#include <cjson/cJSON.h>
#include <openssl/types.h>
#include <stdbool.h>

struct jwt_keys;

enum jwt_alg { JWT_RS256, JWT_ES256 };

/* Keys are made when first needed, since an RSA key takes a while. jwt_keys_free takes NULL. */
struct jwt_keys *jwt_keys_new(void);
void jwt_keys_free(struct jwt_keys *keys);

/* The compact form of CLAIMS; the caller frees it. */
char *jwt_sign(struct jwt_keys *keys, enum jwt_alg alg, const cJSON *claims);

/* The public keys of all algorithms; the caller deletes it. */
cJSON *jwt_jwks(struct jwt_keys *keys);

/* The claims of a JWT in compact form, unchecked; NULL if it is not one. The caller deletes them.
 */
cJSON *jwt_claims(const char *jwt);

/* Whether KEY has signed JWT, by RS256 if it is an RSA key, by ES256 if it is one of P-256. */
bool jwt_verify(const char *jwt, EVP_PKEY *key);

/* Whether one of our own keys has signed JWT. */
bool jwt_is_ours(struct jwt_keys *keys, const char *jwt);

#endif
