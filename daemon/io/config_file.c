#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_problems.h"

static const struct config_place whole_file;

/* Who owns the file and who can write it, can have the daemon send its credentials anywhere. */
static bool check_writers(const struct stat *status, struct config_problems *problems)
{
	bool right = true;

	if (status->st_uid != 0 && status->st_uid != geteuid()) {
		config_error(problems, &whole_file,
			"the file is owned by uid %u; it has to be owned by root or the daemon "
			"(uid "
			"%u)",
			status->st_uid, geteuid());
		right = false;
	}
	if (status->st_mode & (S_IWGRP | S_IWOTH)) {
		config_error(problems, &whole_file,
			"others than its owner can write the file (mode %04o); chmod go-w it",
			status->st_mode & 07777);
		right = false;
	}
	return right;
}

static bool read_by_others(const struct stat *status)
{
	return (status->st_mode & S_IROTH) ||
	       ((status->st_mode & S_IRGRP) && status->st_gid != getegid());
}

/* Reads to the end of the file; returns 0 or a negative errno, -EFBIG when it is too long. */
static int read_text(int fd, struct config_file *file)
{
	file->text = malloc(CONFIG_FILE_SIZE_MAX + 1);
	if (!file->text) {
		return -ENOMEM;
	}
	for (;;) {
		/* One byte more than may be tells a file that is too long. */
		ssize_t n = read(fd, file->text + file->len, CONFIG_FILE_SIZE_MAX + 1 - file->len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		file->len += (size_t)n;
		if (file->len > CONFIG_FILE_SIZE_MAX) {
			return -EFBIG;
		}
		if (n == 0) {
			file->text[file->len] = '\0';
			return 0;
		}
	}
}

static void read_opened(int fd, struct config_file *file, struct config_problems *problems)
{
	struct stat status;
	int error;

	if (fstat(fd, &status) < 0) {
		config_error(problems, &whole_file, "the file cannot be read: %s", strerror(errno));
		return;
	}
	if (!S_ISREG(status.st_mode)) {
		config_error(problems, &whole_file, "this is not a regular file");
		return;
	}
	if (!check_writers(&status, problems)) {
		return;
	}
	file->read_by_others = read_by_others(&status);
	error = read_text(fd, file);
	if (error < 0) {
		config_file_done(file);
	}
	if (error == -ENOMEM) {
		problems->no_memory = true;
	} else if (error == -EFBIG) {
		config_error(problems, &whole_file, "the file is longer than %d bytes",
			CONFIG_FILE_SIZE_MAX);
	} else if (error < 0) {
		config_error(
			problems, &whole_file, "the file cannot be read: %s", strerror(-error));
	}
}

void config_file_read(
	struct config_file *file, bool may_be_missing, struct config_problems *problems)
{
	/* Links are followed: tools that manage configurations place them. What counts is the file
	 * behind them, and that is judged by its descriptor. O_NONBLOCK: opening a FIFO would wait
	 * for its writer. */
	int fd = open(problems->source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	*file = (struct config_file){.is_there = fd >= 0};
	if (fd >= 0) {
		read_opened(fd, file, problems);
		close(fd);
	} else if (errno == ENOENT && may_be_missing) {
		file->text = calloc(1, 1);
		problems->no_memory |= !file->text;
	} else if (errno == ENOENT) {
		config_error(problems, &whole_file,
			"there is no such file; write it (see gctokend.conf(5)), or name another "
			"with --config");
	} else {
		config_error(problems, &whole_file, "the file cannot be read: %s", strerror(errno));
	}
}

void config_file_done(struct config_file *file)
{
	if (file->text) {
		explicit_bzero(file->text, file->len);
		free(file->text);
	}
	*file = (struct config_file){0};
}
