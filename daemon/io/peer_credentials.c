#include "peer_credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int peer_credentials_get(int fd, struct peer_credentials *ret_credentials)
{
	struct ucred ucred;
	socklen_t len = sizeof(ucred);
	gid_t probe[32];
	socklen_t gids_len = sizeof(probe);
	gid_t *gids;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &len) < 0) {
		return -errno;
	}
	r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, probe, &gids_len);
	if (r < 0 && errno != ERANGE) {
		return -errno;
	}
	gids = malloc(sizeof(gid_t) + gids_len);
	if (!gids) {
		return -ENOMEM;
	}
	gids[0] = ucred.gid;
	if (r == 0) {
		memcpy(gids + 1, probe, gids_len);
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids + 1, &gids_len) < 0) {
		free(gids);
		return -errno;
	}
	*ret_credentials = (struct peer_credentials){
		.pid = ucred.pid,
		.uid = ucred.uid,
		.gids = gids,
		.n_gids = 1 + gids_len / sizeof(gid_t),
	};
	return 0;
}

void peer_credentials_done(struct peer_credentials *credentials)
{
	free(credentials->gids);
	*credentials = (struct peer_credentials){0};
}
