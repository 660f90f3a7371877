/*
 * Reads a JSON text where it stands, without building a tree: values, members of objects, elements
 * of arrays. It does not check anything: the text has passed json_check(), and can be written to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum walk_type {
	WALK_OBJECT,
	WALK_ARRAY,
	WALK_STRING,
	WALK_NUMBER,
	WALK_WORD, /* true, false, null */
};

/* A value where it stands; of a string, what is between the quotes. */
struct walk_value {
	enum walk_type type;
	char *text;
	size_t len;
};

/* Whether a string, decoded, is that text. */
static inline bool walk_is(const struct walk_value *string, const char *text)
{
	return string->len == strlen(text) && memcmp(string->text, text, string->len) == 0;
}

/* A way through a text, from one value to the next. */
struct walk {
	char *at;
	const char *end; /* of the whole text, which is NUL */
};

/* Takes the value that stands there. */
struct walk_value walk_value(struct walk *walk);

/* Walks through an object that stands there; false behind its last member, and the walk is over. */
bool walk_member(struct walk *walk, struct walk_value *name, struct walk_value *value);

/* The same for an array and its elements. */
bool walk_element(struct walk *walk, struct walk_value *value);

/*
 * Decodes a string where it stands and ends it with a NUL: len becomes shorter by what its escapes
 * took. The text around it is no JSON any more, but a walk that is beyond it goes on. Returns the
 * text.
 */
char *walk_decode(struct walk_value *string);
