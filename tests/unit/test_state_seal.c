#include "io/state_seal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "unit.h"

static const struct state_binding binding = {"billing", "https://login.example/token", "client"};

static struct secret *make_key(const char *text)
{
	struct secret *key = state_seal_key(text, strlen(text));

	ck_assert_ptr_nonnull(key);
	ck_assert_uint_eq(secret_len(key), STATE_SEAL_KEY_LEN);
	return key;
}

static unsigned char *seal(const struct secret *key, const char *text, size_t *ret_len)
{
	struct secret *record = secret_new(text, strlen(text));
	unsigned char *bytes = NULL;

	ck_assert_int_eq(state_seal(key, &binding, record, &bytes, ret_len), 0);
	secret_free(record);
	return bytes;
}

START_TEST(sealed_record_is_unsealed)
{
	struct secret *key = make_key("key"), *record = NULL;
	size_t len;
	unsigned char *bytes = seal(key, "record", &len);

	ck_assert_int_eq(state_unseal(key, &binding, bytes, len, &record), 0);
	ck_assert_str_eq(secret_reveal(record), "record");
	secret_free(record);
	secret_free(key);
	free(bytes);
}
END_TEST

/* What a changed byte at `at` has to come to; STATE_UNSEAL_DAMAGED where nothing else can be known.
 */
static int expected_verdict(size_t at)
{
	enum { VERSION_AT = 7, KEY_ID_AT = 8, NONCE_AT = 16 };

	if (at == VERSION_AT) {
		return STATE_UNSEAL_LATER_VERSION;
	}
	return at >= KEY_ID_AT && at < NONCE_AT ? STATE_UNSEAL_OTHER_KEY : STATE_UNSEAL_DAMAGED;
}

START_TEST(each_changed_bit_is_noticed)
{
	struct secret *key = make_key("key"), *record = NULL;
	size_t len;
	unsigned char *bytes = seal(key, "record", &len);

	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes[i] ^= (unsigned char)(1 << bit);
			ck_assert_int_eq(state_unseal(key, &binding, bytes, len, &record),
				expected_verdict(i));
			ck_assert_ptr_null(record);
			bytes[i] ^= (unsigned char)(1 << bit);
		}
	}
	secret_free(key);
	free(bytes);
}
END_TEST

/* In memory of just that size, so that a byte too many that is looked at is found. */
START_TEST(each_cut_is_noticed)
{
	struct secret *key = make_key("key"), *record = NULL;
	size_t len;
	unsigned char *bytes = seal(key, "record", &len);

	for (size_t cut = 0; cut < len; cut++) {
		unsigned char *part = malloc(cut + !cut);

		memcpy(part, bytes, cut);
		ck_assert_int_eq(
			state_unseal(key, &binding, part, cut, &record), STATE_UNSEAL_DAMAGED);
		ck_assert_ptr_null(record);
		free(part);
	}
	secret_free(key);
	free(bytes);
}
END_TEST

/* A length in the header may lead past the end, or overflow. */
START_TEST(lengths_that_lead_astray_are_damage)
{
	static const uint32_t lengths[] = {0x7fffffff, 0xffffffff, 0x80000000, 0x01000000};
	enum { BINDING_AT = 28 };
	struct secret *key = make_key("key"), *record = NULL;
	size_t len;
	unsigned char *bytes = seal(key, "record", &len);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		memcpy(bytes + BINDING_AT, &lengths[i], sizeof(lengths[i]));
		ck_assert_int_eq(
			state_unseal(key, &binding, bytes, len, &record), STATE_UNSEAL_DAMAGED);
	}
	secret_free(key);
	free(bytes);
}
END_TEST

START_TEST(another_key_is_told_from_damage)
{
	struct secret *key = make_key("key"), *other = make_key("another"), *record = NULL;
	size_t len;
	unsigned char *bytes = seal(key, "record", &len);

	ck_assert(!secret_equal(key, other));
	ck_assert_int_eq(
		state_unseal(other, &binding, bytes, len, &record), STATE_UNSEAL_OTHER_KEY);
	secret_free(key);
	secret_free(other);
	free(bytes);
}
END_TEST

/* Whose it is can be believed only once the tag is right. */
START_TEST(changed_binding_is_damage_and_a_true_one_of_another_is_foreign)
{
	struct state_binding other = {"billing", "https://login.example/token", "cliend"};
	struct secret *key = make_key("key"), *record = NULL;
	size_t len;
	unsigned char *bytes = seal(key, "record", &len), *client;

	ck_assert_int_eq(state_unseal(key, &other, bytes, len, &record), STATE_UNSEAL_FOREIGN);
	client = memmem(bytes, len, "client", 6);
	ck_assert_ptr_nonnull(client);
	client[5] = 'd';
	ck_assert_int_eq(state_unseal(key, &other, bytes, len, &record), STATE_UNSEAL_DAMAGED);
	ck_assert_ptr_null(record);
	secret_free(key);
	free(bytes);
}
END_TEST

UNIT_MAIN("state_seal", sealed_record_is_unsealed, each_changed_bit_is_noticed, each_cut_is_noticed,
	lengths_that_lead_astray_are_damage, another_key_is_told_from_damage,
	changed_binding_is_damage_and_a_true_one_of_another_is_foreign)
