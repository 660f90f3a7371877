/*
 * Memory is wiped when it is freed, whoever frees it: libcurl, OpenSSL, cJSON, libini_config,
 * libevent and libc itself all come here, since a symbol of the executable goes before a library's.
 * glibc hands out the memory as ever (malloc(3), __libc_free and malloc_usable_size are its own).
 *
 * Under valgrind's memcheck neither these nor glibc's run: it replaces both.
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
