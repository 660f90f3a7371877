#include "config_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_entries.h"
#include "config_file.h"
#include "config_ini.h"
#include "config_json.h"
#include "proto/escape.h"

#define SUFFIX          ".conf"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static const struct config_place whole_file;

char *config_files_directory(const char *path)
{
	char *directory;

	return asprintf(&directory, "%s.d", path) < 0 ? NULL : directory;
}

bool config_files_is_drop_in(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(SUFFIX) &&
	       strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_opened(DIR *opened, const char *directory, char **drop_ins, size_t *n)
{
	const struct dirent *entry;

	errno = 0;
	while ((entry = readdir(opened))) {
		if (!config_files_is_drop_in(entry->d_name)) {
			continue;
		}
		if (*n == CONFIG_DROP_INS_MAX) {
			return -E2BIG;
		}
		if (asprintf(&drop_ins[*n], "%s/%s", directory, entry->d_name) < 0) {
			return -ENOMEM;
		}
		(*n)++;
	}
	return -errno;
}

int config_files_list(const char *path, char ***ret_drop_ins, size_t *ret_n)
{
	char *directory = config_files_directory(path);
	DIR *opened = directory ? opendir(directory) : NULL;
	char **drop_ins = NULL;
	size_t n = 0;
	int error = 0;

	if (!directory) {
		error = -ENOMEM;
	} else if (!opened) {
		error = errno == ENOENT ? 0 : -errno;
	} else {
		drop_ins = calloc(CONFIG_DROP_INS_MAX, sizeof(*drop_ins));
		error = drop_ins ? list_opened(opened, directory, drop_ins, &n) : -ENOMEM;
		closedir(opened);
	}
	free(directory);
	if (error < 0) {
		config_files_list_done(drop_ins, n);
		return error;
	}
	if (n > 1) {
		qsort(drop_ins, n, sizeof(*drop_ins), by_name);
	}
	*ret_drop_ins = drop_ins;
	*ret_n = n;
	return 0;
}

void config_files_list_done(char **drop_ins, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(drop_ins[i]);
	}
	free(drop_ins);
}

void config_files_read_text(
	char *text, size_t len, struct config_problems *problems, struct config_entries *entries)
{
	entries->source = problems->source;
	if (memchr(text, '\0', len) || !escape_is_utf8(text, len)) {
		config_error(problems, &whole_file, "the file is not UTF-8 text");
		return;
	}
	if (strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
		text += strlen(BYTE_ORDER_MARK);
		len -= strlen(BYTE_ORDER_MARK);
	}
	if (text[strspn(text, " \t\r\n")] == '{') {
		config_json_read(text, len, problems, entries);
	} else {
		config_ini_read(text, len, problems, entries);
	}
}

/* Reads the file that is problems->source. */
static void read_one(struct config_files *files, struct config_source *source, bool may_be_missing,
	struct config_problems *problems, struct config_entries *entries)
{
	struct config_file file;

	problems->source = source;
	config_file_read(&file, may_be_missing, problems);
	source->read_by_others = file.read_by_others;
	files->size += file.len;
	if (files->size > CONFIG_FILES_SIZE_MAX) {
		config_error(problems, &whole_file,
			"this file and those before are longer than %d bytes together",
			CONFIG_FILES_SIZE_MAX);
	} else if (file.text) {
		config_files_read_text(file.text, file.len, problems, entries);
	}
	if (source->number == 0) {
		files->has_main = file.is_there;
	}
	config_file_done(&file);
}

static void tell_list(struct config_problems *problems, int error)
{
	if (error == -ENOMEM) {
		problems->no_memory = true;
	} else if (error == -E2BIG) {
		config_error(problems, &whole_file, "there are more than %d files in its %s.d",
			CONFIG_DROP_INS_MAX, problems->source->path);
	} else {
		config_error(problems, &whole_file, "%s.d cannot be read: %s",
			problems->source->path, strerror(-error));
	}
}

void config_files_read(struct config_files *files, const char *path, bool may_be_missing,
	struct config_problems *problems, struct config_entries *entries)
{
	int error;

	*files = (struct config_files){0};
	error = config_files_list(path, &files->drop_ins, &files->n_drop_ins);
	if (error < 0) {
		tell_list(problems, error);
		return;
	}
	files->sources = calloc(1 + files->n_drop_ins, sizeof(*files->sources));
	if (!files->sources) {
		problems->no_memory = true;
		return;
	}
	files->sources[0].path = path;
	read_one(files, &files->sources[0], may_be_missing || files->n_drop_ins > 0, problems,
		entries);
	for (size_t i = 0; i < files->n_drop_ins; i++) {
		struct config_source *source = &files->sources[1 + i];

		source->path = files->drop_ins[i];
		source->number = (unsigned)i + 1;
		read_one(files, source, false, problems, entries);
	}
	problems->source = &files->sources[0];
}

void config_files_done(struct config_files *files)
{
	free(files->sources);
	config_files_list_done(files->drop_ins, files->n_drop_ins);
	*files = (struct config_files){0};
}
