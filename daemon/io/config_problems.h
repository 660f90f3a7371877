/*
 * The mistakes and warnings found in a configuration: collected in any order, told in the order of
 * its files and
 * lines, each once. It does not know what is wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "log.h"

/*
 * Told of each mistake and warning, in the order of the files and lines, as "FILE:LINE: [SECTION]
 * KEY: why, and what would be right" (parts that do not apply are left out, and so is what cannot
 * be the name of a key). It never holds a value of a secret.
 */
typedef void config_problem_fn(void *context, enum log_level level, const char *text);

/* A file of the configuration. */
struct config_source {
	const char *path;    /* borrowed */
	unsigned number;     /* in the order in which they are read; what a later one says is so */
	bool read_by_others; /* no secret may stand in it */
};

/* Where something is wrong; parts that do not apply are 0 and NULL. Borrowed. */
struct config_place {
	const struct config_source *source; /* NULL: the file that is read now */
	unsigned line;                      /* 0: no line of its own */
	const char *section;                /* as it stands in the brackets */
	const char *key;
	bool outside; /* not in a file, but in the environment */
};

struct config_problem;

struct config_problems {
	const struct config_source *source; /* the file that is read now; borrowed */
	struct config_problem *list;
	size_t n, capacity;
	bool failed;    /* one of them is an error */
	bool no_memory; /* something could not be kept; whoever runs out of memory may set it */
};

void config_problems_init(struct config_problems *problems, const struct config_source *source);
void config_problems_done(struct config_problems *problems);

/* Keeps a mistake (LOG_LEVEL_ERROR) or warning. Bytes that are no readable text become "?". */
void config_problems_add(struct config_problems *problems, enum log_level level,
	const struct config_place *place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define config_error(problems, place, ...) \
	config_problems_add(problems, LOG_LEVEL_ERROR, place, __VA_ARGS__)
#define config_warning(problems, place, ...) \
	config_problems_add(problems, LOG_LEVEL_WARNING, place, __VA_ARGS__)

/* Tells all that was kept. */
void config_problems_tell(
	struct config_problems *problems, config_problem_fn *problem, void *context);
