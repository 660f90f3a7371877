/*
 * Memory for a test server: running out of it ends the program, so that no caller looks for NULL.
 * Knows nothing of what is kept in it.
 */
#ifndef SANDBOX_MEM_H
#define SANDBOX_MEM_H

#include <stddef.h>

/* Makes cJSON and libevent allocate here too. Call it before either is used. */
void mem_init(void);

/* As malloc, calloc (one object), realloc and strdup; never NULL. The caller frees with free(). */
void *mem_alloc(size_t size);
void *mem_new(size_t size);
void *mem_realloc(void *old, size_t size);
char *mem_strdup(const char *text);

/* A copy of LEN bytes with a NUL behind them. */
char *mem_copy(const void *data, size_t len);

/* As asprintf; never NULL. The caller frees it. */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the program with WHAT on stderr: for failures of a library that a test server need not
 * survive. */
void mem_die(const char *what) __attribute__((noreturn));

#endif
