#include "proto/frame.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

void __real_free(void *block);
void __wrap_free(void *block);

static const char secret[] = "hidden-secret";

static const char *watched; /* the block that is looked at when it is freed */
static size_t watched_len;
static bool watched_freed, watched_held_secret;

void __wrap_free(void *block)
{
	if (block && block == watched) {
		watched_freed = true;
		watched_held_secret = memmem(watched, watched_len, secret, strlen(secret));
		watched = NULL;
	}
	__real_free(block);
}

static struct frame frame;

/* Feeds a copy of exactly len bytes that is gone when take_all() is through. */
static void feed(const char *bytes, size_t len)
{
	static char *fed;

	__real_free(fed);
	fed = malloc(len);
	memcpy(fed, bytes, len);
	ck_assert_int_eq(frame_feed(&frame, fed, len), 0);
}

static void feed_text(const char *text)
{
	feed(text, strlen(text));
}

static void expect_line(const char *text)
{
	char *line;
	size_t len;

	ck_assert_int_eq(frame_next(&frame, &line, &len), FRAME_LINE);
	ck_assert_str_eq(line, text);
	ck_assert_uint_eq(len, strlen(text));
}

static void expect_status(enum frame_status status)
{
	char *line;
	size_t len;

	ck_assert_int_eq(frame_next(&frame, &line, &len), status);
}

static void keep(void)
{
	ck_assert_int_eq(frame_keep(&frame), 0);
}

/* Feeds bytes and appends the lines that come to lines, each with a `|` behind it. */
static enum frame_status feed_and_take(const char *bytes, size_t len, char *lines)
{
	enum frame_status status;
	char *line;
	size_t line_len;

	lines += strlen(lines);
	feed(bytes, len);
	while ((status = frame_next(&frame, &line, &line_len)) == FRAME_LINE) {
		lines = stpcpy(stpcpy(lines, line), "|");
	}
	keep();
	return status;
}

START_TEST(line_comes_without_its_end)
{
	feed_text("{\"a\":1}\n");
	expect_line("{\"a\":1}");
	expect_status(FRAME_PARTIAL);
	keep();
	frame_done(&frame);
}
END_TEST

START_TEST(line_waits_for_its_end)
{
	feed_text("{\"a\"");
	expect_status(FRAME_PARTIAL);
	keep();
	feed_text(":1}");
	expect_status(FRAME_PARTIAL);
	keep();
	feed_text("\n");
	expect_line("{\"a\":1}");
	expect_status(FRAME_PARTIAL);
	keep();
	frame_done(&frame);
}
END_TEST

START_TEST(every_split_gives_the_same_lines)
{
	static const char text[] = "one\n\ntwo words\n \t\r\n3\r\nfour\nrest";
	size_t len = strlen(text);

	for (size_t first = 0; first <= len; first++) {
		for (size_t second = first; second <= len; second++) {
			char lines[64] = "";

			feed_and_take(text, first, lines);
			feed_and_take(text + first, second - first, lines);
			feed_and_take(text + second, len - second, lines);
			ck_assert_str_eq(lines, "one|two words|3\r|four|");
			ck_assert_uint_eq(frame_pending(&frame), strlen("rest"));
			frame_done(&frame);
		}
	}
}
END_TEST

/* Longer than any buffer that it has on the way. */
START_TEST(long_line_in_small_pieces_comes_whole)
{
	char text[5001];

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		text[i] = (char)('a' + i % 26);
	}
	text[sizeof(text) - 1] = '\0';
	for (size_t done = 0; done < sizeof(text) - 1; done += 8) {
		feed(text + done, 8);
		expect_status(FRAME_PARTIAL);
		keep();
	}
	feed_text("\n");
	expect_line(text);
	keep();
	frame_done(&frame);
}
END_TEST

START_TEST(blank_lines_are_skipped)
{
	feed_text("\n\r\n \t \n  x\n\n");
	expect_line("  x");
	expect_status(FRAME_PARTIAL);
	keep();
	ck_assert_uint_eq(frame_pending(&frame), 0);
	frame_done(&frame);
}
END_TEST

START_TEST(line_may_hold_a_nul)
{
	char *line;
	size_t len;

	feed("a\0b\n", 4);
	ck_assert_int_eq(frame_next(&frame, &line, &len), FRAME_LINE);
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(line, "a\0b", 4);
	keep();
	frame_done(&frame);
}
END_TEST

START_TEST(longest_line_is_taken)
{
	char *text = malloc(FRAME_LINE_MAX + 2);
	char *line;
	size_t len;

	memset(text, 'x', FRAME_LINE_MAX);
	text[FRAME_LINE_MAX] = '\n';
	text[FRAME_LINE_MAX + 1] = '{';
	feed(text, FRAME_LINE_MAX + 2);
	ck_assert_int_eq(frame_next(&frame, &line, &len), FRAME_LINE);
	ck_assert_uint_eq(len, FRAME_LINE_MAX);
	expect_status(FRAME_PARTIAL);
	keep();
	frame_done(&frame);
	free(text);
}
END_TEST

START_TEST(longest_line_may_wait_for_its_end)
{
	char *text = malloc(FRAME_LINE_MAX);
	char *line;
	size_t len;

	memset(text, 'x', FRAME_LINE_MAX);
	feed(text, FRAME_LINE_MAX);
	expect_status(FRAME_PARTIAL);
	keep();
	feed_text("\n");
	ck_assert_int_eq(frame_next(&frame, &line, &len), FRAME_LINE);
	ck_assert_uint_eq(len, FRAME_LINE_MAX);
	keep();
	frame_done(&frame);
	free(text);
}
END_TEST

START_TEST(longer_line_is_refused_with_or_without_its_end)
{
	char *text = malloc(FRAME_LINE_MAX + 2);

	memset(text, 'x', FRAME_LINE_MAX + 1);
	text[FRAME_LINE_MAX + 1] = '\n';
	feed(text, FRAME_LINE_MAX + 2);
	expect_status(FRAME_TOO_LONG);
	frame_done(&frame);

	feed(text, FRAME_LINE_MAX + 1);
	expect_status(FRAME_TOO_LONG);
	expect_status(FRAME_TOO_LONG);
	frame_done(&frame);
	free(text);
}
END_TEST

START_TEST(longer_line_is_refused_in_pieces_and_behind_others)
{
	char *text = malloc(FRAME_LINE_MAX);
	char lines[16] = "";

	memset(text, ' ', FRAME_LINE_MAX);
	ck_assert_int_eq(feed_and_take("a\nb", 3, lines), FRAME_PARTIAL);
	ck_assert_int_eq(feed_and_take(text, FRAME_LINE_MAX - 1, lines), FRAME_PARTIAL);
	ck_assert_int_eq(feed_and_take(" \nc\n", 4, lines), FRAME_TOO_LONG);
	ck_assert_str_eq(lines, "a|");
	frame_done(&frame);
	free(text);
}
END_TEST

START_TEST(lines_not_taken_are_there_after_keep)
{
	char bytes[] = "one\ntwo\nthree\nfo";

	ck_assert_int_eq(frame_feed(&frame, bytes, strlen(bytes)), 0);
	expect_line("one");
	keep();
	memset(bytes, '#', sizeof(bytes));
	ck_assert_uint_eq(frame_pending(&frame), strlen("two\nthree\nfo"));
	expect_line("two");
	keep();
	feed_text("ur\n");
	expect_line("three");
	expect_line("four");
	expect_status(FRAME_PARTIAL);
	keep();
	frame_done(&frame);
}
END_TEST

START_TEST(memory_is_held_for_an_incomplete_line_alone)
{
	feed_text("one\ntw");
	expect_line("one");
	expect_status(FRAME_PARTIAL);
	keep();
	ck_assert_ptr_nonnull(frame.kept);
	feed_text("o\n");
	expect_line("two");
	expect_status(FRAME_PARTIAL);
	keep();
	ck_assert_ptr_null(frame.kept);
	ck_assert_uint_eq(frame_pending(&frame), 0);
}
END_TEST

/* Has a line with the secret kept, then fed on with more bytes or let go. */
static void expect_wiped(const char *more)
{
	watched_freed = false;
	feed_text(secret);
	expect_status(FRAME_PARTIAL);
	keep();
	watched = frame.kept;
	watched_len = frame.kept_len;
	if (more) {
		feed_text(more);
		while (frame_next(&frame, &(char *){NULL}, &(size_t){0}) == FRAME_LINE) {
		}
		keep();
	} else {
		frame_done(&frame);
	}
	ck_assert(watched_freed);
	ck_assert(!watched_held_secret);
	frame_done(&frame);
}

START_TEST(what_was_kept_is_wiped)
{
	char longer[1024];

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	expect_wiped(NULL);
	expect_wiped("\n");
	expect_wiped("\nnext");
	expect_wiped(longer);
}
END_TEST

UNIT_MAIN("frame", line_comes_without_its_end, line_waits_for_its_end,
	every_split_gives_the_same_lines, long_line_in_small_pieces_comes_whole,
	blank_lines_are_skipped, line_may_hold_a_nul, longest_line_is_taken,
	longest_line_may_wait_for_its_end, longer_line_is_refused_with_or_without_its_end,
	longer_line_is_refused_in_pieces_and_behind_others, lines_not_taken_are_there_after_keep,
	memory_is_held_for_an_incomplete_line_alone, what_was_kept_is_wiped)
