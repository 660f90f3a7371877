#include "clients.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "core/quota.h"
#include "core/turns.h"
#include "dispatch.h"
#include "events.h"
#include "io/clock.h"
#include "io/listener.h"
#include "io/log.h"
#include "io/peer.h"
#include "io/peer_credentials.h"

/* One connection: its bytes and its requests. */
struct client {
	LIST_ENTRY(client) link; /* in clients->list */
	struct clients *clients;
	struct peer *peer;
	int fd; /* the peer's */
	struct peer_credentials credentials;
	bool unit_is_known; /* it was looked up: once, whatever came of it */
	struct session session;
	struct turn turn;
};

struct clients {
	struct event_base *base;
	struct quota *quota;
	struct dispatch *dispatch;
	void (*changed)(void *context);
	void *context;
	LIST_HEAD(, client) list;
	struct turns turns;
	struct event *round; /* gives the turns out */
	bool round_is_due;
	bool need_units;
};

static struct client *client_of(struct session *session)
{
	return (struct client *)((char *)session - offsetof(struct client, session));
}

static void send_answer(
	struct session *session, const char *head, size_t head_len, struct payload *payload)
{
	peer_send(client_of(session)->peer, head, head_len, payload);
}

static void count_pending(struct session *session, int change)
{
	peer_pending(client_of(session)->peer, change);
}

static void find_unit(struct session *session)
{
	struct client *client = client_of(session);

	if (!client->unit_is_known) {
		client->unit_is_known = true;
		peer_credentials_find_unit(&client->credentials, client->fd);
		session->who.unit = client->credentials.unit;
	}
}

static void close_session(struct session *session)
{
	struct client *client = client_of(session);

	peer_flush(client->peer);
	peer_close(client->peer);
}

static size_t count_unread(const struct session *session)
{
	return peer_unread(client_of((struct session *)session)->peer);
}

static void dismiss(struct session *session)
{
	peer_dismiss(client_of(session)->peer);
}

static bool is_gone(const struct session *session)
{
	return peer_is_gone(client_of((struct session *)session)->peer);
}

static const struct session_ops session_ops = {
	send_answer, count_pending, find_unit, close_session, count_unread, dismiss, is_gone};

static bool on_line(void *context, char *line, size_t len, int64_t now_ms)
{
	struct client *client = context;
	struct clients *clients = client->clients;
	bool go_on = dispatch_line(clients->dispatch, &client->session, line, len, now_ms);

	clients->changed(clients->context);
	return go_on;
}

static void on_too_long(void *context)
{
	struct client *client = context;

	dispatch_too_long(client->clients->dispatch, &client->session);
}

static bool on_unread(void *context)
{
	struct client *client = context;

	return events_drop(&client->session);
}

/* Forgets what the client asked for; its peer is freed by whoever calls. */
static void client_free(struct client *client)
{
	struct clients *clients = client->clients;

	LIST_REMOVE(client, link);
	turns_forget(&clients->turns, &client->turn);
	events_forget(&client->session);
	session_done(&client->session);
	quota_disconnect(clients->quota, client->session.user, clock_now());
	peer_credentials_done(&client->credentials);
	free(client);
}

static void on_closed(void *context)
{
	struct client *client = context;
	struct clients *clients = client->clients;
	bool waited = session_waits(&client->session);

	client_free(client);
	if (waited) {
		clients->changed(clients->context); /* what nobody waits for may end */
	}
}

/* The round comes behind all that the loop has news of. */
static void on_ready(void *context)
{
	struct client *client = context;
	struct clients *clients = client->clients;

	turns_ask(&clients->turns, &client->turn);
	if (!clients->round_is_due) {
		clients->round_is_due = true;
		event_active(clients->round, EV_TIMEOUT, 0);
	}
}

static const struct peer_ops peer_ops = {on_ready, on_line, on_too_long, on_unread, on_closed};

static void take_turn(struct turn *turn, int64_t now_us, int64_t until_us)
{
	struct client *client = (struct client *)((char *)turn - offsetof(struct client, turn));

	peer_turn(client->peer, now_us, until_us);
}

static void on_round(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval at_once;
	struct clients *clients = context;

	turns_round(&clients->turns, clock_now_us);
	clients->round_is_due = turns_wait(&clients->turns);
	if (clients->round_is_due) {
		event_add(clients->round, &at_once); /* when the loop has looked for news */
	}
}

/* Takes fd and credentials over; NULL when the connection is to be refused, with neither taken. */
static struct client *serve(struct clients *clients, int fd, struct peer_credentials *credentials)
{
	struct quota_user *user = quota_connect(clients->quota, credentials->uid, clock_now());
	struct client *client = user ? calloc(1, sizeof(*client)) : NULL;
	struct access_subject who = {
		.uid = credentials->uid,
		.pid = credentials->pid,
		.gids = credentials->gids,
		.n_gids = credentials->n_gids,
		.privileged = credentials->uid == 0 || credentials->uid == geteuid(),
	};

	if (client) {
		client->peer = peer_new(clients->base, fd, &peer_ops, client);
	}
	if (!client || !client->peer) {
		if (user) {
			quota_disconnect(clients->quota, user, clock_now());
		}
		free(client);
		return NULL;
	}
	client->clients = clients;
	client->fd = fd;
	client->credentials = *credentials;
	session_init(&client->session, &session_ops, &who, user);
	client->turn = (struct turn){.user = quota_turns(user), .take = take_turn};
	LIST_INSERT_HEAD(&clients->list, client, link);
	if (clients->need_units) {
		find_unit(&client->session);
	}
	return client;
}

struct session *clients_adopt(struct clients *clients, int fd, const char *profile, pid_t pid)
{
	struct peer_credentials credentials;
	struct client *client;
	char *name;

	if (peer_credentials_get(fd, &credentials) < 0) {
		return NULL;
	}
	credentials.pid = pid; /* the kernel names who made the connection: us */
	name = strdup(profile);
	client = name ? serve(clients, fd, &credentials) : NULL;
	if (!client) {
		free(name);
		peer_credentials_done(&credentials);
		return NULL;
	}
	client->session.own_profile = name;
	return &client->session;
}

void clients_accept(struct clients *clients, const struct listener *listener, int fd)
{
	struct peer_credentials credentials;
	int r = peer_credentials_get(fd, &credentials);

	if (r < 0) {
		log_warning("a connection was refused: cannot tell whose it is: %s", strerror(-r));
		close(fd);
		return;
	}
	if (!serve(clients, fd, &credentials)) {
		peer_credentials_done(&credentials);
		listener_refuse(listener, fd);
	}
}

void clients_need_units(struct clients *clients, bool needed)
{
	struct client *client;

	clients->need_units = needed;
	if (!needed) {
		return;
	}
	LIST_FOREACH (client, &clients->list, link) {
		find_unit(&client->session);
	}
}

struct clients *clients_new(struct event_base *base, struct quota *quota, struct dispatch *dispatch,
	void (*changed)(void *context), void *context)
{
	struct clients *clients = calloc(1, sizeof(*clients));

	if (!clients) {
		return NULL;
	}
	*clients = (struct clients){
		.base = base,
		.quota = quota,
		.dispatch = dispatch,
		.changed = changed,
		.context = context,
		.round = evtimer_new(base, on_round, clients),
	};
	LIST_INIT(&clients->list);
	turns_init(&clients->turns);
	if (!clients->round) {
		free(clients);
		return NULL;
	}
	return clients;
}

void clients_free(struct clients *clients)
{
	struct client *client;

	if (!clients) {
		return;
	}
	while ((client = LIST_FIRST(&clients->list))) {
		peer_flush(client->peer);
		peer_free(client->peer);
		client_free(client);
	}
	event_free(clients->round);
	free(clients);
}
