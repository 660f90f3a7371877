#include "listener.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

enum {
	LISTENER_BACKLOG = 4096, /* the kernel cuts it to net.core.somaxconn */
	ACCEPTS_A_TURN = 64,     /* connections taken before others have their turn */
	ACCEPT_PAUSE_MS = 100,   /* before the next try when none can be taken */
	LOCK_WAIT_MS = 1000,     /* for the other daemon that starts */
	LOCK_POLL_MS = 10,
};

struct listener {
	struct listener_config config;
	char *path;
	struct event *event;
	struct event *resume; /* ends a pause */
	int fd;
	int spare_fd; /* given up for a moment to refuse what cannot be served */
	bool made;    /* the socket, and this is what it is: */
	dev_t dev;
	ino_t ino;
};

__attribute__((format(printf, 3, 4))) static int fail(int error, char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, LISTENER_WHY_MAX, format, args);
	va_end(args);
	return -error;
}

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void listener_refuse(const struct listener *listener, int fd)
{
	ssize_t n = send(fd, listener->config.refusal, listener->config.refusal_len,
		MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)n; /* it is told as far as its buffer goes */
	close(fd);
}

/* Descriptors have run out: the spare one lets us take a connection and tell it so. */
static int refuse_one(struct listener *listener)
{
	int fd, error;

	if (listener->spare_fd >= 0) {
		close(listener->spare_fd);
	}
	fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	error = fd < 0 ? errno : 0;
	if (fd >= 0) {
		listener_refuse(listener, fd);
	}
	listener->spare_fd = open_spare();
	return error;
}

/* Returns 0, or the errno of accept4(). */
static int accept_one(struct listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		listener->config.accepted(listener->config.context, fd);
		return 0;
	}
	return errno == EMFILE || errno == ENFILE ? refuse_one(listener) : errno;
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct listener *listener = context;

	event_add(listener->event, NULL);
}

/* The socket stays readable while connections wait that cannot be taken: looking at it again at
 * once would keep the loop spinning. */
static void pause_accepting(struct listener *listener)
{
	static const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000L};

	event_del(listener->event);
	event_add(listener->resume, &pause);
}

static void on_readable(evutil_socket_t listen_fd, short what, void *context)
{
	struct listener *listener = context;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		switch (accept_one(listener)) {
		case 0:
		case EINTR:
		case ECONNABORTED:
			break;
		case EAGAIN:
			return;
		default:
			pause_accepting(listener);
			return;
		}
	}
}

/* Whether something answers there; the name may also be a socket that a dead daemon left. */
static bool is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool answered = fd >= 0 &&
			(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
				errno == EAGAIN);

	if (fd >= 0) {
		close(fd);
	}
	return answered;
}

/* Whoever may read the directory may lock it too, so nobody is waited for without end. */
static int lock(int fd, const char *directory)
{
	static const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};

	for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited_ms += LOCK_POLL_MS) {
		if (errno != EWOULDBLOCK) {
			return -errno;
		}
		if (waited_ms >= LOCK_WAIT_MS) {
			log_warning(
				"somebody else holds a lock on %s; going on without it", directory);
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Opens the directory of the socket, made if it is missing; its lock keeps two daemons that start
 * apart. */
static int lock_directory(const char *path, char *why)
{
	char *copy = strdup(path);
	const char *directory = copy ? dirname(copy) : NULL;
	struct stat st;
	int fd, error;

	if (!directory) {
		return fail(ENOMEM, why, "no memory");
	}
	if (mkdir(directory, 0755) == 0) {
		chmod(directory,
			0755); /* whatever the umask says: others have to reach the socket */
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = fd < 0 ? errno : -lock(fd, directory);
	if (error != 0) {
		if (fd >= 0) {
			close(fd);
		}
		fail(error, why, "cannot use the directory %s: %s", directory, strerror(error));
		free(copy);
		return -error;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IWOTH)) {
		log_warning("others can write to %s, so that they can put a socket of theirs in "
			    "place of the daemon's",
			directory);
	}
	free(copy);
	return fd;
}

static int bind_socket(struct listener *listener, const struct sockaddr_un *address, char *why)
{
	const char *path = listener->path;
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode)) {
			return fail(EEXIST, why, "%s is there already and is no socket", path);
		}
		if (is_answered(address)) {
			return fail(EADDRINUSE, why,
				"a daemon is serving %s already; stop it, or name another with "
				"--socket",
				path);
		}
		unlink(path);
	}
	if (bind(listener->fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		return fail(errno, why, "cannot make the socket %s: %s", path, strerror(errno));
	}
	if (chmod(path, 0666) < 0 || lstat(path, &st) < 0 ||
		listen(listener->fd, LISTENER_BACKLOG) < 0) {
		int error = errno;

		unlink(path);
		return fail(error, why, "cannot listen on %s: %s", path, strerror(error));
	}
	listener->made = true;
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	return 0;
}

static int make_socket(struct listener *listener, char *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int lock_fd, r;

	listener->path = strdup(listener->config.path);
	if (!listener->path) {
		return fail(ENOMEM, why, "no memory");
	}
	if (strlen(listener->path) >= sizeof(address.sun_path)) {
		return fail(ENAMETOOLONG, why,
			"the socket's path %s is longer than %zu bytes; choose a shorter one",
			listener->path, sizeof(address.sun_path) - 1);
	}
	memcpy(address.sun_path, listener->path, strlen(listener->path) + 1);
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0) {
		return fail(errno, why, "cannot make a socket: %s", strerror(errno));
	}
	lock_fd = lock_directory(listener->path, why);
	if (lock_fd < 0) {
		return lock_fd;
	}
	r = bind_socket(listener, &address, why);
	close(lock_fd);
	return r;
}

static bool is_option(int fd, int option, int expected)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == expected;
}

/* unix(7): the length says how much of sun_path there is, and an abstract name begins with NUL. */
static char *name_of(int fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(address);
	size_t head = offsetof(struct sockaddr_un, sun_path), name_len;

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 || len <= head) {
		return strdup("(no name)");
	}
	name_len = len - head;
	if (address.sun_path[0] != '\0') {
		return strndup(address.sun_path, name_len);
	}
	address.sun_path[0] = '@';
	return strndup(address.sun_path, name_len);
}

static int take_socket(struct listener *listener, char *why)
{
	int fd = listener->fd = listener->config.fd;
	int flags = fcntl(fd, F_GETFL);

	if (!is_option(fd, SO_DOMAIN, AF_UNIX) || !is_option(fd, SO_TYPE, SOCK_STREAM) ||
		!is_option(fd, SO_ACCEPTCONN, 1)) {
		return fail(EINVAL, why,
			"descriptor %d is no Unix stream socket that listens; the unit that passes "
			"it needs ListenStream= with a path, and Accept=no",
			fd);
	}
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		return fail(errno, why, "cannot use descriptor %d: %s", fd, strerror(errno));
	}
	listener->path = name_of(fd);
	return listener->path ? 0 : fail(ENOMEM, why, "no memory");
}

int listener_new(struct event_base *base, const struct listener_config *config,
	struct listener **ret_listener, char why[LISTENER_WHY_MAX])
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener) {
		if (config->fd >= 0) {
			close(config->fd);
		}
		return fail(ENOMEM, why, "no memory");
	}
	listener->fd = -1;
	listener->spare_fd = -1;
	listener->config = *config;
	r = config->fd >= 0 ? take_socket(listener, why) : make_socket(listener, why);
	if (r < 0) {
		listener_free(listener);
		return r;
	}
	listener->spare_fd = open_spare();
	listener->event = event_new(
		base, listener->fd, EV_READ | EV_PERSIST, on_readable, listener);
	listener->resume = evtimer_new(base, on_resume, listener);
	if (!listener->event || !listener->resume || event_add(listener->event, NULL) < 0) {
		listener_free(listener);
		return fail(ENOMEM, why, "no memory");
	}
	*ret_listener = listener;
	return 0;
}

const char *listener_path(const struct listener *listener)
{
	return listener->path;
}

void listener_free(struct listener *listener)
{
	struct stat st;

	if (!listener) {
		return;
	}
	if (listener->event) {
		event_free(listener->event);
	}
	if (listener->resume) {
		event_free(listener->resume);
	}
	if (listener->made && lstat(listener->path, &st) == 0 && st.st_dev == listener->dev &&
		st.st_ino == listener->ino) {
		unlink(listener->path);
	}
	if (listener->fd >= 0) {
		close(listener->fd);
	}
	if (listener->spare_fd >= 0) {
		close(listener->spare_fd);
	}
	free(listener->path);
	free(listener);
}
