#include "state_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state_file.h"

#define LOCK_NAME "lock"

/* To be freed; NULL when the variable does not say where. */
static char *below(const char *variable, const char *rest)
{
	const char *value = getenv(variable);
	char *path;

	/* The XDG Base Directory Specification has relative ones ignored. */
	if (!value || value[0] != '/') {
		return NULL;
	}
	return asprintf(&path, "%s%s", value, rest) < 0 ? NULL : path;
}

char *state_directory(char why[STATE_WHY_SIZE])
{
	const char *list = getenv("STATE_DIRECTORY");
	char *path;

	if (list && *list && *list != ':') {
		path = strndup(list, strcspn(list, ":"));
	} else {
		path = below("XDG_STATE_HOME", "/gctokend");
		if (!path) {
			path = below("HOME", "/.local/state/gctokend");
		}
	}
	if (!path) {
		state_why(why, ENOENT,
			"there is no place to keep state: set STATE_DIRECTORY (in a systemd unit: "
			"StateDirectory=gctokend)");
	}
	return path;
}

/* Waits until the disk knows of the directory. */
static int flush(const char *path, char why[STATE_WHY_SIZE])
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = 0;

	if (fd < 0) {
		return state_why_failed(why, errno, path, NULL, "cannot be opened", "open");
	}
	if (syncfs(fd) < 0) {
		status = state_why_failed(why, errno, path, NULL, "cannot be made", "syncfs");
	}
	close(fd);
	return status;
}

static int make(const char *path, char why[STATE_WHY_SIZE])
{
	if (mkdir(path, 0700) == 0) {
		return flush(path, why);
	}
	if (errno == EEXIST) {
		return 0;
	}
	if (errno == ENOENT) {
		return state_why(why, ENOENT,
			"the state directory %s cannot be made, since its parent is missing: mkdir "
			"-p -m 700 %s",
			path, path);
	}
	return state_why_failed(why, errno, path, NULL, "cannot be made", "mkdir");
}

static int check(int fd, const char *path, char why[STATE_WHY_SIZE])
{
	struct stat status;

	if (fstat(fd, &status) < 0) {
		return state_why_failed(why, errno, path, NULL, "cannot be read", "fstat");
	}
	if (status.st_uid != geteuid()) {
		return state_why(why, EPERM,
			"the state directory %s belongs to the user %u and not to %u, who runs "
			"gctokend: chown it, or set STATE_DIRECTORY to another",
			path, (unsigned)status.st_uid, (unsigned)geteuid());
	}
	if (status.st_mode & (S_IWGRP | S_IWOTH)) {
		return state_why(why, EPERM,
			"others can write into the state directory %s: chmod go-w it", path);
	}
	return 0;
}

static int lock(int fd, const char *path, char why[STATE_WHY_SIZE])
{
	/* Of the locks there are, this one knows its holder's process, and ends with it. */
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_SETLK, &range) == 0) {
		return 0;
	}
	if (errno != EACCES && errno != EAGAIN) {
		return state_why_failed(why, errno, path, LOCK_NAME, "cannot be locked", "fcntl");
	}
	/* It can have been given up since; and a process of another container has no number here.
	 */
	if (fcntl(fd, F_GETLK, &range) < 0 || range.l_type == F_UNLCK || range.l_pid <= 0) {
		return state_why(why, EBUSY,
			"the state directory %s is in use by another process: stop that one, or "
			"set "
			"STATE_DIRECTORY to another",
			path);
	}
	return state_why(why, EBUSY,
		"the state directory %s is in use by another process (pid %d): stop that one, or "
		"set STATE_DIRECTORY to another",
		path, (int)range.l_pid);
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static int sweep(struct state_directory *directory, const char *path, char why[STATE_WHY_SIZE])
{
	/* Its position is its own, not that of directory->fd. */
	int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		int status = state_why_failed(why, errno, path, NULL, "cannot be read", "opendir");

		if (fd >= 0) {
			close(fd);
		}
		return status;
	}
	while ((entry = readdir(stream))) {
		if (ends_with(entry->d_name, STATE_FILE_HALF)) {
			unlinkat(directory->fd, entry->d_name, 0);
		} else if (ends_with(entry->d_name, STATE_DIRECTORY_SUFFIX)) {
			directory->has_records = true;
		}
	}
	closedir(stream);
	return 0;
}

static int take(struct state_directory *directory, const char *path, char why[STATE_WHY_SIZE])
{
	int status = check(directory->fd, path, why);

	if (status) {
		return status;
	}
	directory->lock_fd = openat(
		directory->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (directory->lock_fd < 0) {
		return state_why_failed(why, errno, path, LOCK_NAME, "cannot be opened", "open");
	}
	status = lock(directory->lock_fd, path, why);
	return status ? status : sweep(directory, path, why);
}

int state_directory_open(
	const char *path, struct state_directory *ret_directory, char why[STATE_WHY_SIZE])
{
	struct state_directory directory = {.fd = -1, .lock_fd = -1};
	int status = make(path, why);

	if (status) {
		return status;
	}
	/* May be a link: that is what systemd makes for DynamicUser=. */
	directory.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory.fd < 0) {
		return state_why_failed(why, errno, path, NULL, "cannot be opened", "open");
	}
	status = take(&directory, path, why);
	if (status) {
		state_directory_close(&directory);
		return status;
	}
	*ret_directory = directory;
	return 0;
}

void state_directory_close(struct state_directory *directory)
{
	if (directory->fd >= 0) {
		close(directory->fd);
	}
	if (directory->lock_fd >= 0) {
		close(directory->lock_fd);
	}
	*directory = (struct state_directory){.fd = -1, .lock_fd = -1};
}
