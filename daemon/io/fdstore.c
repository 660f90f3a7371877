#include "fdstore.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "activation.h"
#include "core/secret.h"
#include "log.h"
#include "notify.h"

/* One byte more is the version. */
#define MAGIC "gctokfd"

enum {
	VERSION = 1,
	VERSION_AT = sizeof(MAGIC) - 1,
	LENGTH_AT = VERSION_AT + 1,
	BOOT_AT = LENGTH_AT + sizeof(uint64_t),
	HASH_AT = BOOT_AT + sizeof(sd_id128_t),
	HASH_LEN = 32,
	HEADER_LEN = HASH_AT + HASH_LEN,
	SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
	NAME_SIZE = 64,
	WHY_SIZE = 128,
	NUMBER_BASE = 10,
};

struct fdstore {
	sd_id128_t boot_id;
	/* The numbers in the names of what may be in the store: all before last are to be taken
	 * out. None is, if first is above last. */
	uint64_t first, last;
};

/* ---- talking to the service manager */

int fdstore_new(struct fdstore **ret_fdstore)
{
	struct fdstore *fdstore;
	int r;

	*ret_fdstore = NULL;
	if (!notify_enabled()) {
		return 0;
	}
	fdstore = calloc(1, sizeof(*fdstore));
	r = fdstore ? sd_id128_get_boot(&fdstore->boot_id) : -ENOMEM;
	if (r < 0) {
		free(fdstore);
		return r;
	}
	fdstore->first = 1;
	*ret_fdstore = fdstore;
	return 0;
}

void fdstore_free(struct fdstore *fdstore)
{
	free(fdstore);
}

static int put(uint64_t number, int fd)
{
	char text[NAME_SIZE];

	snprintf(text, sizeof(text),
		"FDSTORE=1\nFDNAME=" ACTIVATION_STORE_NAME "%" PRIu64 "\nFDPOLL=0", number);
	return notify_send(text, fd);
}

static int remove_name(const char *name)
{
	char text[NAME_SIZE + NAME_MAX];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	return notify_send(text, -1);
}

/* What cannot be told now is told next time. */
static void remove_old(struct fdstore *fdstore)
{
	char name[NAME_SIZE];
	int r = 0;

	while (r == 0 && fdstore->first < fdstore->last) {
		snprintf(name, sizeof(name), ACTIVATION_STORE_NAME "%" PRIu64, fdstore->first);
		r = remove_name(name);
		fdstore->first += r == 0;
	}
}

/* ---- what stands before the text */

static void write_header(const struct fdstore *fdstore, uint64_t len, unsigned char header[HASH_AT])
{
	uint64_t length = htobe64(len);

	memcpy(header, MAGIC, VERSION_AT);
	header[VERSION_AT] = VERSION;
	memcpy(header + LENGTH_AT, &length, sizeof(length));
	memcpy(header + BOOT_AT, &fdstore->boot_id, sizeof(fdstore->boot_id));
}

/* Of all parts. False when there is no memory. */
static bool hash(const struct iovec *parts, size_t n, unsigned char ret_hash[HASH_LEN])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; good && i < n; i++) {
		good = EVP_DigestUpdate(context, parts[i].iov_base, parts[i].iov_len) == 1;
	}
	good = good && EVP_DigestFinal_ex(context, ret_hash, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

/* ---- writing */

static int write_parts(int fd, struct iovec *parts, size_t n)
{
	while (n > 0) {
		ssize_t done = writev(fd, parts, n < IOV_MAX ? (int)n : IOV_MAX);

		if (done < 0 && errno != EINTR) {
			return -errno;
		}
		for (; n > 0 && done >= (ssize_t)parts->iov_len; n--, parts++) {
			done -= (ssize_t)parts->iov_len;
		}
		if (n > 0 && done > 0) {
			parts->iov_base = (char *)parts->iov_base + done;
			parts->iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* Returns a descriptor, or a negative errno. */
static int make_memfd(struct iovec *parts, size_t n)
{
	int fd = memfd_create("gctokend-store", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0) {
		return -errno;
	}
	r = write_parts(fd, parts, n);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		r = -errno;
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int fdstore_write(struct fdstore *fdstore, const struct iovec *parts, size_t n)
{
	unsigned char header[HEADER_LEN];
	struct iovec *all = calloc(n + 2, sizeof(*all));
	uint64_t len = 0;
	int fd = -ENOMEM, r;

	if (!all) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		len += parts[i].iov_len;
		all[i + 1] = parts[i];
	}
	write_header(fdstore, len, header);
	all[0] = (struct iovec){header, HASH_AT};
	if (len > FDSTORE_TEXT_MAX) {
		fd = -EFBIG;
	} else if (hash(all, n + 1, header + HASH_AT)) {
		all[0].iov_len = HEADER_LEN;
		fd = make_memfd(all, n + 1);
	}
	free(all);
	if (fd < 0) {
		return fd;
	}
	r = put(fdstore->last + 1, fd);
	close(fd);
	if (r == 0) {
		fdstore->last++;
		remove_old(fdstore);
	}
	return r;
}

/* ---- reading */

/* The number in a name, 0 where there is none. */
static uint64_t number_of(const char *name)
{
	const char *digits = name + strlen(ACTIVATION_STORE_NAME);
	size_t len = strspn(digits, "0123456789");

	return digits[len] == '\0' && len > 0 ? strtoull(digits, NULL, NUMBER_BASE) : 0;
}

static bool read_all(int fd, unsigned char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = pread(fd, bytes + at, len - at, (off_t)at);

		if (n <= 0 && !(n < 0 && errno == EINTR)) {
			return false;
		}
		at += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* Whether the bytes are what fdstore_write() put there; what is wrong, else. */
static const char *find_fault(const struct fdstore *fdstore, unsigned char *bytes, size_t len)
{
	struct iovec parts[] = {{bytes, HASH_AT}, {bytes + HEADER_LEN, len - HEADER_LEN}};
	unsigned char expected[HASH_LEN];
	uint64_t length;

	memcpy(&length, bytes + LENGTH_AT, sizeof(length));
	if (memcmp(bytes, MAGIC, VERSION_AT) != 0) {
		return "it is something else";
	}
	if (bytes[VERSION_AT] != VERSION) {
		return "another version of gctokend wrote it, in another format";
	}
	if (be64toh(length) != len - HEADER_LEN || !hash(parts, 2, expected) ||
		memcmp(expected, bytes + HASH_AT, HASH_LEN) != 0) {
		return "it is damaged";
	}
	if (memcmp(bytes + BOOT_AT, &fdstore->boot_id, sizeof(fdstore->boot_id)) != 0) {
		return "it is from before the machine was started";
	}
	return NULL;
}

/* Returns 0 with *ret_text, or with NULL and what is wrong; or -ENOMEM. */
static int read_fd(
	const struct fdstore *fdstore, int fd, struct secret **ret_text, const char **ret_fault)
{
	struct stat about;
	unsigned char *bytes;
	size_t len;
	int r = 0;

	*ret_text = NULL;
	if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode) || fcntl(fd, F_GET_SEALS) != SEALS) {
		*ret_fault = "it is not a sealed memfd";
		return 0;
	}
	len = (size_t)about.st_size;
	if (len < HEADER_LEN || len - HEADER_LEN > FDSTORE_TEXT_MAX) {
		*ret_fault = "it is damaged: too short, or too long";
		return 0;
	}
	bytes = malloc(len);
	if (!bytes) {
		return -ENOMEM;
	}
	*ret_fault = read_all(fd, bytes, len) ? find_fault(fdstore, bytes, len)
					      : "it cannot be read";
	if (!*ret_fault) {
		*ret_text = secret_new((const char *)bytes + HEADER_LEN, len - HEADER_LEN);
		r = *ret_text ? 0 : -ENOMEM;
	}
	explicit_bzero(bytes, len);
	free(bytes);
	return r;
}

/* The index of the one with the highest number that is left, or n_stored. */
static size_t find_newest(const struct activation *activation)
{
	size_t newest = activation->n_stored;

	for (size_t i = 0; i < activation->n_stored; i++) {
		if (activation->stored[i] >= 0 &&
			(newest == activation->n_stored ||
				number_of(activation->stored_names[i]) >
					number_of(activation->stored_names[newest]))) {
			newest = i;
		}
	}
	return newest;
}

int fdstore_read(struct fdstore *fdstore, struct activation *activation, struct secret **ret_text)
{
	bool is_found = false;
	size_t i;
	int r = 0;

	*ret_text = NULL;
	while ((i = find_newest(activation)) < activation->n_stored) {
		const char *name = activation->stored_names[i], *fault = NULL;
		uint64_t number = number_of(name);

		if (r == 0 && number > 0 && !*ret_text) {
			r = read_fd(fdstore, activation->stored[i], ret_text, &fault);
		}
		if (fault) {
			log_event(&(struct log_event){LOG_LEVEL_WARNING, LOG_EVENT_STORE_IGNORED},
				"%s, which an earlier daemon left with the service manager, is "
				"not used: %s",
				name, fault);
		}
		if (*ret_text && !is_found) {
			is_found = true;
			fdstore->first = number; /* until the next one is there */
		} else {
			remove_name(name);
		}
		if (number > fdstore->last) {
			fdstore->last = number;
		}
		close(activation->stored[i]);
		activation->stored[i] = -1;
	}
	if (!is_found) {
		fdstore->first = fdstore->last + 1;
	}
	return r;
}
