/*
 * What the executable's free() and realloc() do for libraries: a secret that went through them is
 * looked for in every writable byte of this process after all is freed.
 */
#include <cjson/cJSON.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ini_configobj.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/secret.h"
#include "http_server.h"
#include "io/harden.h"
#include "io/http.h"
#include "io/tls.h"
#include "unit.h"

enum {
	MASK = 0x5a, /* the secret is kept exclusive-or this */
	SECRET_LEN = 24,
	FOUND_MIN = 12, /* bytes of it in a row that count as found */
	MAPS_SIZE = 256 * 1024,
	TEXT_SIZE = 4096,
	MOVED_SIZE = 4 * 1024 * 1024,
	LINES = 1000,
	TIMEOUT_MS = 3000,
	SKIPPED = 77, /* an exit status, as Meson has it */
};

static const char masked[] = "jk?*;3?r-3k`7*,h6q0l:;9p";

static char maps[MAPS_SIZE];
static const char *where = "";

/* A copy on the heap, with text around it. */
static char *with_secret(const char *before, const char *after)
{
	char *text = calloc(1, TEXT_SIZE);
	char *end;

	ck_assert_ptr_nonnull(text);
	end = stpcpy(text, before);
	for (int i = 0; i < SECRET_LEN; i++) {
		*end++ = (char)(masked[i] ^ MASK);
	}
	stpcpy(end, after);
	return text;
}

/* Reads without a copy; no function is called between, so no stack is written. */
static size_t count_in(const volatile char *bytes, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i + FOUND_MIN <= len; i++) {
		for (size_t start = 0; start + FOUND_MIN <= SECRET_LEN; start += FOUND_MIN / 2) {
			size_t j = 0;

			while (j < FOUND_MIN && (bytes[i + j] ^ MASK) == masked[start + j]) {
				j++;
			}
			n += j == FOUND_MIN;
		}
	}
	return n;
}

/* How many pieces of the secret stand in writable memory, the stack included. The last region with
 * one is told in where. */
static size_t count_in_memory(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t len = 0, n = 0;
	ssize_t got;

	ck_assert_int_ge(fd, 0);
	while ((got = read(fd, maps + len, sizeof(maps) - 1 - len)) > 0) {
		len += (size_t)got;
	}
	close(fd);
	maps[len] = '\0';
	for (char *line = maps; *line; line = strchr(line, '\n') + 1) {
		char *end;
		uintptr_t from = strtoul(line, &end, 16);
		uintptr_t to = strtoul(end + 1, &end, 16);
		bool is_data = end[1] == 'r' && end[2] == 'w';
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives numbers */
		const volatile char *bytes = (const volatile char *)from;
		size_t found = is_data ? count_in(bytes, to - from) : 0;

		if (found) {
			where = line;
		}
		n += found;
	}
	return n;
}

static void assert_gone(void)
{
	size_t n = count_in_memory();

	ck_assert_msg(!n, "%zu, for example in %.*s", n, (int)strcspn(where, "\n"), where);
}

START_TEST(scan_finds_what_is_there)
{
	char *text = with_secret("", "");

	ck_assert_uint_gt(count_in_memory(), 0);
	free(text);
	assert_gone();
}
END_TEST

START_TEST(moved_block_leaves_nothing_behind)
{
	char *text = with_secret("", "");

	for (size_t size = TEXT_SIZE; size < MOVED_SIZE; size *= 3) {
		char *barrier = malloc(size);
		char *moved = realloc(text, 3 * size);

		ck_assert_ptr_nonnull(moved);
		text = moved;
		free(barrier);
	}
	ck_assert_uint_eq(malloc_usable_size(text) >= TEXT_SIZE, 1);
	text = realloc(text, 64);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_lt(malloc_usable_size(text), TEXT_SIZE);
	ck_assert_uint_eq(count_in_memory(), 3);
	text = realloc(text, 0);
	ck_assert_ptr_null(text);
	assert_gone();
}
END_TEST

START_TEST(what_realloc_gives_is_what_it_had)
{
	char *text = realloc(NULL, 100);
	void *whole;

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', 100);
	for (size_t size = 1; size < 200000; size = size * 7 / 2 + 1) {
		text = realloc(text, size + 100);
		ck_assert_ptr_nonnull(text);
		ck_assert_uint_ge(malloc_usable_size(text), size + 100);
		for (int i = 0; i < 100; i++) {
			ck_assert_int_eq(text[i], 'a');
		}
	}
	text = realloc(text, 10);
	ck_assert(!strncmp(text, "aaaaaaaaaa", 10));
	ck_assert_ptr_null(realloc(text, SIZE_MAX / 2));
	free(text);
	ck_assert_int_eq(posix_memalign(&whole, 4096, 4096), 0);
	free(whole);
	free(NULL);
}
END_TEST

START_TEST(stdio_leaves_nothing_behind)
{
	char *text = with_secret("", "\n"), *copy = NULL, *line = NULL;
	size_t size = 0;
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < LINES; i++) {
		fputs(text, file);
	}
	rewind(file);
	ck_assert_int_eq(getdelim(&line, &size, EOF, file), (ssize_t)(LINES * strlen(text)));
	fclose(file);
	file = open_memstream(&copy, &size);
	for (int i = 0; i < LINES; i++) {
		fputs(text, file);
	}
	fclose(file);
	harden_wipe_stack();
	ck_assert_uint_gt(count_in_memory(), LINES);
	free(copy);
	free(line);
	free(text);
	assert_gone();
}
END_TEST

START_TEST(cjson_leaves_nothing_behind)
{
	char *text = with_secret("{\"a\":[\"x\\u00e9", "\"],\"b\":{\"c\":\"d\"}}");
	cJSON *tree = cJSON_Parse(text);
	char *printed = cJSON_Print(tree);

	ck_assert_ptr_nonnull(printed);
	cJSON_free(printed);
	cJSON_Delete(tree);
	free(text);
	assert_gone();
}
END_TEST

START_TEST(ini_config_leaves_nothing_behind)
{
	char path[] = "/tmp/test_wipe_XXXXXX";
	char *text = with_secret("[profile default]\nclient_id = x\nclient_secret = ", "\n# end\n");
	int fd = mkstemp(path);
	struct ini_cfgobj *config = NULL;
	struct ini_cfgfile *file = NULL;
	struct value_obj *value = NULL;
	char *copy;
	int error = 0;

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	free(text);
	ck_assert_int_eq(ini_config_create(&config), 0);
	ck_assert_int_eq(ini_config_file_open(path, 0, &file), 0);
	ck_assert_int_eq(ini_config_parse(file, INI_STOP_ON_NONE, INI_MV1S_ERROR, 0, config), 0);
	ini_config_file_destroy(file);
	unlink(path);
	ck_assert_int_eq(ini_get_config_valueobj("profile default", "client_secret", config,
				 INI_GET_FIRST_VALUE, &value),
		0);
	copy = ini_get_string_config_value(value, &error);
	ck_assert_uint_eq(strlen(copy), SECRET_LEN);
	free(copy);
	ini_config_destroy(config);
	harden_wipe_stack();
	assert_gone();
}
END_TEST

/* What the child that plays the server tells. */
struct address {
	int port;
	char certificate[64];
};

/* A server whose answer holds the secret, in a process of its own. Returns its pid. */
static pid_t fork_server(bool with_tls, struct address *ret_address)
{
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		char *answer = with_secret("HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n", "!");
		struct http_server *server = http_server_start(
			&(struct http_script){.pieces = (const char *const[]){answer, NULL}},
			with_tls);
		struct address address = {.port = http_server_port(server)};

		snprintf(address.certificate, sizeof(address.certificate), "%s",
			http_server_certificate(server));
		ck_assert_int_gt(write(fds[1], &address, sizeof(address)), 0);
		for (;;) {
			pause();
		}
	}
	ck_assert_int_eq(read(fds[0], ret_address, sizeof(*ret_address)), sizeof(*ret_address));
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static size_t n_answers, secret_len_in_body;

static void on_done(void *context, const struct http_answer *answer)
{
	ck_assert_msg(!answer->error, "%s", answer->error);
	n_answers++;
	secret_len_in_body = count_in(answer->body, answer->body_len);
}

static void post_secret(
	struct event_base *base, struct http *http, const struct address *address, bool with_tls)
{
	char url[64];
	char *text = with_secret("client_secret=", "&grant_type=x");
	struct secret *form = secret_new(text, strlen(text));
	struct secret *authorization;
	struct http_transfer *transfer;

	free(text);
	text = with_secret("Basic ", "");
	authorization = secret_new(text, strlen(text));
	free(text);
	snprintf(url, sizeof(url), "http%s://127.0.0.1:%d/", with_tls ? "s" : "", address->port);
	ck_assert_int_eq(http_send(http,
				 &(struct http_request){
					 .method = "POST",
					 .url = url,
					 .ca_file = with_tls ? address->certificate : NULL,
					 .body = form,
					 .content_type = HTTP_TYPE_FORM,
					 .authorization = authorization,
					 .connect_timeout_ms = TIMEOUT_MS,
					 .request_timeout_ms = TIMEOUT_MS,
				 },
				 on_done, NULL, &transfer),
		0);
	secret_free(form);
	secret_free(authorization);
	event_base_dispatch(base);
}

static void check_http(bool with_tls)
{
	struct address address;
	pid_t pid = fork_server(with_tls, &address);
	struct event_base *base = event_base_new();
	struct tls *tls = tls_new();
	struct http *http = http_new(base, tls);

	post_secret(base, http, &address, with_tls);
	ck_assert_uint_eq(n_answers, 1);
	ck_assert_uint_gt(secret_len_in_body, 0);
	assert_gone();
	http_free(http);
	tls_free(tls);
	event_base_free(base);
	assert_gone();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (with_tls) {
		unlink(address.certificate);
	}
}

START_TEST(http_leaves_nothing_behind)
{
	check_http(false);
}
END_TEST

START_TEST(https_leaves_nothing_behind)
{
	check_http(true);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {scan_finds_what_is_there, moved_block_leaves_nothing_behind,
		what_realloc_gives_is_what_it_had, stdio_leaves_nothing_behind,
		cjson_leaves_nothing_behind, ini_config_leaves_nothing_behind,
		http_leaves_nothing_behind, https_leaves_nothing_behind};
	void *byte = malloc(1);
	bool is_glibc = malloc_usable_size(byte) > 1;

	free(byte);
	if (!is_glibc) {
		puts("skipped: valgrind's memory takes the place of what is tested");
		return SKIPPED;
	}
	return unit_run("wipe", tests, sizeof(tests) / sizeof(tests[0]));
}
