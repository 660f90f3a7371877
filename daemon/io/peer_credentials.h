/*
 * Who is at the other end of a connection, as the kernel had it when the connection was made
 * (unix(7), SO_PEERCRED and SO_PEERGROUPS). It does not know what they may do.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct peer_credentials {
	pid_t pid;
	uid_t uid;
	gid_t *gids; /* owned; the primary one and the supplementary ones */
	size_t n_gids;
};

/* Returns 0 with credentials that peer_credentials_done() frees, or a negative errno. */
int peer_credentials_get(int fd, struct peer_credentials *ret_credentials);
void peer_credentials_done(struct peer_credentials *credentials);
