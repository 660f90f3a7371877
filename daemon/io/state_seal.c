#include "state_seal.h"

#include <endian.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"

/* One byte more is the version. */
#define MAGIC "gctokst"

enum {
	VERSION = 1,
	VERSION_AT = sizeof(MAGIC) - 1,
	KEY_ID_AT = VERSION_AT + 1,
	KEY_ID_LEN = 8,
	NONCE_AT = KEY_ID_AT + KEY_ID_LEN,
	NONCE_LEN = 12,
	BINDING_AT = NONCE_AT + NONCE_LEN,
	LENGTH_LEN = sizeof(uint32_t),
	N_TEXTS = 3,
	TAG_LEN = 16,
};

_Static_assert(BINDING_AT + N_TEXTS * LENGTH_LEN + TAG_LEN + STATE_BINDING_MAX + STATE_RECORD_MAX <=
		       STATE_SEALED_MAX,
	"the largest file fits");

static bool hmac(const char *key, size_t key_len, const char *bytes, size_t len,
	unsigned char ret_hash[STATE_SEAL_KEY_LEN])
{
	return HMAC(
		EVP_sha256(), key, (int)key_len, (const unsigned char *)bytes, len, ret_hash, NULL);
}

struct secret *state_seal_key(const char *bytes, size_t len)
{
	static const char salt[] = "gctokend state AES-256-GCM";
	unsigned char hash[STATE_SEAL_KEY_LEN];
	struct secret *key = NULL;

	if (hmac(salt, strlen(salt), bytes, len, hash)) {
		key = secret_new_locked((const char *)hash, sizeof(hash));
	}
	explicit_bzero(hash, sizeof(hash));
	return key;
}

/* Tells keys apart, and nothing of what they are. */
static bool write_key_id(const struct secret *key, unsigned char ret_id[KEY_ID_LEN])
{
	static const char label[] = "gctokend state key identifier";
	unsigned char hash[STATE_SEAL_KEY_LEN];

	if (!hmac(secret_reveal(key), secret_len(key), label, strlen(label), hash)) {
		return false;
	}
	memcpy(ret_id, hash, KEY_ID_LEN);
	return true;
}

/* Where the record begins with this binding, 0 if that is too long. */
static size_t header_len(const struct state_binding *binding)
{
	size_t len = strlen(binding->profile) + strlen(binding->token_url) +
		     strlen(binding->client_id);

	return len > STATE_BINDING_MAX ? 0 : BINDING_AT + (size_t)N_TEXTS * LENGTH_LEN + len;
}

static unsigned char *write_text(unsigned char *at, const char *text, size_t len)
{
	uint32_t length = htobe32((uint32_t)len);

	memcpy(at, &length, LENGTH_LEN);
	memcpy(at + LENGTH_LEN, text, len);
	return at + LENGTH_LEN + len;
}

static void write_binding(unsigned char *header, const struct state_binding *binding)
{
	unsigned char *at = header + BINDING_AT;

	at = write_text(at, binding->profile, strlen(binding->profile));
	at = write_text(at, binding->token_url, strlen(binding->token_url));
	write_text(at, binding->client_id, strlen(binding->client_id));
}

/* Where the record begins in these bytes, 0 if they are no file of ours. */
static size_t read_header_len(const unsigned char *bytes, size_t len)
{
	size_t at = BINDING_AT;

	if (len < BINDING_AT + TAG_LEN) {
		return 0;
	}
	len -= TAG_LEN;
	for (int text = 0; text < N_TEXTS; text++) {
		uint32_t length;

		if (len - at < LENGTH_LEN) {
			return 0;
		}
		memcpy(&length, bytes + at, LENGTH_LEN);
		at += LENGTH_LEN;
		length = be32toh(length);
		if (len - at < length) {
			return 0;
		}
		at += length;
	}
	return at;
}

/* Encrypts what stands behind the header, in place of nothing, and adds the tag. */
static bool encrypt(
	const struct secret *key, const struct secret *record, unsigned char *bytes, size_t header)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char *at = bytes + header;
	int len = 0, last = 0;
	bool good = context &&
		    EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(),
			    (const unsigned char *)secret_reveal(key), bytes + NONCE_AT,
			    NULL) == 1 &&
		    EVP_EncryptUpdate(context, NULL, &len, bytes, (int)header) == 1 &&
		    EVP_EncryptUpdate(context, at, &len,
			    (const unsigned char *)secret_reveal(record),
			    (int)secret_len(record)) == 1 &&
		    EVP_EncryptFinal_ex(context, at + len, &last) == 1 &&
		    EVP_CIPHER_CTX_ctrl(
			    context, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, at + secret_len(record)) == 1;

	EVP_CIPHER_CTX_free(context);
	ERR_clear_error();
	return good;
}

int state_seal(const struct secret *key, const struct state_binding *binding,
	const struct secret *record, unsigned char **ret_bytes, size_t *ret_len)
{
	size_t header = header_len(binding);
	size_t len = header + secret_len(record) + TAG_LEN;
	unsigned char *bytes;

	if (header == 0 || secret_len(record) > STATE_RECORD_MAX) {
		return -EMSGSIZE;
	}
	bytes = malloc(len);
	if (!bytes) {
		return -ENOMEM;
	}
	memcpy(bytes, MAGIC, VERSION_AT);
	bytes[VERSION_AT] = VERSION;
	write_binding(bytes, binding);
	if (RAND_bytes(bytes + NONCE_AT, NONCE_LEN) != 1) {
		free(bytes);
		return -EIO;
	}
	if (!write_key_id(key, bytes + KEY_ID_AT) || !encrypt(key, record, bytes, header)) {
		free(bytes);
		return -ENOMEM;
	}
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}

/* Returns 0 with the record in plain, or as state_unseal() does. plain has room for len. */
static int decrypt(const struct secret *key, const unsigned char *bytes, size_t header,
	unsigned char *plain, size_t len)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char tag[TAG_LEN];
	int n = 0, last = 0, status = -ENOMEM;

	memcpy(tag, bytes + header + len, sizeof(tag));
	if (context &&
		EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(),
			(const unsigned char *)secret_reveal(key), bytes + NONCE_AT, NULL) == 1 &&
		EVP_DecryptUpdate(context, NULL, &n, bytes, (int)header) == 1 &&
		EVP_DecryptUpdate(context, plain, &n, bytes + header, (int)len) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1) {
		status = EVP_DecryptFinal_ex(context, plain + n, &last) == 1 ? 0
									     : STATE_UNSEAL_DAMAGED;
	}
	EVP_CIPHER_CTX_free(context);
	ERR_clear_error();
	return status;
}

/* Whether the header is one with this binding. */
static int compare_binding(
	const unsigned char *bytes, size_t header, const struct state_binding *binding)
{
	unsigned char *expected;
	bool same;

	if (header_len(binding) != header) {
		return STATE_UNSEAL_FOREIGN;
	}
	expected = malloc(header);
	if (!expected) {
		return -ENOMEM;
	}
	write_binding(expected, binding);
	same = memcmp(bytes + BINDING_AT, expected + BINDING_AT, header - BINDING_AT) == 0;
	free(expected);
	return same ? 0 : STATE_UNSEAL_FOREIGN;
}

static int open_record(const struct secret *key, const struct state_binding *binding,
	const unsigned char *bytes, size_t header, size_t len, struct secret **ret_record)
{
	/* Not of no length, which malloc() may answer with NULL. */
	unsigned char *plain = malloc(len + 1);
	int status;

	if (!plain) {
		return -ENOMEM;
	}
	status = decrypt(key, bytes, header, plain, len);
	if (!status) {
		status = compare_binding(bytes, header, binding);
	}
	if (!status) {
		*ret_record = secret_new((const char *)plain, len);
		status = *ret_record ? 0 : -ENOMEM;
	}
	explicit_bzero(plain, len);
	free(plain);
	return status;
}

int state_unseal(const struct secret *key, const struct state_binding *binding,
	const unsigned char *bytes, size_t len, struct secret **ret_record)
{
	unsigned char key_id[KEY_ID_LEN];
	size_t header;

	if (len > STATE_SEALED_MAX || len < BINDING_AT || memcmp(bytes, MAGIC, VERSION_AT) != 0) {
		return STATE_UNSEAL_DAMAGED;
	}
	if (bytes[VERSION_AT] != VERSION) {
		return STATE_UNSEAL_LATER_VERSION;
	}
	header = read_header_len(bytes, len);
	if (header == 0) {
		return STATE_UNSEAL_DAMAGED;
	}
	if (!write_key_id(key, key_id)) {
		return -ENOMEM;
	}
	if (memcmp(bytes + KEY_ID_AT, key_id, sizeof(key_id)) != 0) {
		return STATE_UNSEAL_OTHER_KEY;
	}
	return open_record(key, binding, bytes, header, len - header - TAG_LEN, ret_record);
}
