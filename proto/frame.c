#include "frame.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MIN = 256 /* bytes; the smallest buffer for what is kept */ };

/* The size of the buffer for len bytes: it doubles, so that a line that comes byte by byte is not
 * copied for each of them. */
static size_t kept_size(size_t len)
{
	size_t size = KEPT_MIN;

	while (size < len) {
		size *= 2;
	}
	return size;
}

static void drop_kept(struct frame *frame)
{
	if (frame->kept) {
		explicit_bzero(frame->kept, frame->kept_len);
		free(frame->kept);
	}
	*frame = (struct frame){0};
}

/* Appends bytes to what is kept. */
static int append(struct frame *frame, const char *bytes, size_t len)
{
	size_t kept_len = frame->kept_len + len;
	char *kept = frame->kept;

	if (!kept || kept_size(kept_len) > kept_size(frame->kept_len)) {
		kept = malloc(kept_size(kept_len));
		if (!kept) {
			return -ENOMEM;
		}
		if (frame->kept) {
			memcpy(kept, frame->kept, frame->kept_len);
		}
	}
	memcpy(kept + frame->kept_len, bytes, len);
	if (kept != frame->kept) {
		drop_kept(frame);
	}
	*frame = (struct frame){kept, kept_len, kept, kept_len};
	return 0;
}

void frame_init(struct frame *frame)
{
	*frame = (struct frame){0};
}

void frame_done(struct frame *frame)
{
	drop_kept(frame);
}

int frame_feed(struct frame *frame, char *bytes, size_t len)
{
	assert(frame->next == frame->kept && frame->left == frame->kept_len);
	if (frame->kept) {
		return append(frame, bytes, len);
	}
	frame->next = bytes;
	frame->left = len;
	return 0;
}

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
			return false;
		}
	}
	return true;
}

enum frame_status frame_next(struct frame *frame, char **ret_line, size_t *ret_len)
{
	while (frame->left > 0) {
		size_t most = frame->left <= FRAME_LINE_MAX ? frame->left : FRAME_LINE_MAX + 1;
		char *line = frame->next;
		char *end = memchr(line, '\n', most);
		size_t len;

		if (!end) {
			return frame->left > FRAME_LINE_MAX ? FRAME_TOO_LONG : FRAME_PARTIAL;
		}
		len = (size_t)(end - line);
		frame->next = end + 1;
		frame->left -= len + 1;
		if (!is_blank(line, len)) {
			*end = '\0';
			*ret_line = line;
			*ret_len = len;
			return FRAME_LINE;
		}
	}
	return FRAME_PARTIAL;
}

int frame_keep(struct frame *frame)
{
	struct frame rest = {0};

	if (frame->left > 0) {
		if (frame->next == frame->kept) {
			return 0;
		}
		if (append(&rest, frame->next, frame->left) < 0) {
			return -ENOMEM;
		}
	}
	drop_kept(frame);
	*frame = rest;
	return 0;
}

size_t frame_pending(const struct frame *frame)
{
	return frame->left;
}
