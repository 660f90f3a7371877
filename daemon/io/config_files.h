/*
 * The files of a configuration: the one that is named, and the drop-ins in the directory beside it.
 * Reads them, each in its own syntax, into one list of entries. It does not know what these mean.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config_problems.h"

struct config_entries;

enum {
	CONFIG_DROP_INS_MAX = 256,
	CONFIG_FILES_SIZE_MAX = 16 * 1024 * 1024, /* bytes of all files together */
};

/* Where the entries come from. */
struct config_files {
	struct config_source *sources; /* the first is the file that is named */
	char **drop_ins;               /* their paths */
	size_t n_drop_ins;
	size_t size;   /* bytes read */
	bool has_main; /* the file that is named is there */
};

/* The directory of drop-ins of the file at path, to be freed; NULL when there is no memory. */
char *config_files_directory(const char *path);

/* Whether a file of that name in it is one: *.conf, as the shell has it. */
bool config_files_is_drop_in(const char *name);

/* The paths of the drop-ins, in the order of their names, to be given back as below. No directory
 * is none. Returns 0, a negative errno, or -E2BIG for more than CONFIG_DROP_INS_MAX. */
int config_files_list(const char *path, char ***ret_drop_ins, size_t *ret_n);
void config_files_list_done(char **drop_ins, size_t n);

/*
 * Reads path and its drop-ins; what is wrong is told to problems, whose source has to be that of
 * path, and is again when this returns. A file that is missing counts as empty with
 * may_be_missing, or where there are drop-ins.
 */
void config_files_read(struct config_files *files, const char *path, bool may_be_missing,
	struct config_problems *problems, struct config_entries *entries);

/* The same for a text in memory, which stands in no drop-in; it is changed on the way. */
void config_files_read_text(
	char *text, size_t len, struct config_problems *problems, struct config_entries *entries);

/* After the entries: their sources are here. */
void config_files_done(struct config_files *files);
