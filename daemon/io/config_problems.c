#include "config_problems.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/escape.h"

struct config_problem {
	unsigned file; /* its number; what is in no file comes first */
	unsigned line;
	size_t number; /* which it was, for what stands on the same line */
	enum log_level level;
	char *text;
};

void config_problems_init(struct config_problems *problems, const struct config_source *source)
{
	*problems = (struct config_problems){.source = source};
}

void config_problems_done(struct config_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		free(problems->list[i].text);
	}
	free(problems->list);
	*problems = (struct config_problems){0};
}

static void make_readable(char *text)
{
	bool utf8 = escape_is_utf8(text, strlen(text));

	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < ' ' || *at == 0x7f || (*at >= 0x80 && !utf8)) {
			*at = '?';
		}
	}
}

/* What has other characters is no misspelt key, but may be a secret that was pasted there: a
 * mistake is told to callers and in the service's status, too. */
static bool looks_like_key(const char *key)
{
	for (; *key; key++) {
		if (!isalnum((unsigned char)*key) && !strchr("_-.", *key)) {
			return false;
		}
	}
	return true;
}

/* "FILE:LINE: [SECTION] KEY: " and the sentence; NULL when there is no memory. */
__attribute__((format(printf, 3, 0))) static char *compose(const struct config_source *source,
	const struct config_place *place, const char *format, va_list arguments)
{
	const char *key = place->key && looks_like_key(place->key) ? place->key : NULL;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		return NULL;
	}
	if (!place->outside) {
		fprintf(out, "%s:", source->path);
		if (place->line > 0) {
			fprintf(out, "%u:", place->line);
		}
		fputc(' ', out);
	}
	if (place->section) {
		fprintf(out, "[%s]%s", place->section, key ? " " : ": ");
	}
	if (key) {
		fprintf(out, "%s: ", key);
	}
	vfprintf(out, format, arguments);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	make_readable(text);
	return text;
}

static struct config_problem *add(struct config_problems *problems)
{
	if (problems->n == problems->capacity) {
		size_t capacity = problems->capacity ? 2 * problems->capacity : 16;
		struct config_problem *list = reallocarray(problems->list, capacity, sizeof(*list));

		if (!list) {
			return NULL;
		}
		problems->list = list;
		problems->capacity = capacity;
	}
	return &problems->list[problems->n++];
}

void config_problems_add(struct config_problems *problems, enum log_level level,
	const struct config_place *place, const char *format, ...)
{
	const struct config_source *source = place->source ? place->source : problems->source;
	struct config_problem *problem;
	va_list arguments;
	char *text;

	problems->failed |= level == LOG_LEVEL_ERROR;
	va_start(arguments, format);
	text = compose(source, place, format, arguments);
	va_end(arguments);
	problem = text ? add(problems) : NULL;
	if (!problem) {
		free(text);
		problems->no_memory = true;
		return;
	}
	*problem = (struct config_problem){
		.file = place->outside ? 0 : source->number,
		.line = place->line,
		.number = problems->n,
		.level = level,
		.text = text,
	};
}

static int by_place(const void *a, const void *b)
{
	const struct config_problem *p = a, *q = b;

	if (p->file != q->file) {
		return p->file < q->file ? -1 : 1;
	}
	if (p->line != q->line) {
		return p->line < q->line ? -1 : 1;
	}
	return p->number < q->number ? -1 : p->number > q->number;
}

/* Whether the same was already told of the same line: a key for all profiles is looked at for each
 * of them. */
static bool told_before(const struct config_problems *problems, size_t number)
{
	const struct config_problem *list = problems->list;

	for (size_t i = number; i > 0 && list[i - 1].file == list[number].file &&
				list[i - 1].line == list[number].line;
		i--) {
		if (strcmp(list[i - 1].text, list[number].text) == 0) {
			return true;
		}
	}
	return false;
}

void config_problems_tell(
	struct config_problems *problems, config_problem_fn *problem, void *context)
{
	if (problems->n > 0) {
		qsort(problems->list, problems->n, sizeof(problems->list[0]), by_place);
	}
	for (size_t i = 0; i < problems->n; i++) {
		if (!told_before(problems, i)) {
			problem(context, problems->list[i].level, problems->list[i].text);
		}
	}
}
