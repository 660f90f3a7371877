/*
 * Signatures and random texts of OAuth 2.0: client assertions, PKCE, state values, the hash by
 * which a seed is known again. It does not know profiles, requests or where a key comes from.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/settings.h"

struct secret;
struct sign_key;

enum {
	SIGN_WHY_SIZE = 256,             /* bytes of the text that tells what is wrong with a key */
	SIGN_ASSERTION_LIFETIME_S = 300, /* exp − iat of a client assertion */
	SIGN_RSA_BITS_MIN = 2048,        /* RFC 7518 section 3.3 */
	SIGN_RSA_BITS_MAX = 8192,        /* a longer one would hold up the loop */
	SIGN_VERIFIER_LEN = 128,         /* characters; the most of RFC 7636 section 4.1 */
	SIGN_CHALLENGE_SIZE = 43 + 1,    /* 256 bits in base64url, and NUL */
	SIGN_STATE_SIZE = 43 + 1,
	SIGN_HASH_SIZE = 64 + 1, /* 256 bits in hexadecimal, and NUL */
};

/*
 * Reads a private key in PEM: RSA of SIGN_RSA_BITS_MIN to SIGN_RSA_BITS_MAX bits, or EC on P-256.
 * passphrase is NULL where it is not encrypted. Returns 0 and *ret_key, or a negative errno with a
 * text that says what is wrong and what would be right (it does not name the file): -EINVAL for
 * what is no such key, -EACCES for a passphrase that is missing or wrong.
 */
int sign_key_read(const struct secret *pem, const struct secret *passphrase,
	struct sign_key **ret_key, char why[SIGN_WHY_SIZE]);

/* Wipes and frees; takes NULL. */
void sign_key_free(struct sign_key *key);

/* Whether the key can sign by that algorithm: RSA by RS256, EC by ES256. */
bool sign_key_fits(const struct sign_key *key, enum signing_alg alg);

/*
 * Builds a client assertion (RFC 7523 section 3, in the form of RFC 7515 section 7.1) that is good
 * for SIGN_ASSERTION_LIFETIME_S from now_s, seconds since 1970; its jti is another for each call.
 * The key has to fit. key_id becomes "kid", NULL for none. Returns 0 and *ret_jwt, or -ENOMEM, or
 * -EIO when OpenSSL cannot sign.
 */
int sign_client_assertion(const struct sign_key *key, enum signing_alg alg, const char *key_id,
	const char *client_id, const char *audience, int64_t now_s, struct secret **ret_jwt);

/* A code verifier of SIGN_VERIFIER_LEN characters, each of the 66 equally likely (RFC 7636 section
 * 4.1). It is not locked: callers can have many made. NULL when there is no memory or no
 * randomness. */
struct secret *sign_verifier(void);

/* The S256 challenge of a verifier (RFC 7636 section 4.2). 0, or -ENOMEM. */
int sign_challenge(const struct secret *verifier, char ret_challenge[SIGN_CHALLENGE_SIZE]);

/* 256 random bits in base64url: a state value (RFC 6749 section 10.12). 0, or -EIO when there is no
 * randomness. */
int sign_state(char ret_state[SIGN_STATE_SIZE]);

/* SHA-256 in hexadecimal. 0, or -ENOMEM. */
int sign_hash(const struct secret *secret, char ret_hash[SIGN_HASH_SIZE]);
