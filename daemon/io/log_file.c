#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MODE = 0600 };

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void close_file(struct log_file *file)
{
	if (file->fd >= 0) {
		close(file->fd);
		file->fd = -1;
	}
}

bool log_file_set(struct log_file *file, const char *path)
{
	char *copy = path ? strdup(path) : NULL;

	if (path && !copy) {
		return false;
	}
	close_file(file);
	free(file->path);
	file->path = copy;
	file->lost = 0;
	return true;
}

/* Opening a FIFO or device may wait or do something, so it is looked at before. */
static int open_regular(const char *path, struct stat *ret_status, char why[LOG_FILE_WHY_SIZE])
{
	int fd;

	if (lstat(path, ret_status) == 0 && !S_ISREG(ret_status->st_mode)) {
		snprintf(why, LOG_FILE_WHY_SIZE, "it is not a regular file");
		return -1;
	}
	fd = open(path,
		O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
		MODE);
	if (fd < 0 || fstat(fd, ret_status)) {
		snprintf(why, LOG_FILE_WHY_SIZE, "%s", strerror(errno));
	} else if (!S_ISREG(ret_status->st_mode)) {
		snprintf(why, LOG_FILE_WHY_SIZE, "it is not a regular file");
	} else if (ret_status->st_uid != geteuid() && ret_status->st_uid != 0) {
		snprintf(why, LOG_FILE_WHY_SIZE, "it belongs to another user");
	} else {
		return fd;
	}
	if (fd >= 0) {
		close(fd);
	}
	return -1;
}

enum log_file_open log_file_open(struct log_file *file, char why[LOG_FILE_WHY_SIZE])
{
	struct stat status;

	close_file(file);
	file->looked_ms = now_ms();
	file->fd = open_regular(file->path, &status, why);
	if (file->fd < 0) {
		return LOG_FILE_REFUSED;
	}
	file->device = status.st_dev;
	file->inode = status.st_ino;
	if (!(status.st_mode & 077)) {
		return LOG_FILE_OPENED;
	}
	snprintf(why, LOG_FILE_WHY_SIZE, "its mode was %03o, so that others could get at it; %s",
		status.st_mode & 0777u,
		fchmod(file->fd, MODE) ? "it still is: change it" : "it is 600 now");
	return LOG_FILE_TIGHTENED;
}

bool log_file_stale(struct log_file *file)
{
	int64_t now = now_ms();
	struct stat status;

	if (now - file->looked_ms < LOG_FILE_LOOK_MS) {
		return false;
	}
	file->looked_ms = now;
	if (file->fd < 0) {
		return true;
	}
	if (lstat(file->path, &status)) {
		return errno == ENOENT;
	}
	return status.st_dev != file->device || status.st_ino != file->inode;
}

/* Takes the last len bytes back, if they are the last ones of the file. */
static void take_back(int fd, size_t len)
{
	off_t end = lseek(fd, 0, SEEK_CUR);
	struct stat status;

	if (fstat(fd, &status) || status.st_size != end || ftruncate(fd, end - (off_t)len)) {
		/* Then a piece of a line stays, which can be told from whole ones. */
		return;
	}
}

int log_file_write(struct log_file *file, const char *line, size_t len)
{
	ssize_t n = write(file->fd, line, len);

	if (n == (ssize_t)len) {
		return 0;
	}
	if (n < 0) {
		return -errno;
	}
	take_back(file->fd, (size_t)n);
	return -ENOSPC;
}
