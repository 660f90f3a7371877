#include "io/outbox.h"

#include <stdio.h>
#include <string.h>

#include "proto/payload.h"
#include "unit.h"

static void put(struct outbox *outbox, const char *head, const char *text)
{
	struct payload *payload = payload_copy(text, strlen(text));

	ck_assert(outbox_put(outbox, head, strlen(head), payload));
	ck_assert_uint_eq(payload->refs, 2);
	payload_unref(payload);
}

/* What is to leave next, in pieces of at most that size. */
static void expect(const struct outbox *outbox, size_t size, const char *text)
{
	char bytes[64];
	size_t len = outbox_gather(outbox, bytes, size);

	ck_assert_uint_eq(len, strlen(text));
	ck_assert_mem_eq(bytes, text, len);
}

START_TEST(lines_leave_in_their_order)
{
	struct outbox outbox;

	outbox_init(&outbox);
	expect(&outbox, 64, "");
	put(&outbox, "a:", "one\n");
	put(&outbox, "", "two\n");
	put(&outbox, "c:", "");
	ck_assert_uint_eq(outbox.len, strlen("a:one\ntwo\nc:"));
	expect(&outbox, 64, "a:one\ntwo\nc:");
	expect(&outbox, 8, "a:one\ntw");
	outbox_sent(&outbox, outbox.len);
	ck_assert_uint_eq(outbox.len, 0);
	expect(&outbox, 64, "");
	outbox_done(&outbox);
}
END_TEST

START_TEST(what_has_left_is_not_sent_again_wherever_it_was_cut)
{
	static const char all[] = "ab:one\ntwo\n";

	for (size_t first = 0; first <= strlen(all); first++) {
		for (size_t second = first; second <= strlen(all); second++) {
			struct outbox outbox;

			outbox_init(&outbox);
			put(&outbox, "ab:", "one\n");
			put(&outbox, "", "two\n");
			outbox_sent(&outbox, first);
			expect(&outbox, 64, all + first);
			outbox_sent(&outbox, second - first);
			expect(&outbox, 64, all + second);
			ck_assert_uint_eq(outbox.len, strlen(all + second));
			outbox_done(&outbox);
		}
	}
}
END_TEST

START_TEST(line_that_has_begun_to_leave_is_not_taken_back)
{
	static const char first[] = "ab:one\n";

	for (size_t sent = 0; sent < strlen(first); sent++) {
		struct outbox outbox;
		char text[64];

		outbox_init(&outbox);
		put(&outbox, "ab:", "one\n");
		put(&outbox, "", "two\n");
		outbox_sent(&outbox, sent);
		outbox_take_back(&outbox);
		put(&outbox, "", "last\n");
		snprintf(text, sizeof(text), "%slast\n", sent > 0 ? first + sent : "");
		expect(&outbox, 64, text);
		ck_assert_uint_eq(outbox.len, strlen(text));
		outbox_done(&outbox);
		ck_assert_uint_eq(outbox.len, 0);
	}
}
END_TEST

START_TEST(nothing_is_taken_back_of_an_empty_one)
{
	struct outbox outbox;

	outbox_init(&outbox);
	outbox_take_back(&outbox);
	ck_assert_uint_eq(outbox.len, 0);
	outbox_done(&outbox);
}
END_TEST

UNIT_MAIN("outbox", lines_leave_in_their_order, what_has_left_is_not_sent_again_wherever_it_was_cut,
	line_that_has_begun_to_leave_is_not_taken_back, nothing_is_taken_back_of_an_empty_one)
