#include "peer_credentials.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>
#include <unistd.h>

/* Linux 6.5; Debian 12's headers are older. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

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

static bool has_ended(int pidfd)
{
	struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};

	return poll(&pollfd, 1, 0) != 0;
}

/* Whether the process has that uid: /proc/PID has the effective one, whatever else it hides. */
static bool is_of(pid_t pid, uid_t uid)
{
	char path[sizeof("/proc/") + 3 * sizeof(pid)];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &status) == 0 && status.st_uid == uid;
}

static char *unit_of(const struct peer_credentials *credentials, int fd)
{
	char *unit = NULL;

	if (credentials->pid <= 0 || sd_peer_get_unit(fd, &unit) < 0) {
		return NULL;
	}
	if (!is_of(credentials->pid, credentials->uid)) {
		free(unit);
		return NULL;
	}
	return unit;
}

void peer_credentials_find_unit(struct peer_credentials *credentials, int fd)
{
	int pidfd = -1;
	socklen_t len = sizeof(pidfd);

	free(credentials->unit);
	credentials->unit = NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0) {
		if (errno == ENOPROTOOPT) {
			credentials->unit = unit_of(credentials, fd);
		}
		return;
	}
	if (!has_ended(pidfd)) {
		credentials->unit = unit_of(credentials, fd);
	}
	if (has_ended(pidfd)) {
		free(credentials->unit);
		credentials->unit = NULL;
	}
	close(pidfd);
}

void peer_credentials_done(struct peer_credentials *credentials)
{
	free(credentials->gids);
	free(credentials->unit);
	*credentials = (struct peer_credentials){0};
}
