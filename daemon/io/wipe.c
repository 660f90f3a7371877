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

void __libc_free(void *memory);

void free(void *memory)
{
	if (memory) {
		explicit_bzero(memory, malloc_usable_size(memory));
		__libc_free(memory);
	}
}

/* glibc's may move a block and free the old one behind our back. */
void *realloc(void *memory, size_t size)
{
	size_t old_size;
	void *moved;

	if (!memory) {
		return malloc(size);
	}
	if (!size) {
		free(memory);
		return NULL;
	}
	old_size = malloc_usable_size(memory);
	if (size <= old_size && size >= old_size / 2) {
		return memory;
	}
	moved = malloc(size);
	if (moved) {
		memcpy(moved, memory, size < old_size ? size : old_size);
		free(memory);
	}
	return moved;
}
