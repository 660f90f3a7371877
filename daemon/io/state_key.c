#include "state_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/secret.h"
#include "credential.h"
#include "state_directory.h"
#include "state_file.h"
#include "state_seal.h"

#define KEY_NAME "key"

enum {
	KEY_LEN = 32, /* bytes of the key file */
	CREDENTIAL_LEN_MIN = 32,
	CREDENTIAL_LEN_MAX = 4096,
};

static int derive(const char *bytes, size_t len, struct secret **ret_key, char why[STATE_WHY_SIZE])
{
	*ret_key = state_seal_key(bytes, len);
	return *ret_key ? 0 : state_why(why, ENOMEM, "no memory for the key of the state");
}

/* Returns 0 with *ret_key NULL where there is no such credential. */
static int read_credential(struct secret **ret_key, char why[STATE_WHY_SIZE])
{
	char bytes[CREDENTIAL_LEN_MAX], none[CREDENTIAL_WHY_MAX];
	char *path = credential_path(STATE_KEY_CREDENTIAL, none);
	const char *step;
	struct stat file;
	ssize_t len;
	int status = 0;

	*ret_key = NULL;
	if (!path) {
		return 0;
	}
	len = state_file_read(AT_FDCWD, path, bytes, sizeof(bytes), &file, &step);
	if (len == -EFBIG || (len >= 0 && len < CREDENTIAL_LEN_MIN)) {
		status = state_why(why, EINVAL,
			"%s has to hold %d to %d bytes: head -c 32 /dev/urandom makes a good key",
			path, CREDENTIAL_LEN_MIN, CREDENTIAL_LEN_MAX);
	} else if (len < 0 && len != -ENOENT) {
		status = state_why(why, (int)-len, "%s cannot be read: %s (%s)", path,
			strerror((int)-len), step);
	} else if (len >= 0) {
		status = derive(bytes, (size_t)len, ret_key, why);
	}
	explicit_bzero(bytes, sizeof(bytes));
	free(path);
	return status;
}

static int make_file(const char *path, const struct state_directory *directory,
	struct secret **ret_key, char why[STATE_WHY_SIZE])
{
	unsigned char bytes[KEY_LEN];
	const char *step = NULL;
	int status;

	if (directory->has_records) {
		return state_why(why, ENOKEY,
			"%s/" KEY_NAME " is missing, without which the records there cannot be "
			"read: put it back, or pass it as the credential " STATE_KEY_CREDENTIAL
			"; to begin anew without the sessions, remove %s/*" STATE_DIRECTORY_SUFFIX,
			path, path);
	}
	if (RAND_priv_bytes(bytes, sizeof(bytes)) != 1) {
		return state_why(why, EIO, "there is no randomness for the key of the state");
	}
	status = state_file_replace(directory->fd, KEY_NAME, bytes, sizeof(bytes), &step);
	if (status) {
		state_why_failed(why, status, path, KEY_NAME, "cannot be made", step);
	} else {
		status = derive((const char *)bytes, sizeof(bytes), ret_key, why);
	}
	explicit_bzero(bytes, sizeof(bytes));
	return status;
}

static int check_file(
	const char *path, const struct stat *file, ssize_t len, char why[STATE_WHY_SIZE])
{
	if (file->st_mode & (S_IRWXG | S_IRWXO)) {
		return state_why(
			why, EPERM, "%s/" KEY_NAME " is not its owner's alone: chmod 600 it", path);
	}
	if (file->st_uid != geteuid()) {
		return state_why(why, EPERM,
			"%s/" KEY_NAME " belongs to the user %u and not to %u, who runs gctokend: "
			"chown it",
			path, (unsigned)file->st_uid, (unsigned)geteuid());
	}
	if (len != KEY_LEN) {
		return state_why(why, EINVAL,
			"%s/" KEY_NAME
			" is damaged, it has not %d bytes: put back a copy; to begin "
			"anew without the sessions, remove it and %s/*" STATE_DIRECTORY_SUFFIX,
			path, KEY_LEN, path);
	}
	return 0;
}

static int read_file(const char *path, const struct state_directory *directory,
	struct secret **ret_key, char why[STATE_WHY_SIZE])
{
	char bytes[KEY_LEN + 1];
	const char *step;
	struct stat file;
	ssize_t len = state_file_read(directory->fd, KEY_NAME, bytes, sizeof(bytes), &file, &step);
	int status;

	if (len == -ENOENT) {
		return make_file(path, directory, ret_key, why);
	}
	if (len < 0 && len != -EFBIG) {
		return state_why_failed(why, (int)len, path, KEY_NAME, "cannot be read", step);
	}
	status = check_file(path, &file, len, why);
	if (!status) {
		status = derive(bytes, (size_t)len, ret_key, why);
	}
	explicit_bzero(bytes, sizeof(bytes));
	return status;
}

int state_key_get(const char *path, const struct state_directory *directory,
	struct secret **ret_key, char why[STATE_WHY_SIZE])
{
	struct secret *key;
	int status = read_credential(&key, why);

	if (!status && !key) {
		status = read_file(path, directory, &key, why);
	}
	if (!status) {
		*ret_key = key;
	}
	return status;
}
