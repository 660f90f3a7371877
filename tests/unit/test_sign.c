#include "io/sign.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/secret.h"
#include "unit.h"

enum {
	PART_MAX = 4096, /* bytes of a part of a token */
	P256_BYTES = 32,
	FAIR = 198, /* three times the 66 letters of a verifier */
	N_LETTERS = 66,
};

#define NOW_S INT64_C(1764000000)

/* For these tests alone. */
static const char rsa_2048[] = "-----BEGIN PRIVATE KEY-----\n"
			       "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDGfPVpwFpSreXL\n"
			       "klvKxQa5bFAXqxlQsF/otj1KjXb5cRGxXKiOAhxtCD12x/E2KuvqA8PR5UDPUSyA\n"
			       "oUjnEL2enWLit6Rg0Fkf8fNODfF0uiFwnjKMtNVTrK8k/JZsqsvzlHRtejrU7z8a\n"
			       "0h/mdz2/usXuOD71kiJhMDgsmGsKVxTKlI5eo5TBeKlgOagX8kf9NjNvecIFNeLP\n"
			       "87C7I4nbZwqAbPADLub3+BMn+i+D4ud0Q3wo+FbHv98VS5uBOgbTVimGgjX2k/m9\n"
			       "wKPnc6RtfiIyuBSaqBsZ1DzFSw7OcSP1hOFhJA5jYV9ooUu01I1pF4SHyE3YxZFn\n"
			       "UvlIWgrBAgMBAAECggEADkfi011A0maLHEq3On9TBMfHenB3xY+vEtv7zG+hsgBB\n"
			       "3OA1C2SY/XpEi9WGZBaR+zgSoHktYM0vFcEk8OUKM42Q1g2O8N1EsFD057aGmxai\n"
			       "PctQCUIggCDySAe5Xe+q9WdGujK7ZWMiR/B61ZbaNT9/qqxW0U3WleYFgKXlu6xY\n"
			       "N2RXPcy/QlL8ZgAov9lqT6qX0DRzyGhZ3cOF7tzGtrOWx1pjuh4cJ8Z+oG67CTaw\n"
			       "PDrd1ebqAW46vzeHoCs68TJcY6z8FbC5CruFPrBOngCjzo7del/Mfq0o1MEEFz7r\n"
			       "9nV/QhMI+l/sJOSXvvP4GjFT026IU1UtRQ8vDFr9HQKBgQD1bzeopmRoUpYXbytb\n"
			       "3/W+cSPw6YXjg/zRv5E7uM4aEzbi7mx52BwnIh2rrbA53kXZkzAS/ZyVdq8jO991\n"
			       "CtZfRXPgigQRI1K4Q0LxFBIH/78l0OVyzbnZd1m2aIZ+MYbUCz63fCLeBQqTkPIG\n"
			       "pRZ8Pr0BJqGWMwQVXDH2vc4pRQKBgQDPCF/jxWnGpT6+5WS+ecCQKpTxDjzyXqG2\n"
			       "iiBtahn0qaVirw1rYJmw0Pjoc72rwjaRQatQ6dd23Ry5AHvqwfixgdeA5DQ2FJ6H\n"
			       "v4wE7k6o/nlvR71f8eplK4s0pOcoQ2MgpZxMsRlmea4xEPadipD2BjZodrn06N/C\n"
			       "oyYbhuStTQKBgCPlRT2sQEklsv/waWYBhl55C6mjbcqNtj8zBlm2uKYFo2RjPIhB\n"
			       "fDSY/7/pIjoEcTDWHxTX9LvDZPABRLhIgnvim4T+ioO7J9D9PWAm8FAtLlaoi7ZT\n"
			       "slfE5eEQvoLcWXzPvDd3t13DXP2iGFOyd2xqfJgbf0yJX5KELmaI8gsFAoGATzs8\n"
			       "P1YYwg4RcksmAANmX4X8VDiHuJXgu5QnDtiRMGIQSjEGKLbiepmu+H768pWz/mks\n"
			       "YB3t+K5sRJzbz58GRyCS0eAD30KK3RbARk7RSbmBzcWdwu85Lhi5AJ+vW2hWsnLO\n"
			       "20bXmrEsqdh9GROjoJQGFHqDdif9Imb/uX8pWu0CgYArI6oBJ7qikWoPmeB6Da+r\n"
			       "qJqXY+9oTY5eL5BcuerwlJcKKuIOFdTVC6iZULn/3WOdf16SO/0VxeDDvuq8OuuU\n"
			       "mrQ9iaImgCG46T1J0lU3H1KmvecQ/E9DMgccLJCYd9yZq19rV9wkIoQwREqYLJ9K\n"
			       "45LjQc3z9oATRK/rGSUXOg==\n"
			       "-----END PRIVATE KEY-----\n";

/*
 * OpenSSL's randomness, unless a test sets what it gives (the linker's --wrap): then the first call
 * gives that byte, the next ones another, or all fail.
 */
static int random_byte = -1, next_byte, random_fails;

int real_rand_bytes(unsigned char *bytes, int n) __asm__("__real_RAND_bytes");
int rand_bytes_here(unsigned char *bytes, int n) __asm__("__wrap_RAND_bytes");
int real_rand_priv_bytes(unsigned char *bytes, int n) __asm__("__real_RAND_priv_bytes");
int rand_priv_bytes_here(unsigned char *bytes, int n) __asm__("__wrap_RAND_priv_bytes");

int rand_bytes_here(unsigned char *bytes, int n)
{
	return random_fails ? 0 : real_rand_bytes(bytes, n);
}

int rand_priv_bytes_here(unsigned char *bytes, int n)
{
	if (random_fails || random_byte < 0) {
		return random_fails ? 0 : real_rand_priv_bytes(bytes, n);
	}
	memset(bytes, random_byte, (size_t)n);
	random_byte = next_byte;
	return 1;
}

/* Likewise its signatures. */
static const unsigned char *signature_here;
static size_t signature_here_len;

int real_digest_sign(EVP_MD_CTX *context, unsigned char *signature, size_t *len,
	const unsigned char *bytes, size_t n) __asm__("__real_EVP_DigestSign");
int digest_sign_here(EVP_MD_CTX *context, unsigned char *signature, size_t *len,
	const unsigned char *bytes, size_t n) __asm__("__wrap_EVP_DigestSign");

int digest_sign_here(EVP_MD_CTX *context, unsigned char *signature, size_t *len,
	const unsigned char *bytes, size_t n)
{
	if (!signature_here) {
		return real_digest_sign(context, signature, len, bytes, n);
	}
	memcpy(signature, signature_here, signature_here_len);
	*len = signature_here_len;
	return 1;
}

static char why[SIGN_WHY_SIZE];

static int read_text(const char *pem, const char *passphrase, struct sign_key **ret_key)
{
	struct secret *text = secret_new(pem, strlen(pem));
	struct secret *word = passphrase ? secret_new(passphrase, strlen(passphrase)) : NULL;
	int status;

	why[0] = '\0';
	*ret_key = NULL;
	status = sign_key_read(text, word, ret_key, why);
	ck_assert_int_eq(status == 0, *ret_key != NULL);
	ck_assert_int_eq(status == 0, why[0] == '\0');
	secret_free(text);
	secret_free(word);
	return status;
}

static struct sign_key *take_key(const char *pem)
{
	struct sign_key *key;

	ck_assert_msg(read_text(pem, NULL, &key) == 0, "%s", why);
	return key;
}

static void check_refused(const char *pem, const char *passphrase, int error, const char *reason)
{
	struct sign_key *key;

	ck_assert_int_eq(read_text(pem, passphrase, &key), -error);
	ck_assert_msg(strstr(why, reason), "\"%s\" does not say \"%s\"", why, reason);
}

/* The key in PEM, encrypted if there is a passphrase; to be freed. Frees the key. */
static char *write_pem(EVP_PKEY *pkey, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes, *pem;
	long len;

	ck_assert_ptr_nonnull(pkey);
	ck_assert_int_eq(
		PEM_write_bio_PKCS8PrivateKey(bio, pkey, passphrase ? EVP_aes_256_cbc() : NULL,
			passphrase, passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
		1);
	len = BIO_get_mem_data(bio, &bytes);
	pem = strndup(bytes, (size_t)len);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return pem;
}

static EVP_PKEY *read_pkey(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	ck_assert_ptr_nonnull(pkey);
	return pkey;
}

/* A token as RFC 7515 section 7.1 has it, taken apart. */
struct jws {
	char header[PART_MAX], claims[PART_MAX];
	unsigned char signature[PART_MAX];
	size_t signature_len, signed_len;
};

static size_t decode(char *dst, const char *text, size_t len)
{
	long n;

	ck_assert_uint_lt(len, PART_MAX);
	n = encode_unbase64url(dst, text, len);
	ck_assert_int_gt(n, 0);
	dst[n] = '\0';
	return (size_t)n;
}

static void parse(const char *jwt, struct jws *jws)
{
	size_t header = strcspn(jwt, "."), claims = strcspn(jwt + header + 1, ".");

	jws->signed_len = header + 1 + claims;
	ck_assert_int_eq(jwt[jws->signed_len], '.');
	decode(jws->header, jwt, header);
	decode(jws->claims, jwt + header + 1, claims);
	jws->signature_len = decode((char *)jws->signature, jwt + jws->signed_len + 1,
		strlen(jwt + jws->signed_len + 1));
}

/* From R and S side by side to what OpenSSL verifies; to be freed with OPENSSL_free(). */
static unsigned char *to_der(const unsigned char *flat, size_t *ret_len)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	unsigned char *der = NULL;
	int len;

	ECDSA_SIG_set0(pair, BN_bin2bn(flat, P256_BYTES, NULL),
		BN_bin2bn(flat + P256_BYTES, P256_BYTES, NULL));
	len = i2d_ECDSA_SIG(pair, &der);
	ck_assert_int_gt(len, 0);
	ECDSA_SIG_free(pair);
	*ret_len = (size_t)len;
	return der;
}

static bool verify(EVP_PKEY *pkey, const char *jwt, const struct jws *jws)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	size_t len = jws->signature_len;
	unsigned char *signature;
	bool good;

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC) {
		ck_assert_uint_eq(len, (size_t)2 * P256_BYTES);
		signature = to_der(jws->signature, &len);
	} else {
		signature = OPENSSL_memdup(jws->signature, len);
	}
	ck_assert_int_eq(EVP_DigestVerifyInit(digest, NULL, EVP_sha256(), NULL, pkey), 1);
	good = EVP_DigestVerify(
		       digest, signature, len, (const unsigned char *)jwt, jws->signed_len) == 1;
	OPENSSL_free(signature);
	EVP_MD_CTX_free(digest);
	return good;
}

/* The key of RFC 7515 appendix A.3, in what EVP_PKEY_fromdata() takes. */
static EVP_PKEY *rfc_7515_key(void)
{
	static const char x[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
	static const char y[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
	unsigned char point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"P-256"}, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;

	encode_unbase64url((char *)point + 1, x, strlen(x));
	encode_unbase64url((char *)point + 1 + P256_BYTES, y, strlen(y));
	ck_assert_int_eq(EVP_PKEY_fromdata_init(context), 1);
	ck_assert_int_eq(EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters), 1);
	EVP_PKEY_CTX_free(context);
	return pkey;
}

/* What these tests verify with takes what the RFC signed, and nothing else. */
START_TEST(verifier_of_these_tests_takes_the_example_of_rfc_7515)
{
	char jwt[] = "eyJhbGciOiJFUzI1NiJ9."
		     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
		     "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
		     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
		     "pmWQxfKTUJqPP3-Kg6NU1Q";
	EVP_PKEY *pkey = rfc_7515_key();
	struct jws jws;

	parse(jwt, &jws);
	ck_assert(verify(pkey, jwt, &jws));
	jwt[25] = 'Q';
	ck_assert(!verify(pkey, jwt, &jws));
	EVP_PKEY_free(pkey);
}
END_TEST

static void check_member(const cJSON *object, const char *name, const char *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	ck_assert_msg(cJSON_IsString(item), "%s is no string", name);
	ck_assert_str_eq(item->valuestring, value);
}

static double number(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	ck_assert_msg(cJSON_IsNumber(item), "%s is no number", name);
	return item->valuedouble;
}

static void check_claims(const char *text, const char *client_id, const char *audience)
{
	cJSON *claims = cJSON_Parse(text);
	const cJSON *jti = cJSON_GetObjectItemCaseSensitive(claims, "jti");
	double lifetime_s = number(claims, "exp") - number(claims, "iat");

	check_member(claims, "iss", client_id);
	check_member(claims, "sub", client_id);
	check_member(claims, "aud", audience);
	ck_assert(number(claims, "iat") == (double)NOW_S);
	ck_assert(lifetime_s >= 60 && lifetime_s <= 300);
	ck_assert(cJSON_IsString(jti));
	ck_assert_uint_eq(strlen(jti->valuestring), 22);
	ck_assert_int_eq(cJSON_GetArraySize(claims), 6);
	cJSON_Delete(claims);
}

static void check_assertion(
	const char *pem, enum signing_alg alg, const char *name, const char *key_id)
{
	EVP_PKEY *pkey = read_pkey(pem);
	struct sign_key *key = take_key(pem);
	struct secret *jwt = NULL;
	struct jws jws;
	cJSON *header;

	ck_assert_int_eq(sign_client_assertion(key, alg, key_id, "the \"client\"",
				 "https://login.example/oauth/token", NOW_S, &jwt),
		0);
	parse(secret_reveal(jwt), &jws);
	ck_assert(verify(pkey, secret_reveal(jwt), &jws));
	header = cJSON_Parse(jws.header);
	check_member(header, "alg", name);
	check_member(header, "typ", "JWT");
	if (key_id) {
		check_member(header, "kid", key_id);
	}
	ck_assert_int_eq(cJSON_GetArraySize(header), key_id ? 3 : 2);
	check_claims(jws.claims, "the \"client\"", "https://login.example/oauth/token");
	cJSON_Delete(header);
	secret_free(jwt);
	sign_key_free(key);
	EVP_PKEY_free(pkey);
}

START_TEST(rs256_assertion_is_verified_by_the_public_key)
{
	check_assertion(rsa_2048, SIGNING_RS256, "RS256", NULL);
	check_assertion(rsa_2048, SIGNING_RS256, "RS256", "key-7");
}
END_TEST

START_TEST(es256_assertion_is_verified_by_the_public_key)
{
	char *pem = write_pem(EVP_EC_gen("P-256"), NULL);

	check_assertion(pem, SIGNING_ES256, "ES256", NULL);
	check_assertion(pem, SIGNING_ES256, "ES256", "a/\\b\n");
	free(pem);
}
END_TEST

START_TEST(short_halves_of_an_es256_signature_are_padded)
{
	/* SEQUENCE { INTEGER 0x0102, INTEGER 0x03 } */
	static const unsigned char der[] = {0x30, 7, 0x02, 2, 0x01, 0x02, 0x02, 1, 0x03};
	static const unsigned char flat[2 * P256_BYTES] = {
		[P256_BYTES - 2] = 0x01, [P256_BYTES - 1] = 0x02, [2 * P256_BYTES - 1] = 0x03};
	char *pem = write_pem(EVP_EC_gen("P-256"), NULL);
	struct sign_key *key = take_key(pem);
	struct secret *jwt = NULL;
	struct jws jws;

	signature_here = der;
	signature_here_len = sizeof(der);
	ck_assert_int_eq(
		sign_client_assertion(key, SIGNING_ES256, NULL, "id", "aud", NOW_S, &jwt), 0);
	parse(secret_reveal(jwt), &jws);
	ck_assert_uint_eq(jws.signature_len, sizeof(flat));
	ck_assert_mem_eq(jws.signature, flat, sizeof(flat));
	secret_free(jwt);
	sign_key_free(key);
	free(pem);
}
END_TEST

START_TEST(each_assertion_has_a_jti_of_its_own)
{
	enum { CALLS = 50 };
	char *pem = write_pem(EVP_EC_gen("P-256"), NULL);
	struct sign_key *key = take_key(pem);
	char seen[CALLS][32];

	for (int i = 0; i < CALLS; i++) {
		struct secret *jwt = NULL;
		struct jws jws;
		cJSON *claims;

		ck_assert_int_eq(
			sign_client_assertion(key, SIGNING_ES256, NULL, "id", "aud", NOW_S, &jwt),
			0);
		parse(secret_reveal(jwt), &jws);
		claims = cJSON_Parse(jws.claims);
		snprintf(seen[i], sizeof(seen[i]), "%s",
			cJSON_GetObjectItem(claims, "jti")->valuestring);
		for (int j = 0; j < i; j++) {
			ck_assert_str_ne(seen[i], seen[j]);
		}
		cJSON_Delete(claims);
		secret_free(jwt);
	}
	sign_key_free(key);
	free(pem);
}
END_TEST

START_TEST(key_fits_the_algorithm_of_its_kind_alone)
{
	char *pem = write_pem(EVP_EC_gen("P-256"), NULL);
	struct sign_key *ec = take_key(pem), *rsa = take_key(rsa_2048);

	ck_assert(sign_key_fits(ec, SIGNING_ES256));
	ck_assert(!sign_key_fits(ec, SIGNING_RS256));
	ck_assert(sign_key_fits(rsa, SIGNING_RS256));
	ck_assert(!sign_key_fits(rsa, SIGNING_ES256));
	sign_key_free(ec);
	sign_key_free(rsa);
	free(pem);
}
END_TEST

START_TEST(key_is_found_behind_other_parts_of_the_file)
{
	char text[4096];

	/* As openssl-ecparam(1) writes it. */
	snprintf(text, sizeof(text),
		"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n%s",
		rsa_2048);
	sign_key_free(take_key(text));
}
END_TEST

START_TEST(encrypted_key_is_read_with_its_passphrase_and_never_asked_for)
{
	char *pem = write_pem(EVP_EC_gen("P-256"), "open sesame");
	char longest[1200];
	struct sign_key *key;

	ck_assert_int_eq(read_text(pem, "open sesame", &key), 0);
	sign_key_free(key);
	check_refused(pem, NULL, EACCES, "is encrypted and there is no passphrase");
	check_refused(pem, "open sesam", EACCES, "passphrase of the private key is wrong");
	check_refused(pem, "", EACCES, "passphrase of the private key is wrong");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	check_refused(pem, longest, EACCES, "passphrase of the private key is wrong");
	free(pem);
}
END_TEST

START_TEST(key_that_cannot_sign_is_refused_with_what_would_be_right)
{
	char *weak = write_pem(EVP_RSA_gen(1024), NULL);
	char *curve = write_pem(EVP_EC_gen("P-384"), NULL);
	char *edwards = write_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);

	check_refused(weak, NULL, EINVAL, "RSA of 1024 bits; 2048 to 8192 are possible");
	check_refused(curve, NULL, EINVAL, "on the curve secp384r1; ES256 takes P-256");
	check_refused(edwards, NULL, EINVAL, "of the type ED25519; RSA (for RS256) or EC");
	free(weak);
	free(curve);
	free(edwards);
}
END_TEST

START_TEST(text_that_is_no_private_key_is_refused)
{
	char cut[600] = "";

	memcpy(cut, rsa_2048, sizeof(cut) - 1);
	check_refused("", NULL, EINVAL, "holds no private key in PEM");
	check_refused("s3cret", NULL, EINVAL, "holds no private key in PEM");
	check_refused(cut, NULL, EINVAL, "or a damaged one");
}
END_TEST

START_TEST(challenge_is_that_of_rfc_7636)
{
	static const char verifier[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	struct secret *secret = secret_new(verifier, strlen(verifier));
	char challenge[SIGN_CHALLENGE_SIZE];

	ck_assert_int_eq(sign_challenge(secret, challenge), 0);
	ck_assert_str_eq(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
	secret_free(secret);
}
END_TEST

/* Each byte in turn is all that the generator gives: three of them make each letter, and those that
 * are left over none. */
START_TEST(each_letter_of_a_verifier_is_equally_likely)
{
	unsigned made_of[256] = {0}, letters = 0;

	for (int byte = 0; byte < 256; byte++) {
		struct secret *verifier;
		const char *text;

		random_byte = byte;
		next_byte = 0;
		verifier = sign_verifier();
		text = secret_reveal(verifier);
		ck_assert_uint_eq(strspn(text, (char[]){text[0], '\0'}), SIGN_VERIFIER_LEN);
		if (byte >= FAIR) {
			ck_assert_int_eq(text[0], 'A');
		} else {
			made_of[(unsigned char)text[0]]++;
		}
		secret_free(verifier);
	}
	for (size_t letter = 0; letter < 256; letter++) {
		ck_assert(made_of[letter] == 0 || made_of[letter] == 3);
		letters += made_of[letter] == 3;
	}
	ck_assert_uint_eq(letters, N_LETTERS);
}
END_TEST

START_TEST(verifiers_differ_and_hold_every_letter_of_rfc_7636)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	/* To miss one letter of 66 in 64 000 has a probability of 10^-424. */
	enum { CALLS = 500 };
	bool seen[256] = {false};
	struct secret *last = NULL;

	for (int i = 0; i < CALLS; i++) {
		struct secret *verifier = sign_verifier();
		const char *text = secret_reveal(verifier);

		ck_assert_uint_eq(secret_len(verifier), SIGN_VERIFIER_LEN);
		ck_assert_uint_eq(strspn(text, alphabet), SIGN_VERIFIER_LEN);
		ck_assert(!secret_equal(verifier, last));
		for (; *text; text++) {
			seen[(unsigned char)*text] = true;
		}
		secret_free(last);
		last = verifier;
	}
	secret_free(last);
	for (const char *letter = alphabet; *letter; letter++) {
		ck_assert_msg(seen[(unsigned char)*letter], "no verifier has %c", *letter);
	}
}
END_TEST

START_TEST(state_values_are_256_bits_and_differ)
{
	char one[SIGN_STATE_SIZE], other[SIGN_STATE_SIZE], bytes[SIGN_STATE_SIZE];

	ck_assert_int_eq(sign_state(one), 0);
	ck_assert_int_eq(sign_state(other), 0);
	ck_assert_int_eq(encode_unbase64url(bytes, one, strlen(one)), 32);
	ck_assert_str_ne(one, other);
}
END_TEST

/* FIPS 180-2 appendix B.1. */
START_TEST(hash_is_sha_256_in_hexadecimal)
{
	struct secret *secret = secret_new("abc", 3);
	char hash[SIGN_HASH_SIZE];

	ck_assert_int_eq(sign_hash(secret, hash), 0);
	ck_assert_str_eq(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	secret_free(secret);
}
END_TEST

START_TEST(without_randomness_nothing_is_made)
{
	struct sign_key *key = take_key(rsa_2048);
	char state[SIGN_STATE_SIZE];
	struct secret *jwt = NULL;

	random_fails = 1;
	ck_assert_ptr_null(sign_verifier());
	ck_assert_int_eq(sign_state(state), -EIO);
	ck_assert_int_eq(
		sign_client_assertion(key, SIGNING_RS256, NULL, "id", "aud", NOW_S, &jwt), -EIO);
	ck_assert_ptr_null(jwt);
	sign_key_free(key);
}
END_TEST

UNIT_MAIN("sign", verifier_of_these_tests_takes_the_example_of_rfc_7515,
	rs256_assertion_is_verified_by_the_public_key,
	es256_assertion_is_verified_by_the_public_key,
	short_halves_of_an_es256_signature_are_padded, each_assertion_has_a_jti_of_its_own,
	key_fits_the_algorithm_of_its_kind_alone, key_is_found_behind_other_parts_of_the_file,
	encrypted_key_is_read_with_its_passphrase_and_never_asked_for,
	key_that_cannot_sign_is_refused_with_what_would_be_right,
	text_that_is_no_private_key_is_refused, challenge_is_that_of_rfc_7636,
	each_letter_of_a_verifier_is_equally_likely,
	verifiers_differ_and_hold_every_letter_of_rfc_7636, state_values_are_256_bits_and_differ,
	hash_is_sha_256_in_hexadecimal, without_randomness_nothing_is_made)
