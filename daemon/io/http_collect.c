#include "http_collect.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_text.h"

enum {
	BODY_FIRST_SIZE = 4096,       /* bytes taken for the beginning of a body */
	HEADER_LINES_MAX = 64 * 1024, /* bytes of all header lines, provisional ones included */
};

static void keep_header(const char *line, size_t len, const char *name, char *value)
{
	size_t name_len = strlen(name);

	if (*value || len <= name_len || line[name_len] != ':' ||
		strncasecmp(line, name, name_len) != 0) {
		return;
	}
	line += name_len + 1;
	len -= name_len + 1;
	while (len && strchr(" \t", *line)) {
		line++;
		len--;
	}
	while (len && strchr(" \t\r\n", line[len - 1])) {
		len--;
	}
	http_text_copy(value, HTTP_HEADER_MAX + 1, line, len);
}

static void drop_lines(struct http_collect *collect)
{
	if (collect->lines) {
		explicit_bzero(collect->lines, HTTP_LINES_MAX);
		collect->lines_len = 0;
	}
}

/* Keeps a line as a whole; one that there is no room or memory for is left out. A status line
 * begins anew: what came before was a provisional answer. */
static void keep_line(struct http_collect *collect, const char *line, size_t len)
{
	static const char status[] = "HTTP/";

	if (len >= strlen(status) && strncasecmp(line, status, strlen(status)) == 0) {
		drop_lines(collect);
		return;
	}
	if (!collect->lines) {
		collect->lines = calloc(1, HTTP_LINES_MAX + 1);
	}
	while (len && strchr("\r\n", line[len - 1])) {
		len--;
	}
	if (!collect->lines || len >= HTTP_LINES_MAX - collect->lines_len) {
		return;
	}
	memcpy(collect->lines + collect->lines_len, line, len);
	collect->lines_len += len;
	collect->lines[collect->lines_len++] = '\n';
}

bool http_collect_header(struct http_collect *collect, const char *line, size_t len, int status)
{
	collect->header_lines_len += len;
	if (collect->header_lines_len > HEADER_LINES_MAX) {
		collect->refusal = "the answer's headers are too long";
		return false;
	}
	if (collect->headers_whole) {
		return true;
	}
	if (*line == '\r' || *line == '\n') {
		collect->headers_whole = status >= 200;
		if (!collect->headers_whole) {
			*collect->retry_after = *collect->date = *collect->correlation_id = '\0';
		}
		return true;
	}
	if (collect->keep_lines) {
		keep_line(collect, line, len);
	}
	keep_header(line, len, "retry-after", collect->retry_after);
	keep_header(line, len, "date", collect->date);
	keep_header(line, len, "inin-correlation-id", collect->correlation_id);
	return true;
}

static void free_body(struct http_collect *collect)
{
	if (collect->body) {
		explicit_bzero(collect->body, collect->body_size);
		free(collect->body);
	}
}

/* Makes room for len bytes and a NUL; realloc() would leave the old bytes behind. */
static bool body_reserve(struct http_collect *collect, size_t len)
{
	size_t size = collect->body_size ? collect->body_size : BODY_FIRST_SIZE;
	char *body;

	if (len < collect->body_size) {
		return true;
	}
	while (size <= len) {
		size *= 2;
	}
	body = malloc(size);
	if (!body) {
		return false;
	}
	if (collect->body) {
		memcpy(body, collect->body, collect->body_len);
	}
	free_body(collect);
	collect->body = body;
	collect->body_size = size;
	return true;
}

bool http_collect_body(struct http_collect *collect, const char *bytes, size_t len)
{
	if (len > HTTP_BODY_MAX - collect->body_len) {
		collect->refusal = "the answer is too long";
		return false;
	}
	if (!body_reserve(collect, collect->body_len + len)) {
		collect->refusal = "no memory for the answer";
		return false;
	}
	memcpy(collect->body + collect->body_len, bytes, len);
	collect->body_len += len;
	collect->body[collect->body_len] = '\0';
	return true;
}

void http_collect_done(struct http_collect *collect)
{
	free_body(collect);
	drop_lines(collect);
	free(collect->lines);
}
