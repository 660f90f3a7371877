#include "credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/secret.h"

/* Tells why, and is the error that the caller returns. */
__attribute__((format(printf, 3, 4))) static int refuse(
	char why[CREDENTIAL_WHY_MAX], int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, CREDENTIAL_WHY_MAX, format, arguments);
	va_end(arguments);
	return -error;
}

static int check_file(int fd, const char *path, char why[CREDENTIAL_WHY_MAX])
{
	struct stat status;

	if (fstat(fd, &status) < 0) {
		return refuse(why, errno, "%s cannot be read: %s", path, strerror(errno));
	}
	if (!S_ISREG(status.st_mode)) {
		return refuse(why, EINVAL, "%s is not a regular file", path);
	}
	if (status.st_mode & S_IWOTH) {
		return refuse(why, EPERM, "%s can be written by others; chmod o-w it", path);
	}
	return 0;
}

/* Reads at most size bytes; returns how many, or a negative errno. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buffer + len, size - len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int take_secret(const char *path, const char *bytes, size_t len, struct secret **ret_secret,
	char why[CREDENTIAL_WHY_MAX])
{
	if (len > CREDENTIAL_SIZE_MAX) {
		return refuse(why, EFBIG, "%s is longer than %d bytes", path, CREDENTIAL_SIZE_MAX);
	}
	if (len > 0 && bytes[len - 1] == '\n') {
		len--;
		if (len > 0 && bytes[len - 1] == '\r') {
			len--;
		}
	}
	if (len == 0) {
		return refuse(why, ENODATA, "%s is empty", path);
	}
	if (memchr(bytes, '\0', len)) {
		return refuse(why, EINVAL, "%s holds a NUL byte; write it as text", path);
	}
	*ret_secret = secret_new_locked(bytes, len);
	if (!*ret_secret) {
		return refuse(why, ENOMEM, "no memory for the secret in %s", path);
	}
	return 0;
}

int credential_read(const char *path, struct secret **ret_secret, char why[CREDENTIAL_WHY_MAX])
{
	/* One byte more tells a file that is too long from one that fits. */
	const size_t size = CREDENTIAL_SIZE_MAX + 1;
	char *buffer;
	ssize_t len;
	int error;
	/* O_NONBLOCK: opening a FIFO would wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	*ret_secret = NULL;
	if (fd < 0) {
		return refuse(why, errno, "%s cannot be read: %s", path, strerror(errno));
	}
	error = check_file(fd, path, why);
	if (error < 0) {
		close(fd);
		return error;
	}
	buffer = malloc(size);
	if (!buffer) {
		close(fd);
		return refuse(why, ENOMEM, "no memory to read %s", path);
	}
	len = read_all(fd, buffer, size);
	close(fd);
	error = len < 0 ? refuse(why, (int)-len, "%s cannot be read: %s", path, strerror((int)-len))
			: take_secret(path, buffer, (size_t)len, ret_secret, why);
	explicit_bzero(buffer, size);
	free(buffer);
	return error;
}

char *credential_path(const char *name, char why[CREDENTIAL_WHY_MAX])
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		refuse(why, EINVAL, "\"%s\" is no name of a credential", name);
		return NULL;
	}
	if (!directory || directory[0] != '/') {
		refuse(why, ENOENT,
			"the service manager passed on no credentials; add "
			"LoadCredential=%s:/PATH to the unit",
			name);
		return NULL;
	}
	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		refuse(why, ENOMEM, "no memory");
		return NULL;
	}
	return path;
}
