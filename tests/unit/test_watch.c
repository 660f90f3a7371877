#include "io/watch.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "config_fixture.h"

enum { TURNS = 8, AN_HOUR_MS = 3600000 };

static struct event_base *base;
static struct watch *watch;
static int n_told;
static char directory[PATH_MAX];

static void on_changed(void *context, int error)
{
	ck_assert_int_eq(error, 0);
	n_told++;
}

/* The path of name in the test's directory, as long as no other is asked for. */
static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "we");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void rename_file(const char *from, const char *to)
{
	char *old = strdup(path_of(from));

	ck_assert_int_eq(rename(old, path_of(to)), 0);
	free(old);
}

static void make_directory(const char *name)
{
	ck_assert_int_eq(mkdir(path_of(name), 0755), 0);
}

/* How often a change was told since the last call: what the kernel says is there at once, and the
 * time of quiet is none. */
static int told(void)
{
	int n;

	for (int i = 0; i < TURNS; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	n = n_told;
	n_told = 0;
	return n;
}

static void start(const char *name, int64_t quiet_ms)
{
	base = event_base_new();
	watch = watch_new(base, path_of(name), quiet_ms, on_changed, NULL);
	ck_assert_ptr_nonnull(watch);
	ck_assert_int_eq(watch_start(watch), 0);
	ck_assert_int_eq(told(), 0);
}

static void set_up(void)
{
	config_fixture_set_up();
	snprintf(directory, sizeof(directory), "%s", config_fixture_path(""));
	directory[strlen(directory) - 1] = '\0';
}

static void tear_down(void)
{
	watch_free(watch);
	event_base_free(base);
	config_fixture_tear_down();
}

START_TEST(changed_file_is_told_once)
{
	write_file("x.conf", "1");
	start("x.conf", 0);
	write_file("x.conf", "22");
	ck_assert_int_eq(told(), 1);
	ck_assert_int_eq(told(), 0);
	/* By a rename, as most editors do. */
	write_file("x.conf.new", "333");
	ck_assert_int_eq(told(), 0);
	rename_file("x.conf.new", "x.conf");
	ck_assert_int_eq(told(), 1);
	/* By its mode, so that one that was refused for it is read. */
	ck_assert_int_eq(chmod(path_of("x.conf"), 0600), 0);
	ck_assert_int_eq(told(), 1);
}
END_TEST

START_TEST(file_is_not_told_before_it_is_closed)
{
	FILE *file;

	start("x.conf", 0);
	file = fopen(path_of("x.conf"), "we");
	fputs("half", file);
	fflush(file);
	ck_assert_int_eq(told(), 0);
	fputs(" and half", file);
	fclose(file);
	ck_assert_int_eq(told(), 1);
}
END_TEST

START_TEST(change_is_told_after_a_time_of_quiet)
{
	write_file("x.conf", "1");
	start("x.conf", AN_HOUR_MS);
	write_file("x.conf", "22");
	ck_assert_int_eq(told(), 0);
}
END_TEST

START_TEST(file_that_appears_or_is_removed_is_told)
{
	start("x.conf", 0);
	write_file("x.conf", "1");
	ck_assert_int_eq(told(), 1);
	unlink(path_of("x.conf"));
	ck_assert_int_eq(told(), 1);
	write_file("y.conf", "1");
	ck_assert_int_eq(told(), 0);
	rename_file("y.conf", "x.conf");
	ck_assert_int_eq(told(), 1);
	rename_file("x.conf", "y.conf");
	ck_assert_int_eq(told(), 1);
}
END_TEST

START_TEST(what_was_read_meanwhile_is_not_told)
{
	write_file("x.conf", "1");
	start("x.conf", 0);
	write_file("x.conf", "22");
	watch_mark(watch);
	ck_assert_int_eq(told(), 0);
	/* What was changed before the beginning, but after the reading, is. */
	watch_stop(watch);
	write_file("x.conf", "333");
	ck_assert_int_eq(told(), 0);
	ck_assert_int_eq(watch_start(watch), 0);
	ck_assert_int_eq(told(), 1);
}
END_TEST

START_TEST(drop_ins_are_watched_also_when_their_directory_comes_later)
{
	write_file("x.conf", "1");
	start("x.conf", 0);
	make_directory("x.conf.d");
	ck_assert_int_eq(told(), 0);
	write_file("x.conf.d/1.conf", "1");
	ck_assert_int_eq(told(), 1);
	write_file("x.conf.d/README", "1");
	ck_assert_int_eq(told(), 0);
	unlink(path_of("x.conf.d/1.conf"));
	ck_assert_int_eq(told(), 1);
	write_file("x.conf.d/2.conf", "1");
	ck_assert_int_eq(told(), 1);
	/* Away with its files, and back. */
	rename_file("x.conf.d", "old");
	ck_assert_int_eq(told(), 1);
	write_file("old/3.conf", "1");
	ck_assert_int_eq(told(), 0);
	rename_file("old", "x.conf.d");
	ck_assert_int_eq(told(), 1);
	write_file("x.conf.d/3.conf", "22");
	ck_assert_int_eq(told(), 1);
}
END_TEST

/* As Kubernetes does it: x.conf leads through ..data to a directory of the day. */
START_TEST(swapped_link_is_told)
{
	make_directory("..1");
	make_directory("..2");
	write_file("..1/x.conf", "1");
	write_file("..2/x.conf", "22");
	ck_assert_int_eq(symlink("..1", path_of("..data")), 0);
	ck_assert_int_eq(symlink("..data/x.conf", path_of("x.conf")), 0);
	start("x.conf", 0);
	ck_assert_int_eq(symlink("..2", path_of("..tmp")), 0);
	ck_assert_int_eq(told(), 0);
	rename_file("..tmp", "..data");
	ck_assert_int_eq(told(), 1);
}
END_TEST

START_TEST(directory_that_is_made_again_is_watched_again)
{
	make_directory("a");
	make_directory("a/b");
	write_file("a/b/x.conf", "1");
	start("a/b/x.conf", 0);
	for (int i = 0; i < 2; i++) {
		unlink(path_of("a/b/x.conf"));
		rmdir(path_of("a/b"));
		ck_assert_int_eq(told(), 1);
		rmdir(path_of("a"));
		ck_assert_int_eq(told(), 0);
		make_directory("other");
		rmdir(path_of("other"));
		make_directory("a");
		ck_assert_int_eq(told(), 0);
		make_directory("a/b");
		ck_assert_int_eq(told(), 0);
		write_file("a/b/x.conf", "1");
		ck_assert_int_eq(told(), 1);
	}
	/* One further up is moved away, and another takes its place. */
	make_directory("new");
	make_directory("new/b");
	write_file("new/b/x.conf", "22");
	rename_file("a", "old");
	rename_file("new", "a");
	ck_assert_int_eq(told(), 1);
	write_file("old/b/x.conf", "333");
	ck_assert_int_eq(told(), 0);
	write_file("a/b/x.conf", "333");
	ck_assert_int_eq(told(), 1);
}
END_TEST

START_TEST(directory_behind_a_swapped_link_is_watched)
{
	make_directory("1");
	make_directory("2");
	write_file("1/x.conf", "1");
	write_file("2/x.conf", "22");
	ck_assert_int_eq(symlink("1", path_of("current")), 0);
	start("current/x.conf", 0);
	ck_assert_int_eq(symlink("2", path_of("next")), 0);
	rename_file("next", "current");
	ck_assert_int_eq(told(), 1);
	write_file("2/x.conf", "333");
	ck_assert_int_eq(told(), 1);
	write_file("1/x.conf", "333");
	ck_assert_int_eq(told(), 0);
}
END_TEST

START_TEST(relative_path_is_watched)
{
	ck_assert_int_eq(chdir(directory), 0);
	base = event_base_new();
	watch = watch_new(base, "x.conf", 0, on_changed, NULL);
	ck_assert_int_eq(watch_start(watch), 0);
	ck_assert_int_eq(told(), 0);
	write_file("x.conf", "1");
	ck_assert_int_eq(told(), 1);
	make_directory("x.conf.d");
	write_file("x.conf.d/1.conf", "1");
	ck_assert_int_eq(told(), 1);
}
END_TEST

CASES_MAIN("watch", set_up, tear_down, {changed_file_is_told_once, 1},
	{file_is_not_told_before_it_is_closed, 1}, {change_is_told_after_a_time_of_quiet, 1},
	{file_that_appears_or_is_removed_is_told, 1}, {what_was_read_meanwhile_is_not_told, 1},
	{drop_ins_are_watched_also_when_their_directory_comes_later, 1}, {swapped_link_is_told, 1},
	{directory_that_is_made_again_is_watched_again, 1},
	{directory_behind_a_swapped_link_is_watched, 1}, {relative_path_is_watched, 1})
