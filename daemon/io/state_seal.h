/*
 * What stands in a state file: a record encrypted with AES-256-GCM (NIST SP 800-38D), behind a
 * plain header that says whose it is. It does not know files, or where the key comes from.
 *
 * In the file, numbers big endian: "gctokst" and the format version (1 byte); the key's identifier
 * (8); the nonce (12); profile, token_url and client_id, each behind its length (4); the record,
 * encrypted; the tag (16). All that stands before the record is authenticated with it.
 */
#pragma once

#include <stddef.h>

struct secret;

enum {
	STATE_RECORD_MAX = 256 * 1024, /* bytes */
	STATE_BINDING_MAX = 16 * 1024, /* bytes of its three texts together */
	STATE_SEAL_KEY_LEN = 32,
	STATE_SEALED_MAX = STATE_RECORD_MAX + STATE_BINDING_MAX + 64,
};

/* Whose record it is: it is read back for just these. Borrowed for the call. */
struct state_binding {
	const char *profile; /* also the name of the file: [A-Za-z0-9][A-Za-z0-9._-]{0,63} */
	const char *token_url, *client_id;
};

/* What unsealing can come to, besides 0 and a negative errno. */
enum {
	STATE_UNSEAL_FOREIGN = 1, /* whole, but of another binding */
	STATE_UNSEAL_DAMAGED,
	STATE_UNSEAL_OTHER_KEY,
	STATE_UNSEAL_LATER_VERSION,
};

/* A key of STATE_SEAL_KEY_LEN bytes out of any number of them (RFC 5869 section 2.2); locked. NULL
 * when there is no memory. */
struct secret *state_seal_key(const char *bytes, size_t len);

/* Returns 0 and *ret_bytes (malloc'ed) of *ret_len; or -EMSGSIZE above the limits, -ENOMEM, -EIO
 * when there is no randomness. */
int state_seal(const struct secret *key, const struct state_binding *binding,
	const struct secret *record, unsigned char **ret_bytes, size_t *ret_len);

/* Returns 0 and *ret_record; or one of the above, or a negative errno. */
int state_unseal(const struct secret *key, const struct state_binding *binding,
	const unsigned char *bytes, size_t len, struct secret **ret_record);
