#include "state_why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With what leads up to it; empty where the cause says it all. */
static const char *remedy(int error)
{
	switch (error) {
	case ENOSPC:
		return "; make room on its file system";
	case EDQUOT:
		return "; make room in the disk quota of the user who runs gctokend";
	case EROFS:
		return "; mount its file system for writing (in a systemd unit: StateDirectory= or "
		       "ReadWritePaths=)";
	case EACCES:
	case EPERM:
		return "; give the directory and its files to the user who runs gctokend (chown; "
		       "chmod u+rwX)";
	case EFBIG:
		return "; raise the limit of a file's size (RLIMIT_FSIZE)";
	case EIO:
		return "; the disk fails: look at the kernel's messages";
	case ENOENT:
		return "; the directory was removed: make it again and restart gctokend";
	case ELOOP:
		return "; a symbolic link is not followed: put a file there";
	case EMFILE:
	case ENFILE:
		return "; raise the limit of open files";
	default:
		return "";
	}
}

int state_why(char why[STATE_WHY_SIZE], int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, STATE_WHY_SIZE, format, arguments);
	va_end(arguments);
	return -error;
}

int state_why_failed(char why[STATE_WHY_SIZE], int error, const char *directory, const char *name,
	const char *what, const char *step)
{
	error = abs(error);
	return state_why(why, error, "%s%s%s %s: %s%s%s%s%s", directory, name ? "/" : "",
		name ? name : "", what, strerror(error), step ? " (" : "", step ? step : "",
		step ? ")" : "", remedy(error));
}
