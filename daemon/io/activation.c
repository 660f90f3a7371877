#include "activation.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "log.h"

static bool is_stored(const char *name)
{
	return strncmp(name, ACTIVATION_STORE_NAME, strlen(ACTIVATION_STORE_NAME)) == 0;
}

/* Takes over fd, and name where it leaves NULL in its place. */
static void take(struct activation *activation, int fd, char **name)
{
	if (strcmp(*name, ACTIVATION_SOCKET_NAME) == 0 && activation->listen_fd < 0) {
		activation->listen_fd = fd;
	} else if (is_stored(*name)) {
		activation->stored[activation->n_stored] = fd;
		activation->stored_names[activation->n_stored] = *name;
		activation->n_stored++;
		*name = NULL;
	} else {
		log_warning("descriptor %d, named \"%s\", is not used; one socket is, from a unit "
			    "with FileDescriptorName=%s",
			fd, *name, ACTIVATION_SOCKET_NAME);
		close(fd);
	}
}

/* Room for what of n descriptors may be stored ones; both or neither. */
static bool make_room(struct activation *activation, size_t n)
{
	activation->stored = calloc(n, sizeof(*activation->stored));
	activation->stored_names = calloc(n, sizeof(*activation->stored_names));
	if (activation->stored && activation->stored_names) {
		return true;
	}
	free(activation->stored);
	free(activation->stored_names);
	*activation = (struct activation){.listen_fd = -1};
	return false;
}

int activation_take(struct activation *ret)
{
	char **names = NULL;
	bool has_room;
	int n;

	*ret = (struct activation){.listen_fd = -1};
	n = sd_listen_fds_with_names(true, &names);
	if (n <= 0) {
		return n;
	}
	has_room = make_room(ret, (size_t)n);
	for (int i = 0; i < n; i++) {
		if (has_room) {
			take(ret, SD_LISTEN_FDS_START + i, &names[i]);
		} else {
			close(SD_LISTEN_FDS_START + i);
		}
		free(names[i]);
	}
	free(names);
	return has_room ? 0 : -ENOMEM;
}

void activation_done(struct activation *activation)
{
	if (activation->listen_fd >= 0) {
		close(activation->listen_fd);
	}
	for (size_t i = 0; i < activation->n_stored; i++) {
		if (activation->stored[i] >= 0) {
			close(activation->stored[i]);
		}
		free(activation->stored_names[i]);
	}
	free(activation->stored);
	free(activation->stored_names);
	*activation = (struct activation){.listen_fd = -1};
}
