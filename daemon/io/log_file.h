/*
 * The file that messages go to: opens it, notices when it was renamed or removed, and counts the
 * lines that it did not take. It does not know what stands in a line, and tells nobody anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	LOG_FILE_WHY_SIZE = 512,
	LOG_FILE_LOOK_MS = 1000, /* between two looks whether the file is still there */
};

/* To be read by others. */
struct log_file {
	char *path; /* owned; NULL: there is none */
	int fd;     /* -1: it is not open */
	dev_t device;
	ino_t inode;
	int64_t looked_ms;
	uint64_t lost; /* lines since one was last written */
};

#define LOG_FILE_NONE    \
	{                \
		.fd = -1 \
	}

/* The file at path from now on, NULL: none. What was open is closed. False when there is no memory.
 */
bool log_file_set(struct log_file *file, const char *path);

enum log_file_open {
	LOG_FILE_OPENED,
	LOG_FILE_TIGHTENED, /* opened; why tells that others could read it until now */
	LOG_FILE_REFUSED,   /* not opened; why tells the reason */
};

/*
 * Opens the file anew, and makes it (mode 0600) where there is none. Anything but a regular file of
 * this user or root is refused, symbolic links too. Never waits.
 */
enum log_file_open log_file_open(struct log_file *file, char why[LOG_FILE_WHY_SIZE]);

/* Whether it is to be opened again: it is closed, renamed or removed. Looks once in
 * LOG_FILE_LOOK_MS. */
bool log_file_stale(struct log_file *file);

/* Writes the line as a whole or not at all. Returns 0, or -errno. */
int log_file_write(struct log_file *file, const char *line, size_t len);
