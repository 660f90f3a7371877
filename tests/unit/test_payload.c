#include "proto/payload.h"

#include <stdint.h>
#include <string.h>

#include "unit.h"

void __real_free(void *block);
void __wrap_free(void *block);

static struct payload *watched;
static int watched_freed;     /* how often */
static char watched_bytes[8]; /* what it held when it was freed */

void __wrap_free(void *block)
{
	if (block && block == watched) {
		memcpy(watched_bytes, watched->bytes, sizeof(watched_bytes));
		watched_freed++;
		watched = NULL;
	}
	__real_free(block);
}

START_TEST(copy_holds_the_bytes_and_a_nul)
{
	struct payload *payload = payload_copy("a\0b", 3);

	ck_assert_uint_eq(payload->len, 3);
	ck_assert_mem_eq(payload->bytes, "a\0b", 4);
	payload_unref(payload);
}
END_TEST

START_TEST(empty_payload_is_one)
{
	struct payload *payload = payload_new(0);

	ck_assert_uint_eq(payload->len, 0);
	ck_assert_int_eq(payload->bytes[0], '\0');
	payload_unref(payload);
}
END_TEST

START_TEST(last_reference_wipes_and_frees_it)
{
	static const char wiped[sizeof(watched_bytes)];
	struct payload *payload = payload_copy("a secret", 8);

	watched = payload;
	ck_assert_ptr_eq(payload_ref(payload), payload);
	payload_unref(payload);
	ck_assert_int_eq(watched_freed, 0);
	ck_assert_mem_eq(payload->bytes, "a secret", 8);
	payload_unref(payload);
	ck_assert_int_eq(watched_freed, 1);
	ck_assert_mem_eq(watched_bytes, wiped, sizeof(wiped));
}
END_TEST

START_TEST(dropping_none_does_nothing)
{
	payload_unref(NULL);
}
END_TEST

START_TEST(length_beyond_memory_is_refused)
{
	ck_assert_ptr_null(payload_new(SIZE_MAX));
	ck_assert_ptr_null(payload_new(SIZE_MAX - sizeof(struct payload)));
}
END_TEST

UNIT_MAIN("payload", copy_holds_the_bytes_and_a_nul, empty_payload_is_one,
	last_reference_wipes_and_frees_it, dropping_none_does_nothing,
	length_beyond_memory_is_refused)
