/*
 * Collects one HTTP answer as it comes in, line by line and piece by piece, within limits. It does
 * not know where the bytes come from, nor what they mean.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	HTTP_BODY_MAX = 1024 * 1024, /* bytes of an answer; a longer one is cut off and counts as a
					network error */
	HTTP_HEADER_MAX = 256,       /* bytes kept of a header that is passed on */
	HTTP_LINES_MAX = 8192,       /* bytes of all header lines, where those are wanted */
};

/* All members are zero at first, but for keep_lines; to be read by others. */
struct http_collect {
	size_t header_lines_len;
	bool keep_lines; /* the lines of the final answer's headers are wanted; set from outside */
	char *lines;     /* those, an LF behind each, and a NUL; NULL: none */
	size_t lines_len;
	bool headers_whole; /* the blank line behind the headers of the final answer was seen */
	char retry_after[HTTP_HEADER_MAX + 1], date[HTTP_HEADER_MAX + 1],
		correlation_id[HTTP_HEADER_MAX + 1]; /* empty: absent */
	char *body;                                  /* NUL-terminated; NULL: empty */
	size_t body_len, body_size;
	const char *refusal; /* why a line or piece was not taken */
};

/* Wipes and frees body and lines. */
void http_collect_done(struct http_collect *collect);

/* Takes a line of headers: of provisional answers (1xx), of the final one, of its trailers. status
 * is what the last status line said. False with a refusal when there are too many. */
bool http_collect_header(struct http_collect *collect, const char *line, size_t len, int status);

/* Takes a piece of the body. False with a refusal when it gets too long or there is no memory. */
bool http_collect_body(struct http_collect *collect, const char *bytes, size_t len);
