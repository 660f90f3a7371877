#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/frame.h"

/*
 * The first two bytes of an input steer: how it is cut into reads, and whether a long run of
 * letters goes before it, so that small inputs reach the limit of a line. The rest is the stream.
 */
enum {
	STEERING = 2,
	RUN = FRAME_LINE_MAX - 8,
	LINES_A_TURN = 3,
};

/* What came of a stream: the lines with an LF behind each. */
struct lines {
	char *bytes;
	size_t len;
	enum frame_status end;
};

static void add_line(struct lines *lines, const char *line, size_t len)
{
	assert(len <= FRAME_LINE_MAX);
	assert(line[len] == '\0');
	assert(!memchr(line, '\n', len));
	memcpy(lines->bytes + lines->len, line, len);
	lines->bytes[lines->len + len] = '\n';
	lines->len += len + 1;
}

/* Takes lines, keeping the rest after every few of them, as a loop does that serves others too. */
static enum frame_status take_lines(struct frame *frame, struct lines *lines)
{
	for (;;) {
		for (int i = 0; i < LINES_A_TURN; i++) {
			size_t before = frame_pending(frame);
			enum frame_status status;
			char *line;
			size_t len;

			status = frame_next(frame, &line, &len);
			assert(frame_pending(frame) <= before);
			if (status != FRAME_LINE) {
				return status;
			}
			add_line(lines, line, len);
		}
		assert(frame_keep(frame) == 0);
	}
}

/* Reads a stream in pieces whose sizes come of seed; with 0 in one piece. */
static struct lines read_stream(const uint8_t *stream, size_t size, unsigned seed)
{
	struct lines lines = {malloc(size + 1), 0, FRAME_PARTIAL};
	struct frame frame;
	size_t done = 0;

	frame_init(&frame);
	while (done < size && lines.end == FRAME_PARTIAL) {
		size_t left = size - done;
		size_t piece = left;
		char *fed;

		if (seed > 0) {
			seed = seed * 1103515245 + 12345;
			piece = 1 + (seed >> 16) % (size / 4 + 1);
			piece = piece < left ? piece : left;
		}
		fed = malloc(piece);
		memcpy(fed, stream + done, piece);
		assert(frame_feed(&frame, fed, piece) == 0);
		lines.end = take_lines(&frame, &lines);
		assert(frame_keep(&frame) == 0);
		free(fed);
		done += piece;
		if (lines.end == FRAME_PARTIAL) {
			assert(frame_pending(&frame) <= FRAME_LINE_MAX);
		}
	}
	assert((frame.kept == NULL) == (frame_pending(&frame) == 0));
	frame_done(&frame);
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines whole, pieces;
	uint8_t *stream;
	size_t run;

	if (size < STEERING) {
		return 0;
	}
	run = data[1] & 1 ? RUN : 0;
	size -= STEERING;
	stream = malloc(run + size + 1);
	memset(stream, 'x', run);
	memcpy(stream + run, data + STEERING, size);

	whole = read_stream(stream, run + size, 0);
	pieces = read_stream(stream, run + size, data[0] + 1U);
	assert(whole.end == pieces.end);
	assert(whole.len == pieces.len);
	assert(memcmp(whole.bytes, pieces.bytes, whole.len) == 0);

	free(whole.bytes);
	free(pieces.bytes);
	free(stream);
	return 0;
}
