#include "walk.h"

#include <string.h>

#include "escape.h"

static void skip_space(struct walk *walk)
{
	while (*walk->at == ' ' || *walk->at == '\t' || *walk->at == '\n' || *walk->at == '\r') {
		walk->at++;
	}
}

/* Goes to the closing quote of a string. */
static void skip_string(struct walk *walk)
{
	const unsigned char *end = (const unsigned char *)walk->end;

	for (;;) {
		walk->at = (char *)escape_skip_plain((const unsigned char *)walk->at, end);
		if (*walk->at == '"') {
			return;
		}
		walk->at += *walk->at == '\\' ? 2 : 1; /* or a byte that is not ASCII */
	}
}

/* Goes behind an object or array. */
static void skip_list(struct walk *walk)
{
	int depth = 0;

	do {
		switch (*walk->at++) {
		case '"':
			skip_string(walk);
			walk->at++;
			break;
		case '[':
		case '{':
			depth++;
			break;
		case ']':
		case '}':
			depth--;
			break;
		default:
			break;
		}
	} while (depth > 0);
}

/* Goes behind a number or word. */
static void skip_scalar(struct walk *walk)
{
	while ((unsigned char)*walk->at > ' ' && *walk->at != ',' && *walk->at != ']' &&
		*walk->at != '}') {
		walk->at++;
	}
}

struct walk_value walk_value(struct walk *walk)
{
	struct walk_value value;

	skip_space(walk);
	value.text = walk->at;
	switch (*walk->at) {
	case '"':
		value.type = WALK_STRING;
		value.text = ++walk->at;
		skip_string(walk);
		value.len = (size_t)(walk->at - value.text);
		walk->at++;
		return value;
	case '{':
	case '[':
		value.type = *walk->at == '{' ? WALK_OBJECT : WALK_ARRAY;
		skip_list(walk);
		break;
	case 't':
	case 'f':
	case 'n':
		value.type = WALK_WORD;
		skip_scalar(walk);
		break;
	default:
		value.type = WALK_NUMBER;
		skip_scalar(walk);
		break;
	}
	value.len = (size_t)(walk->at - value.text);
	return value;
}

/* Goes from the opening bracket or brace, or from behind a value, to the next value; false when
 * there is none. */
static bool step(struct walk *walk)
{
	skip_space(walk);
	if (*walk->at == ']' || *walk->at == '}') {
		return false;
	}
	walk->at++;
	skip_space(walk);
	return *walk->at != ']' && *walk->at != '}';
}

bool walk_element(struct walk *walk, struct walk_value *value)
{
	if (!step(walk)) {
		return false;
	}
	*value = walk_value(walk);
	return true;
}

bool walk_member(struct walk *walk, struct walk_value *name, struct walk_value *value)
{
	if (!step(walk)) {
		return false;
	}
	*name = walk_value(walk);
	skip_space(walk);
	walk->at++; /* the colon */
	*value = walk_value(walk);
	return true;
}

char *walk_decode(struct walk_value *string)
{
	const unsigned char *at = (const unsigned char *)string->text;
	const unsigned char *end = at + string->len;
	char *dst = string->text;

	if (memchr(at, '\\', string->len)) {
		while (at < end) {
			dst = escape_take(&at, dst);
		}
		string->len = (size_t)(dst - string->text);
	}
	string->text[string->len] = '\0';
	return string->text;
}
