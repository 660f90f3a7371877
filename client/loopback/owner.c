#include "client/loopback/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The columns of /proc/net/tcp, see proc(5). */
enum { LOCAL = 1, REMOTE = 2, STATE = 3, UID = 7, COLUMNS };

static const char established[] = "01";

static int port_of(const char *address)
{
	const char *colon = strchr(address, ':');

	return colon ? (int)strtol(colon + 1, NULL, 16) : 0;
}

/* Splits a line, writing to it; false when it has fewer columns. */
static bool split(char *line, const char *columns[COLUMNS])
{
	char *rest = NULL;

	for (int i = 0; i < COLUMNS; i++) {
		columns[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
		if (!columns[i]) {
			return false;
		}
	}
	return true;
}

/* Looks for the peer's end in a table: counts those that are ours, and those of others. */
static void count(const char *table, int peer_port, int own_port, unsigned *ours, unsigned *others)
{
	FILE *file = fopen(table, "re");
	char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) >= 0) {
		const char *columns[COLUMNS];
		uid_t uid;

		if (!split(line, columns) || strcmp(columns[STATE], established) != 0 ||
			port_of(columns[LOCAL]) != peer_port ||
			port_of(columns[REMOTE]) != own_port) {
			continue;
		}
		uid = (uid_t)strtoul(columns[UID], NULL, 10);
		if (uid == geteuid() || uid == 0) {
			(*ours)++;
		} else {
			(*others)++;
		}
	}
	free(line);
	if (file) {
		fclose(file);
	}
}

bool owner_is_ours(int peer_port, int own_port)
{
	unsigned ours = 0, others = 0;

	/* A program that speaks IPv6 alone reaches 127.0.0.1 too, and stands in the second one. */
	count("/proc/net/tcp", peer_port, own_port, &ours, &others);
	count("/proc/net/tcp6", peer_port, own_port, &ours, &others);
	return ours > 0 && others == 0;
}
