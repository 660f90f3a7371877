/*
 * Programs that bring what a profile begins with: starts an auth_provider_command, with a
 * connection of its own as its standard input and output, and ends it. It does not know what is
 * said on the connection.
 */
#pragma once

#include <stddef.h>

struct clients;
struct event_base;
struct plugins;
struct session;
struct settings;

/* All is borrowed. NULL when there is no memory. */
struct plugins *plugins_new(struct event_base *base, struct clients *clients);

/* Kills those that run; takes NULL. */
void plugins_free(struct plugins *plugins);

/* Starts the profile's program. Its session; NULL with a clause that says why it cannot be. */
struct session *plugins_start(
	struct plugins *plugins, const struct settings *settings, char *why, size_t why_size);

/* Ends the program and the session that was its. */
void plugins_end(struct plugins *plugins, struct session *session);
