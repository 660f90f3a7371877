#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tells which call failed. */
static int failed(const char **ret_step, const char *step)
{
	*ret_step = step;
	return -errno;
}

/* Reads until size or the end; returns how many, or -1. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, bytes + len, size - len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -1;
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static ssize_t read_file(
	int fd, void *bytes, size_t size, struct stat *ret_status, const char **ret_step)
{
	ssize_t len;

	if (fstat(fd, ret_status) < 0) {
		return failed(ret_step, "fstat");
	}
	if (!S_ISREG(ret_status->st_mode)) {
		errno = EINVAL;
		return failed(ret_step, "fstat");
	}
	if (ret_status->st_size > (off_t)size) {
		errno = EFBIG;
		return failed(ret_step, "fstat");
	}
	len = read_all(fd, bytes, size);
	return len < 0 ? failed(ret_step, "read") : len;
}

ssize_t state_file_read(int directory, const char *name, void *bytes, size_t size,
	struct stat *ret_status, const char **ret_step)
{
	/* O_NONBLOCK: opening a FIFO would wait for its writer. */
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	ssize_t len;

	if (fd < 0) {
		return failed(ret_step, "open");
	}
	len = read_file(fd, bytes, size, ret_status, ret_step);
	close(fd);
	return len;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -1;
		}
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Writes a new file and waits until the disk has its bytes. */
static int write_new(
	int directory, const char *name, const void *bytes, size_t len, const char **ret_step)
{
	int fd, status = 0;

	/* What an earlier failure could not remove. */
	unlinkat(directory, name, 0);
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return failed(ret_step, "open");
	}
	if (write_all(fd, bytes, len) < 0) {
		status = failed(ret_step, "write");
	} else if (fsync(fd) < 0) {
		status = failed(ret_step, "fsync");
	}
	close(fd);
	return status;
}

static int flush_directory(int directory, const char **ret_step)
{
	return fsync(directory) < 0 ? failed(ret_step, "fsync") : 0;
}

int state_file_replace(
	int directory, const char *name, const void *bytes, size_t len, const char **ret_step)
{
	char half[STATE_FILE_NAME_SIZE];
	int status;

	snprintf(half, sizeof(half), "%s" STATE_FILE_HALF, name);
	status = write_new(directory, half, bytes, len, ret_step);
	if (!status && renameat(directory, half, directory, name) < 0) {
		status = failed(ret_step, "rename");
	}
	if (status) {
		unlinkat(directory, half, 0);
		return status;
	}
	return flush_directory(directory, ret_step);
}

int state_file_remove(int directory, const char *name, const char **ret_step)
{
	if (unlinkat(directory, name, 0) < 0 && errno != ENOENT) {
		return failed(ret_step, "unlink");
	}
	return flush_directory(directory, ret_step);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* The number of the first name that is free, else of the file that was written first. */
static int choose_number(int directory, const char *name, const char *reason)
{
	struct timespec oldest = {0};
	int chosen = 0;

	for (int number = 1; number <= STATE_FILE_KEPT_MAX; number++) {
		char kept[STATE_FILE_NAME_SIZE];
		struct stat status;

		snprintf(kept, sizeof(kept), "%s.%s-%d", name, reason, number);
		if (fstatat(directory, kept, &status, AT_SYMLINK_NOFOLLOW) < 0) {
			return number;
		}
		if (chosen == 0 || is_before(&status.st_mtim, &oldest)) {
			oldest = status.st_mtim;
			chosen = number;
		}
	}
	return chosen;
}

int state_file_keep(int directory, const char *name, const char *reason,
	char ret_name[STATE_FILE_NAME_SIZE], const char **ret_step)
{
	snprintf(ret_name, STATE_FILE_NAME_SIZE, "%s.%s-%d", name, reason,
		choose_number(directory, name, reason));
	if (renameat(directory, name, directory, ret_name) < 0) {
		return failed(ret_step, "rename");
	}
	return flush_directory(directory, ret_step);
}
