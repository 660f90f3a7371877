#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#include "proto/payload.h"

struct outbox_line {
	STAILQ_ENTRY(outbox_line) link;
	struct payload *payload;
	size_t head_len;
	size_t sent; /* bytes of head and payload that have left */
	char head[];
};

void outbox_init(struct outbox *outbox)
{
	STAILQ_INIT(&outbox->lines);
	outbox->len = 0;
}

static size_t left_of(const struct outbox_line *line)
{
	return line->head_len + line->payload->len - line->sent;
}

static void drop_first(struct outbox *outbox)
{
	struct outbox_line *line = STAILQ_FIRST(&outbox->lines);

	outbox->len -= left_of(line);
	STAILQ_REMOVE_HEAD(&outbox->lines, link);
	payload_unref(line->payload);
	free(line);
}

void outbox_done(struct outbox *outbox)
{
	while (!STAILQ_EMPTY(&outbox->lines)) {
		drop_first(outbox);
	}
}

bool outbox_put(struct outbox *outbox, const char *head, size_t head_len, struct payload *payload)
{
	struct outbox_line *line = malloc(sizeof(*line) + head_len);

	if (!line) {
		return false;
	}
	line->payload = payload_ref(payload);
	line->head_len = head_len;
	line->sent = 0;
	memcpy(line->head, head, head_len);
	STAILQ_INSERT_TAIL(&outbox->lines, line, link);
	outbox->len += head_len + payload->len;
	return true;
}

/* Copies as much as there is room for. */
static size_t copy_piece(char *dst, size_t size, const char *bytes, size_t len)
{
	size_t n = len < size ? len : size;

	memcpy(dst, bytes, n);
	return n;
}

size_t outbox_gather(const struct outbox *outbox, char *dst, size_t size)
{
	const struct outbox_line *line;
	size_t len = 0;

	STAILQ_FOREACH (line, &outbox->lines, link) {
		size_t skip = line->sent;

		if (skip < line->head_len) {
			len += copy_piece(
				dst + len, size - len, line->head + skip, line->head_len - skip);
			skip = 0;
		} else {
			skip -= line->head_len;
		}
		len += copy_piece(dst + len, size - len, line->payload->bytes + skip,
			line->payload->len - skip);
		if (len == size) {
			break;
		}
	}
	return len;
}

void outbox_sent(struct outbox *outbox, size_t n)
{
	struct outbox_line *line;

	while ((line = STAILQ_FIRST(&outbox->lines))) {
		size_t left = left_of(line);

		if (n < left) {
			line->sent += n;
			outbox->len -= n;
			return;
		}
		n -= left;
		drop_first(outbox);
	}
}

void outbox_take_back(struct outbox *outbox)
{
	struct outbox_line *first = STAILQ_FIRST(&outbox->lines);

	if (!first || first->sent == 0) {
		outbox_done(outbox);
		return;
	}
	STAILQ_REMOVE_HEAD(&outbox->lines, link); /* so that it stays whole */
	outbox_done(outbox);
	STAILQ_INSERT_HEAD(&outbox->lines, first, link);
}
