/*
 * Memory is wiped when it is freed, whoever frees it: libcurl, OpenSSL, cJSON, libini_config,
 * libevent and libc itself all come here, since a symbol of the executable goes before a library's.
 * malloc() and the others that only give memory stay glibc's, and so does the way back to it,
 * __libc_free(). FORTIFY, which aborts where malloc_usable_size() is more than was asked for, knows
 * no size here.
 *
 * Under valgrind's memcheck neither these nor glibc's run: it puts its own in the place of both.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void __libc_free(void *ptr);

void free(void *ptr)
{
	if (ptr) {
		explicit_bzero(ptr, malloc_usable_size(ptr));
		__libc_free(ptr);
	}
}

/* glibc's may move a block and free the old one behind our back. */
void *realloc(void *ptr, size_t size)
{
	size_t old_size;
	void *moved;

	if (!ptr) {
		return malloc(size);
	}
	if (!size) {
		free(ptr);
		return NULL;
	}
	old_size = malloc_usable_size(ptr);
	if (size <= old_size && size >= old_size / 2) {
		return ptr;
	}
	moved = malloc(size);
	if (moved) {
		memcpy(moved, ptr, size < old_size ? size : old_size);
		free(ptr);
	}
	return moved;
}
