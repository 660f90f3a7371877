/*
 * Who is at the other end of a connection: user and groups as the kernel had them when it was made
 * (unix(7), SO_PEERCRED and SO_PEERGROUPS), the unit as systemd has it when it is looked up. It
 * does not know what they may do.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct peer_credentials {
	pid_t pid;
	uid_t uid;
	gid_t *gids; /* owned; the primary one and the supplementary ones */
	size_t n_gids;
	char *unit; /* owned; such as "billing.service", NULL: none, or not looked up */
};

/* Returns 0 with credentials that peer_credentials_done() frees, or a negative errno. */
int peer_credentials_get(int fd, struct peer_credentials *ret_credentials);

/*
 * Looks the unit up (sd_peer_get_unit(3)), and leaves NULL where it cannot be told for sure: the
 * process that connected has to live still, with the uid that it had, in a PID namespace that is
 * ours. Units of user managers are not told: all is user@UID.service in them. Without SO_PEERPIDFD
 * (Linux 6.5) a process that was given the number of one that has ended is not told apart.
 */
void peer_credentials_find_unit(struct peer_credentials *credentials, int fd);

void peer_credentials_done(struct peer_credentials *credentials);
