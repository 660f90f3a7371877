#include "state_fixture.h"

#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"

#define TEMPLATE "/tmp/gctokend-state-XXXXXX"

enum { OPENED_MAX = 8 /* directories at once */ };

struct event_base *state_fixture_base;
char state_fixture_why[STATE_WHY_SIZE];
int state_fixture_error, state_fixture_n_done;

static char directory[] = TEMPLATE;
static char path[PATH_MAX];

void state_fixture_set_up(void)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	memcpy(directory, TEMPLATE, sizeof(directory));
	ck_assert_ptr_nonnull(mkdtemp(directory));
	state_fixture_base = event_base_new();
	state_fixture_n_done = 0;
}

static int remove_one(const char *file, const struct stat *status, int kind, struct FTW *where)
{
	return remove(file);
}

void state_fixture_tear_down(void)
{
	event_base_free(state_fixture_base);
	ck_assert_int_eq(nftw(directory, remove_one, OPENED_MAX, FTW_DEPTH | FTW_PHYS), 0);
}

const char *state_fixture_path(const char *name)
{
	snprintf(path, sizeof(path), "%s%s%s", directory, *name ? "/" : "", name);
	return path;
}

void state_fixture_write(const char *name, const void *bytes, size_t len)
{
	int fd = open(state_fixture_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

long state_fixture_read(const char *name, void *bytes, size_t size)
{
	int fd = open(state_fixture_path(name), O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0) {
		return -1;
	}
	len = read(fd, bytes, size);
	ck_assert_int_ge(len, 0);
	close(fd);
	return len;
}

int state_fixture_count(const char *text)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;
	int n = 0;

	ck_assert_ptr_nonnull(stream);
	while ((entry = readdir(stream))) {
		n += strstr(entry->d_name, text) != NULL;
	}
	closedir(stream);
	return n;
}

struct state *state_fixture_open(void)
{
	struct state *state = NULL;
	int status = state_open(
		state_fixture_base, state_fixture_path(""), &state, state_fixture_why);

	STATE_FIXTURE_EXPECT(status == 0);
	return state;
}

struct state_binding state_fixture_binding(const char *profile)
{
	return (struct state_binding){profile, "https://login.example/oauth/token", "client"};
}

static void on_done(void *context, int error, const char *why)
{
	STATE_FIXTURE_EXPECT(context == directory);
	STATE_FIXTURE_EXPECT((error == 0) == !why);
	state_fixture_error = error;
	snprintf(state_fixture_why, sizeof(state_fixture_why), "%s", why ? why : "");
	state_fixture_n_done++;
}

struct state_write *state_fixture_begin(struct state *state, const char *profile, const char *text)
{
	struct state_binding binding = state_fixture_binding(profile);
	struct secret *record = text ? secret_new(text, strlen(text)) : NULL;
	struct state_write *write = NULL;

	STATE_FIXTURE_EXPECT(
		state_save(state, &binding, record, on_done, directory, &write) == 0 && write);
	secret_free(record);
	return write;
}

void state_fixture_wait(int n)
{
	while (state_fixture_n_done < n) {
		STATE_FIXTURE_EXPECT(event_base_loop(state_fixture_base, EVLOOP_ONCE) == 0);
	}
}

int state_fixture_save(struct state *state, const char *profile, const char *text)
{
	state_fixture_begin(state, profile, text);
	state_fixture_wait(state_fixture_n_done + 1);
	return state_fixture_error;
}

void state_fixture_check(
	struct state *state, const char *profile, enum state_found found, const char *text)
{
	struct state_binding binding = state_fixture_binding(profile);
	struct secret *record = NULL;
	enum state_found actual = found;
	int status = state_load(state, &binding, &record, &actual, state_fixture_why);

	ck_assert_msg(status == 0, "%s", state_fixture_why);
	ck_assert_int_eq(actual, found);
	ck_assert_int_eq(record != NULL, found == STATE_FOUND);
	if (text) {
		ck_assert_str_eq(secret_reveal(record), text);
	}
	secret_free(record);
}
