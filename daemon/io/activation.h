/*
 * The descriptors that the service manager passed at start: the socket to serve, and what an
 * earlier daemon left in its store (sd_listen_fds(3), systemd.socket(5), FDSTORE in sd_notify(3)).
 * It does not know what is served on the one, nor what stands in the others.
 */
#pragma once

#include <stddef.h>

#define ACTIVATION_SOCKET_NAME "gctokend"        /* FileDescriptorName= of the socket's unit */
#define ACTIVATION_STORE_NAME  "gctokend-store-" /* a number follows */

/* A descriptor is owned until it is replaced by -1. */
struct activation {
	int listen_fd; /* -1: none */
	int *stored;
	char **stored_names; /* of the same indexes */
	size_t n_stored;
};

/*
 * Once, at start: takes what was passed, and unsets the environment that says so. All are
 * close-on-exec; those of other names, or of the socket's a second time, are closed with a warning.
 * Returns 0, with nothing in *ret where nothing was passed, or a negative errno.
 */
int activation_take(struct activation *ret);

/* Closes what was not taken out. */
void activation_done(struct activation *activation);
