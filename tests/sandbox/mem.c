#include "mem.h"

#include <cjson/cJSON.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_die(const char *what)
{
	fprintf(stderr, "gctokend-sandbox: %s\n", what);
	exit(1);
}

void *mem_alloc(size_t size)
{
	void *memory = malloc(size ? size : 1);
	if (!memory) {
		mem_die("out of memory");
	}
	return memory;
}

void *mem_new(size_t size)
{
	return memset(mem_alloc(size), 0, size);
}

void *mem_realloc(void *old, size_t size)
{
	void *memory = realloc(old, size ? size : 1);
	if (!memory) {
		mem_die("out of memory");
	}
	return memory;
}

char *mem_strdup(const char *text)
{
	return mem_copy(text, strlen(text));
}

char *mem_copy(const void *data, size_t len)
{
	char *copy = mem_alloc(len + 1);
	if (len) {
		memcpy(copy, data, len);
	}
	copy[len] = '\0';
	return copy;
}

char *mem_printf(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		mem_die("out of memory");
	}
	return text;
}

void mem_init(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = mem_alloc, .free_fn = free});
	event_set_mem_functions(mem_alloc, mem_realloc, free);
}
