/*
 * The connections: ties each one's bytes (io/peer) to its requests (dispatch), under its uid's
 * quota and when it is its turn. It does not know what is asked, nor where connections come from.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct clients;
struct dispatch;
struct event_base;
struct listener;
struct quota;
struct session;

/*
 * changed() is called when a request has been put to the broker, so that its next deadline may have
 * moved. All is borrowed. NULL when there is no memory.
 */
struct clients *clients_new(struct event_base *base, struct quota *quota, struct dispatch *dispatch,
	void (*changed)(void *context), void *context);

/* Closes all connections at once, behind what they take without waiting; takes NULL. */
void clients_free(struct clients *clients);

/* Serves a connection that came from the listener, or has it refused when its uid is at a limit.
 * Takes fd over. */
void clients_accept(struct clients *clients, const struct listener *listener, int fd);

/* Serves a connection that was made here, to the process that is a profile's auth_provider_command;
 * its session, or NULL when there is no room for it. Takes fd over, unless it returns NULL. */
struct session *clients_adopt(struct clients *clients, int fd, const char *profile, pid_t pid);

/* Whether it matters of which unit a client is: then it is looked up when a connection is taken,
 * and now for those that are open and of whom it is not known. */
void clients_need_units(struct clients *clients, bool needed);
