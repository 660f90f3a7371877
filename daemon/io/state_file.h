/*
 * Files of the state directory: read whole, replaced or removed durably, kept under another name.
 * It does not know what stands in them, or what to tell people.
 *
 * directory is an open descriptor. Symbolic links are not followed. Where something fails,
 * *ret_step is the name of the system call.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct stat;

enum {
	STATE_FILE_NAME_SIZE = 128, /* bytes of a file's name, with NUL */
	STATE_FILE_KEPT_MAX = 8,    /* files kept of one name and one reason */
};

#define STATE_FILE_HALF ".tmp" /* how the name of a file ends that is being written */

/* Returns how many bytes there are, at most size, and *ret_status; or a negative errno: -EFBIG when
 * there are more, -EINVAL when it is no regular file. */
ssize_t state_file_read(int directory, const char *name, void *bytes, size_t size,
	struct stat *ret_status, const char **ret_step);

/* Once it returns 0 the file has these bytes whatever happens. After a negative errno it has those
 * that it had; only where the last step failed, the fsync() of the directory, it may have either.
 */
int state_file_replace(
	int directory, const char *name, const void *bytes, size_t len, const char **ret_step);

/* Likewise; no such file is as good as one that was removed. */
int state_file_remove(int directory, const char *name, const char **ret_step);

/* Renames NAME to NAME.REASON-1, or to the first number that is free; if there are
 * STATE_FILE_KEPT_MAX, in place of the one that was written first. */
int state_file_keep(int directory, const char *name, const char *reason,
	char ret_name[STATE_FILE_NAME_SIZE], const char **ret_step);
