#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "io/log.h"
#include "io/log_file.h"

/* All of them are in the directory; nothing else is ever removed. */
static char directory[64], path[80], old[80], console[80];
static char text[64 * 1024];

/* Standard error goes to a file of its own. */
static void set_up(void)
{
	int fd;

	strcpy(directory, "/tmp/gctokend-log-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/log", directory);
	snprintf(old, sizeof(old), "%s/old", directory);
	snprintf(console, sizeof(console), "%s/console", directory);
	fd = open(console, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	close(fd);
	umask(0);
	unsetenv("JOURNAL_STREAM");
	log_setup("info", "text");
}

static void tear_down(void)
{
	log_setup_outputs(true, NULL);
	unlink(path);
	unlink(old);
	unlink(console);
	rmdir(directory);
}

static const char *content(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0) {
		close(fd);
	}
	return text;
}

static bool has(const char *name, const char *part)
{
	return strstr(content(name), part);
}

static unsigned mode(void)
{
	struct stat status;

	ck_assert_int_eq(stat(path, &status), 0);
	return status.st_mode & 07777u;
}

static void make(const char *name, unsigned permissions)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, permissions);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "before\n", 7), 7);
	close(fd);
}

START_TEST(new_file_is_for_its_owner_alone)
{
	log_setup_outputs(false, path);
	log_info("hello");
	ck_assert_uint_eq(mode(), 0600);
	ck_assert(has(path, " info: hello\n"));
	ck_assert_str_eq(content(console), "");
}
END_TEST

START_TEST(both_outputs_get_the_message)
{
	log_setup_outputs(true, path);
	log_info("hello");
	ck_assert(has(path, "hello\n") && has(console, "hello\n"));
}
END_TEST

START_TEST(file_that_others_could_read_is_tightened_and_that_is_told)
{
	make(path, 0644);
	log_setup_outputs(false, path);
	log_info("hello");
	ck_assert_uint_eq(mode(), 0600);
	ck_assert(has(path, "before\n") && has(path, "hello\n"));
	ck_assert(has(console, "its mode was 644"));
}
END_TEST

START_TEST(anything_but_a_regular_file_is_refused_and_the_console_stands_in)
{
	const char *target = path;
	char missing[128];

	switch (_i) {
	case 0:
		make(old, 0600);
		ck_assert_int_eq(symlink(old, path), 0);
		break;
	case 1:
		ck_assert_int_eq(mkfifo(path, 0600), 0);
		break;
	case 2:
		ck_assert_int_eq(mkdir(path, 0700), 0);
		break;
	case 3:
		target = "/dev/full";
		break;
	case 4:
		snprintf(missing, sizeof(missing), "%s/not/there", directory);
		target = missing;
		break;
	}
	log_setup_outputs(false, target);
	ck_assert(has(console, " warning: log_file_path: "));
	ck_assert(has(console, _i == 4 ? "No such file" : "it is not a regular file"));
	log_info("hello");
	ck_assert(has(console, " info: hello\n"));
	if (_i == 0) {
		ck_assert_str_eq(content(old), "before\n");
	} else if (_i == 2) {
		rmdir(path);
	}
}
END_TEST

START_TEST(reopening_makes_a_new_file_after_a_rename)
{
	log_setup_outputs(false, path);
	log_info("one");
	ck_assert_int_eq(rename(path, old), 0);
	log_info("two");
	log_reopen();
	log_info("three");
	ck_assert(has(old, "one\n") && has(old, "two\n") && !has(old, "three\n"));
	ck_assert(has(path, "three\n") && !has(path, "two\n"));
	ck_assert_uint_eq(mode(), 0600);
}
END_TEST

START_TEST(renamed_or_removed_file_is_noticed_when_it_is_looked_for)
{
	struct log_file file = LOG_FILE_NONE;
	char why[LOG_FILE_WHY_SIZE];

	ck_assert(log_file_set(&file, path));
	ck_assert_int_eq(log_file_open(&file, why), LOG_FILE_OPENED);
	unlink(path);
	ck_assert(!log_file_stale(&file)); /* it was looked at just now */
	file.looked_ms -= LOG_FILE_LOOK_MS;
	ck_assert(log_file_stale(&file));
	ck_assert_int_eq(log_file_open(&file, why), LOG_FILE_OPENED);
	file.looked_ms -= LOG_FILE_LOOK_MS;
	ck_assert(!log_file_stale(&file));
	rename(path, old);
	make(path, 0600);
	file.looked_ms -= LOG_FILE_LOOK_MS;
	ck_assert(log_file_stale(&file));
	log_file_set(&file, NULL);
}
END_TEST

/* No assertion may stand where files are limited: Check writes each to a file of its own. */
static int limit_to(rlim_t size)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = size;
	return setrlimit(RLIMIT_FSIZE, &limit);
}

START_TEST(full_disk_loses_whole_lines_and_their_number_is_told)
{
	char *line;
	int n = 0, told = 0;

	signal(SIGXFSZ, SIG_IGN);
	log_setup("info", "json");
	log_setup_outputs(false, path);
	limit_to(200);
	for (int i = 0; i < 5; i++) {
		log_info("message %d", i);
	}
	ck_assert_int_eq(limit_to(RLIM_INFINITY), 0);
	ck_assert(has(console, "cannot be written"));
	log_info("message 5");
	content(path);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++) {
		cJSON *object = cJSON_Parse(line);
		const char *message = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(object, "message"));

		ck_assert_msg(message, "no JSON: %s", line);
		told += strstr(message, "3 messages were lost here") != NULL;
		cJSON_Delete(object);
	}
	ck_assert_int_eq(n, 4);
	ck_assert_int_eq(told, 1);
}
END_TEST

START_TEST(errors_are_told_where_no_output_is_set)
{
	log_setup_outputs(false, NULL);
	log_warning("quiet");
	log_error("loud");
	ck_assert(has(console, "loud\n") && !has(console, "quiet"));
}
END_TEST

START_TEST(line_in_the_file_may_be_longer_than_one_on_the_console)
{
	static char body[2048 + 1];
	struct log_exchange exchange = {
		.method = "POST", .url = "u", .request_body = body, .response_body = body};

	memset(body, '"', sizeof(body) - 1);
	log_setup("info", "json");
	log_setup_outputs(true, path);
	log_exchange(true, "p", "id", &exchange, "POST");
	ck_assert_uint_gt(strlen(content(path)), 4 * 2048);
	ck_assert(!has(path, "…"));
	ck_assert_uint_le(strlen(content(console)), 4096);
}
END_TEST

CASES_MAIN("log_file", set_up, tear_down, {new_file_is_for_its_owner_alone, 1},
	{both_outputs_get_the_message, 1},
	{file_that_others_could_read_is_tightened_and_that_is_told, 1},
	{anything_but_a_regular_file_is_refused_and_the_console_stands_in, 5},
	{reopening_makes_a_new_file_after_a_rename, 1},
	{renamed_or_removed_file_is_noticed_when_it_is_looked_for, 1},
	{full_disk_loses_whole_lines_and_their_number_is_told, 1},
	{errors_are_told_where_no_output_is_set, 1},
	{line_in_the_file_may_be_longer_than_one_on_the_console, 1})
