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

int activation_take(struct activation *ret)
{
	char **names = NULL;
	int n, r = 0;

	*ret = (struct activation){.listen_fd = -1};
	n = sd_listen_fds_with_names(true, &names);
	if (n <= 0) {
		return n;
	}
	ret->stored = calloc((size_t)n, sizeof(*ret->stored));
	ret->stored_names = calloc((size_t)n, sizeof(*ret->stored_names));
	for (int i = 0; i < n; i++) {
		if (ret->stored && ret->stored_names) {
			take(ret, SD_LISTEN_FDS_START + i, &names[i]);
		} else {
			close(SD_LISTEN_FDS_START + i);
			r = -ENOMEM;
		}
		free(names[i]);
	}
	free(names);
	if (r < 0) {
		activation_done(ret);
	}
	return r;
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
