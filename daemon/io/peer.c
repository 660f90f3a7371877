#include "peer.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "outbox.h"
#include "proto/frame.h"

enum {
	US_PER_MS = 1000,

	/* A peer that waits for its turn is told of in each turn of the loop. To stop that costs
	 * two system calls, as much as some tellings. */
	PEER_TELLINGS_MAX = 8,

	/* What a peer that is not read from waits for: that the other side goes away. What it sends
	 * and half a close are told once, not again and again. (EV_CLOSED would miss those who
	 * leave with answers unread, epoll's EPOLLERR.) */
	PEER_WATCH = EV_READ | EV_ET,
};

struct peer {
	struct event event;
	const struct peer_ops *ops;
	void *context;
	struct frame frame;
	struct outbox output;
	int64_t line_began_ms; /* when an incomplete line began, 0: there is none */
	int64_t stalled_ms;    /* when output last moved, 0: there is none */
	int fd;
	unsigned pending;
	short armed;      /* what the event is waiting for */
	short told;       /* what it has told since the last turn, */
	short tellings;   /* and how often */
	bool in_turn;     /* lines are being handled: answers are collected, and sent at the end */
	bool input_ended; /* nothing is read any more: the other side is done, or sent what cannot
			     be followed */
	bool lines_left;  /* there are complete lines in the frame */
	bool dead;        /* to be freed in the next turn */
};

static void on_event(evutil_socket_t fd, short what, void *context);

/* ---- arming: the one place that says what a peer waits for */

static struct timeval to_timeval(int64_t ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static bool may_read(const struct peer *peer)
{
	return !peer->input_ended && peer->pending < PEER_PENDING_MAX &&
	       peer->output.len < PEER_OUTPUT_MAX;
}

/* How long the peer may go on without anything happening; -1: for ever. */
static int64_t patience(const struct peer *peer)
{
	int64_t now_ms, until_ms = INT64_MAX;

	if (peer->line_began_ms != 0 && may_read(peer)) {
		until_ms = peer->line_began_ms + PEER_REQUEST_TIMEOUT_MS;
	}
	if (peer->stalled_ms != 0 && peer->stalled_ms + PEER_UNREAD_TIMEOUT_MS < until_ms) {
		until_ms = peer->stalled_ms + PEER_UNREAD_TIMEOUT_MS;
	}
	if (until_ms == INT64_MAX) {
		return -1;
	}
	now_ms = clock_now();
	return until_ms > now_ms ? until_ms - now_ms : 0;
}

/* A line has been incomplete since it began, or since we went on reading. */
static void watch_line(struct peer *peer)
{
	if (frame_pending(&peer->frame) == 0 || peer->lines_left || !may_read(peer)) {
		peer->line_began_ms = 0;
	} else if (peer->line_began_ms == 0) {
		peer->line_began_ms = clock_now();
	}
}

static void arm(struct peer *peer)
{
	short wanted = 0;
	int64_t wait_ms;
	struct timeval timeout;

	watch_line(peer);
	if (peer->lines_left && may_read(peer)) {
		peer->ops->ready(peer->context);
		return;
	}
	wait_ms = patience(peer);
	if (may_read(peer)) {
		wanted |= EV_READ;
	}
	if (peer->output.len > 0) {
		wanted |= EV_WRITE;
	}
	if (wanted == 0 && wait_ms < 0) {
		wanted = PEER_WATCH; /* only an answer can move it now */
	}
	if (wait_ms < 0 && wanted == peer->armed) {
		return; /* as it nearly always is */
	}
	event_del(&peer->event);
	peer->armed = 0;
	event_assign(&peer->event, event_get_base(&peer->event), wanted != 0 ? peer->fd : -1,
		(short)(wait_ms < 0 ? wanted | EV_PERSIST : wanted), on_event, peer);
	timeout = to_timeval(wait_ms);
	if (event_add(&peer->event, wait_ms < 0 ? NULL : &timeout) < 0) {
		peer_close(peer);
	} else if (wait_ms < 0) {
		peer->armed = wanted; /* with a timeout it fires once, and is armed anew then */
	}
}

/* ---- output */

void peer_flush(struct peer *peer)
{
	static char bytes[PEER_WRITE_SIZE]; /* one loop, one peer at a time */

	while (!peer->dead && peer->output.len > 0) {
		/* One send() of many short answers costs the kernel far less than a piece of
		 * sendmsg() for each. */
		size_t len = outbox_gather(&peer->output, bytes, sizeof(bytes));
		ssize_t n = send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int error = errno;

		explicit_bzero(bytes, len); /* tokens were in it */
		if (n < 0 && error == EINTR) {
			continue;
		}
		if (n < 0 && (error == EAGAIN || error == ENOBUFS || error == ENOMEM)) {
			if (peer->stalled_ms == 0) {
				peer->stalled_ms = clock_now();
			}
			return;
		}
		if (n < 0) {
			peer_close(peer);
			return;
		}
		outbox_sent(&peer->output, (size_t)n);
		peer->stalled_ms = 0;
	}
}

void peer_send(struct peer *peer, const char *head, size_t head_len, struct payload *payload)
{
	if (peer->dead) {
		return;
	}
	if (!outbox_put(&peer->output, head, head_len, payload)) {
		peer_close(peer); /* so that it does not wait for what will not come */
	} else if (!peer->in_turn && peer->stalled_ms == 0) {
		peer->ops->ready(peer->context); /* one that has stalled waits until it is read */
	}
}

size_t peer_unread(const struct peer *peer)
{
	return peer->output.len;
}

void peer_dismiss(struct peer *peer)
{
	outbox_take_back(&peer->output);
	peer->stalled_ms = 0; /* there is time for what comes now */
	peer->input_ended = true;
	peer->lines_left = false;
}

/* ---- turns */

/* Nothing comes any more and nothing is owed. */
static bool is_finished(const struct peer *peer)
{
	return peer->input_ended && !peer->lines_left && peer->pending == 0 &&
	       peer->output.len == 0;
}

/* What was changed has its effects: answers go out, and the event waits for what comes next. */
static void settle(struct peer *peer)
{
	peer_flush(peer);
	if (!peer->dead && is_finished(peer)) {
		peer_close(peer);
	}
	if (!peer->dead) {
		arm(peer);
	}
}

void peer_pending(struct peer *peer, int change)
{
	peer->pending += (unsigned)change;
	if (change < 0 && !peer->dead && !peer->in_turn) {
		peer->ops->ready(peer->context);
	}
}

static void stop_reading(struct peer *peer)
{
	peer->input_ended = true;
	peer->lines_left = false;
	frame_done(&peer->frame);
}

/* Handles the lines there are, as far as the limits allow. */
static void handle_lines(struct peer *peer, int64_t now_us, int64_t until_us)
{
	char *line;
	size_t len;

	peer->lines_left = false;
	for (int i = 0; !peer->dead; i++) {
		if (i == PEER_LINES_A_TURN || now_us >= until_us ||
			peer->pending >= PEER_PENDING_MAX || peer->output.len >= PEER_OUTPUT_MAX) {
			peer->lines_left =
				true; /* or there is none, which the next turn finds out */
			return;
		}
		switch (frame_next(&peer->frame, &line, &len)) {
		case FRAME_LINE:
			peer->line_began_ms = 0;
			now_us = i > 0 ? clock_now_us() : now_us;
			if (!peer->ops->line(peer->context, line, len, now_us / US_PER_MS) ||
				peer->input_ended) {
				stop_reading(peer);
				return;
			}
			break;
		case FRAME_PARTIAL:
			return;
		case FRAME_TOO_LONG:
			peer->ops->too_long(peer->context);
			stop_reading(peer);
			return;
		}
	}
}

/* Keeps what is left of the bytes read. */
static void keep_rest(struct peer *peer)
{
	if (frame_keep(&peer->frame) < 0) {
		peer_close(peer);
		return;
	}
	if (frame_pending(&peer->frame) == 0) {
		peer->lines_left = false;
	}
}

bool peer_is_gone(const struct peer *peer)
{
	struct pollfd pollfd = {.fd = peer->fd};

	return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLHUP | POLLERR));
}

static void read_lines(struct peer *peer, int64_t now_us, int64_t until_us)
{
	static char bytes[PEER_READ_SIZE]; /* one loop, one turn at a time */
	ssize_t n = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n < 0) {
		peer_close(peer);
		return;
	}
	if (n == 0) {
		stop_reading(peer);
		return;
	}
	if (frame_feed(&peer->frame, bytes, (size_t)n) < 0) {
		peer_close(peer);
		return;
	}
	handle_lines(peer, now_us, until_us);
	keep_rest(peer);
	explicit_bzero(bytes, (size_t)n); /* a request may hold a token */
}

/* Its time for the rest of a line, or to read its answers, is over. */
static void give_up(struct peer *peer)
{
	if (peer->stalled_ms == 0 || !peer->ops->unread(peer->context)) {
		peer_close(peer);
	}
}

void peer_turn(struct peer *peer, int64_t now_us, int64_t until_us)
{
	short told = peer->told;

	peer->told = 0;
	peer->tellings = 0;
	peer_flush(peer);
	if (peer->dead) {
		return;
	}
	peer->in_turn = true;
	if (peer->lines_left && may_read(peer)) {
		handle_lines(peer, now_us, until_us);
		keep_rest(peer);
	} else if ((told & EV_READ) && may_read(peer)) {
		read_lines(peer, now_us, until_us);
	} else if ((told & EV_TIMEOUT) && patience(peer) == 0) {
		give_up(peer);
	}
	peer->in_turn = false;
	if (!peer->dead) {
		settle(peer);
	}
}

static void on_event(evutil_socket_t fd, short what, void *context)
{
	struct peer *peer = context;

	if (peer->dead) {
		peer->ops->closed(peer->context);
		peer_free(peer);
		return;
	}
	if (peer->armed == PEER_WATCH) {
		if (peer_is_gone(peer)) {
			peer_close(peer);
		}
		return;
	}
	if (++peer->tellings == PEER_TELLINGS_MAX) {
		event_del(&peer->event); /* until its turn has come */
		peer->armed = 0;
	}
	peer->told = (short)(peer->told | what);
	peer->ops->ready(peer->context);
}

/* ---- life */

struct peer *peer_new(struct event_base *base, int fd, const struct peer_ops *ops, void *context)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		return NULL;
	}
	peer->fd = fd;
	peer->ops = ops;
	peer->context = context;
	frame_init(&peer->frame);
	outbox_init(&peer->output);
	event_assign(&peer->event, base, fd, EV_READ | EV_PERSIST, on_event, peer);
	if (event_add(&peer->event, NULL) < 0) {
		free(peer);
		return NULL;
	}
	peer->armed = EV_READ;
	return peer;
}

void peer_close(struct peer *peer)
{
	struct timeval now = {0};

	if (peer->dead) {
		return;
	}
	peer->dead = true;
	event_del(&peer->event);
	event_assign(&peer->event, event_get_base(&peer->event), -1, 0, on_event, peer);
	event_add(&peer->event, &now);
}

void peer_free(struct peer *peer)
{
	if (!peer) {
		return;
	}
	event_del(&peer->event);
	outbox_done(&peer->output);
	frame_done(&peer->frame);
	close(peer->fd);
	free(peer);
}
