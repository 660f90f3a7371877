#include "harden.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/secret.h"
#include "log.h"

enum {
	SECURE_HEAP_SIZE = 256 * 1024, /* bytes; a power of two, or OpenSSL aborts */
	SECURE_HEAP_BLOCK_MIN = 32,    /* bytes, likewise */
	SECURE_HEAP_UNLOCKED = 2,      /* CRYPTO_secure_malloc_init(3): works, but not locked */
	STACK_WIPED = 32 * 1024,       /* bytes; three times what was seen to be reached */
	LARGE_BLOCK = 32 * 1024, /* bytes from which a block of memory is given back when freed */
	TOP_KEPT = 128 * 1024,   /* bytes that the heap keeps at its end */
	DESCRIPTORS_MAX = 1024 * 1024, /* where the hard limit is none at all */
};

/* Where one of these is closed, the first socket would take its number, and get the log. One that
 * is for reading alone keeps refusing what is written. */
static void open_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		close(fd);
	}
}

static void forbid_cores(void)
{
	static const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none)) {
		log_warning("cannot forbid core dumps: %s", strerror(errno));
	}
	if (prctl(PR_SET_DUMPABLE, 0)) {
		log_warning("cannot keep other processes of this user out of this one's memory: %s",
			strerror(errno));
	}
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	rlim_t wanted;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		wanted = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
		if (limit.rlim_cur >= wanted) {
			return;
		}
		limit.rlim_cur = wanted;
		if (!setrlimit(RLIMIT_NOFILE, &limit)) {
			return;
		}
	}
	log_warning("cannot raise the limit of open files (RLIMIT_NOFILE): %s", strerror(errno));
}

/* Left to itself, glibc raises both limits as it goes, and keeps what a burst has taken. */
static void give_memory_back(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	mallopt(M_TRIM_THRESHOLD, TOP_KEPT);
}

/* A full heap is no reason to have no secret: it is wiped all the same. */
static void *take_locked(size_t size)
{
	void *memory = OPENSSL_secure_malloc(size);

	return memory ? memory : OPENSSL_malloc(size);
}

static void give_locked(void *memory, size_t size)
{
	OPENSSL_secure_clear_free(memory, size);
}

static void lock_secrets(void)
{
	static const struct secret_heap heap = {take_locked, give_locked};

	switch (CRYPTO_secure_malloc_init(SECURE_HEAP_SIZE, SECURE_HEAP_BLOCK_MIN)) {
	case 0:
		log_warning("no memory that keeps credentials out of swap and core dumps");
		return;
	case SECURE_HEAP_UNLOCKED:
		log_warning("credentials may be written to swap: the limit of locked memory "
			    "(RLIMIT_MEMLOCK) is below %d KiB",
			SECURE_HEAP_SIZE / 1024);
	}
	secret_set_heap(&heap);
}

void harden_process(void)
{
	open_standard_descriptors();
	forbid_cores();
	umask(077);
	unsetenv("SSLKEYLOGFILE");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	raise_descriptor_limit();
	give_memory_back();
	lock_secrets();
}

/* libini_config parses in local arrays, and the dynamic linker saves the vector registers, in which
 * memcpy() has left a piece of a secret, when a library's call is bound. */
__attribute__((noinline)) void harden_wipe_stack(void)
{
	char below[STACK_WIPED];

	explicit_bzero(below, sizeof(below));
}
