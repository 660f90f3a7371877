/*
 * Reads a configuration file, and judges who else could have written it or can read it. It does not
 * know what stands in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct config_problems;

enum { CONFIG_FILE_SIZE_MAX = 1024 * 1024 /* bytes */ };

struct config_file {
	char *text; /* len bytes and a NUL; NULL: the file cannot be used */
	size_t len;
	bool is_there;       /* even if it cannot be used */
	bool read_by_others; /* by more than its owner and the daemon's primary group */
};

/* Reads problems->source->path. What is wrong with the file is told; with `may_be_missing`, that
 * there is none is not wrong, and the text is empty. */
void config_file_read(
	struct config_file *file, bool may_be_missing, struct config_problems *problems);

/* Wipes and frees. */
void config_file_done(struct config_file *file);
