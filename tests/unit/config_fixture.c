#include "config_fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPLATE "/tmp/gctokend-config-XXXXXX"

enum { OPENED_MAX = 8 /* directories at once */ };

static char directory[] = TEMPLATE;
static char path[PATH_MAX];
static char told[64 * 1024];
static int n_told;

void config_fixture_set_up(void)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	memcpy(directory, TEMPLATE, sizeof(directory));
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static int remove_one(const char *file, const struct stat *status, int kind, struct FTW *where)
{
	return remove(file);
}

void config_fixture_tear_down(void)
{
	ck_assert_int_eq(nftw(directory, remove_one, OPENED_MAX, FTW_DEPTH | FTW_PHYS), 0);
}

const char *config_fixture_path(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

const char *config_fixture_write(const char *name, const char *text, mode_t mode)
{
	int fd;

	unlink(config_fixture_path(name));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void tell(void *context, enum log_level level, const char *text)
{
	const char *file = context;
	size_t len = strlen(told);
	bool named = strncmp(text, file, strlen(file)) == 0;

	snprintf(told + len, sizeof(told) - len, "%s %s%s\n",
		level == LOG_LEVEL_ERROR ? "error" : "warning", named ? "FILE" : "",
		named ? text + strlen(file) : text);
	n_told++;
}

int config_fixture_load(
	const char *file, const struct config_environment *environment, struct config **ret_config)
{
	static const struct config_environment nothing;
	char *copy = strdup(file);
	int status;

	told[0] = '\0';
	n_told = 0;
	status = config_load(copy, environment ? environment : &nothing, tell, copy, ret_config);
	free(copy);
	return status;
}

struct config *config_fixture_take(const char *text)
{
	struct config *config = NULL;
	int status = config_fixture_load(
		config_fixture_write("gctokend.conf", text, 0600), NULL, &config);

	ck_assert_msg(status == 0, "refused: %s", told);
	return config;
}

void config_fixture_refuse(const char *text)
{
	struct config *config = NULL;
	int status = config_fixture_load(
		config_fixture_write("gctokend.conf", text, 0600), NULL, &config);

	ck_assert_msg(status == -EINVAL, "taken: %s", text);
	ck_assert_ptr_null(config);
	ck_assert_ptr_nonnull(strstr(told, "error "));
}

const char *config_fixture_told(void)
{
	return told;
}

int config_fixture_n_told(void)
{
	return n_told;
}

void config_fixture_check(const char *text, const char *expected)
{
	struct config *config = NULL;
	int status = config_fixture_load(
		config_fixture_write("gctokend.conf", text, 0600), NULL, &config);

	ck_assert_str_eq(told, expected);
	ck_assert_int_eq(status, strstr(expected, "error ") ? -EINVAL : 0);
	config_free(config);
}

struct settings *config_fixture_only(const char *text)
{
	struct config *config = config_fixture_take(text);
	struct settings *settings;

	ck_assert_uint_eq(config->n_profiles, 1);
	settings = config->profiles[0];
	config->profiles[0] = NULL;
	config_free(config);
	return settings;
}

struct settings *config_fixture_settings(const char *lines, const char *sections)
{
	char text[8192];

	snprintf(text, sizeof(text), "%s%s\n%s", CONFIG_FIXTURE_PROFILE, lines, sections);
	return config_fixture_only(text);
}

void config_fixture_refuse_line(const char *line, const char *why)
{
	char text[2048], expected[2048];

	snprintf(text, sizeof(text), "%s%s\n", CONFIG_FIXTURE_PROFILE, line);
	snprintf(expected, sizeof(expected), "error FILE:4: [profile a] %.*s: %s\n",
		(int)strcspn(line, " ="), line, why);
	config_fixture_check(text, expected);
}
