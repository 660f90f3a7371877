/*
 * The objects are walked here, and only what stands in them is left to json_take(): the limit of
 * members that a request has is not for profiles, and of two members of one name both lines are to
 * be told.
 */
#include "config_json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_entries.h"
#include "config_keys.h"
#include "config_problems.h"
#include "proto/json.h"

struct reader {
	struct json_reader json;
	const unsigned char *counted; /* up to here the lines were counted */
	unsigned line;
	bool told; /* what is wrong with the syntax */
	struct config_problems *problems;
	struct config_entries *entries;
};

/* Of the section that is read. */
struct section {
	const char *name; /* as INI has it between the brackets */
	const char *kind; /* "profile", whatever its name is */
};

static unsigned line_at(struct reader *reader, const unsigned char *at)
{
	while (reader->counted < at) {
		reader->line += *reader->counted++ == '\n';
	}
	return reader->line;
}

static unsigned line_of(struct reader *reader, const struct json_value *value)
{
	return line_at(reader, (const unsigned char *)value->text);
}

/* Tells what is wrong where the reading stands, once; nothing is read behind it. */
static void stop(struct reader *reader, const char *why)
{
	const struct config_place place = {.line = line_at(reader, reader->json.at)};

	if (!reader->told) {
		config_error(reader->problems, &place, "%s", why);
	}
	reader->told = true;
	if (reader->json.status == JSON_OK) {
		reader->json.status = JSON_BAD_SYNTAX;
	}
}

static void stop_at_value(struct reader *reader)
{
	if (reader->json.status == JSON_BAD_SYNTAX) {
		stop(reader, "this is no JSON value; look for a missing quote, or a comma behind "
			     "the last one");
	} else {
		stop(reader, json_status_text(reader->json.status));
	}
}

static void skip_space(struct reader *reader)
{
	while (*reader->json.at && strchr(" \t\r\n", *reader->json.at)) {
		reader->json.at++;
	}
}

static bool take_byte(struct reader *reader, char c)
{
	skip_space(reader);
	if (*reader->json.at != (unsigned char)c) {
		return false;
	}
	reader->json.at++;
	return true;
}

/* Goes into an object; false where there is none. */
static bool enter(struct reader *reader)
{
	return json_peek(&reader->json) == JSON_OBJECT && take_byte(reader, '{');
}

/* Takes the name of the next member of the object that was entered, with which its value comes
 * next; false at its end, or after a mistake. */
static bool next_member(struct reader *reader, bool *first, struct json_value *name)
{
	bool is_first = *first;

	*first = false;
	if (reader->json.status != JSON_OK) {
		return false;
	}
	if (take_byte(reader, '}')) {
		return false;
	}
	if (!is_first && !take_byte(reader, ',')) {
		stop(reader, "a comma or a closing brace is missing here");
		return false;
	}
	skip_space(reader);
	if (*reader->json.at != '"') {
		stop(reader, "a name in double quotes is missing here (JSON has no comments, and "
			     "no comma behind the last member)");
		return false;
	}
	if (!json_take(&reader->json, name)) {
		stop_at_value(reader);
		return false;
	}
	if (!take_byte(reader, ':')) {
		stop(reader, "a colon is missing between the name and its value");
		return false;
	}
	skip_space(reader);
	return true;
}

/* A copy of a string decoded, of anything else as it is written; to be freed. */
static char *text_of(struct reader *reader, const struct json_value *value)
{
	struct json_value copy = *value;

	copy.text = strndup(value->text, value->len);
	if (!copy.text) {
		reader->problems->no_memory = true;
		return NULL;
	}
	return value->type == JSON_STRING ? json_decode(&copy) : copy.text;
}

static void add(struct reader *reader, unsigned line, const struct section *section,
	const char *key, const char *value)
{
	if (!config_entries_add(
		    reader->entries, line, section->name, key, value, value ? strlen(value) : 0)) {
		reader->problems->no_memory = true;
	}
}

/* What stands between the elements of a list in INI; NULL when the key is none. */
static const char *list_separator(const struct section *section, const char *key)
{
	enum config_key_number number;

	return config_keys_find(section->kind, key, &number) ? config_keys_separator(number) : NULL;
}

static bool is_switch(const struct section *section, const char *key)
{
	enum config_key_number number;

	/* Of a key that is not known another complains. */
	return !config_keys_find(section->kind, key, &number) || config_keys_is_switch(number);
}

/* The elements of an array, which are to be strings, with separator between them; to be freed.
 * NULL when they are not. */
static char *join(struct reader *reader, const struct json_value *array, const char *separator)
{
	struct json_reader elements;
	char *joined = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&joined, &size);
	bool right = true;
	unsigned n = 0;

	if (!out) {
		reader->problems->no_memory = true;
		return NULL;
	}
	json_begin(&elements, array->text, array->len);
	while (json_element(&elements, &n)) {
		struct json_value element;
		char *text;

		if (!json_take(&elements, &element) || element.type != JSON_STRING) {
			right = false;
			break;
		}
		text = text_of(reader, &element);
		fprintf(out, "%s%s", n > 1 ? separator : "", text ? text : "");
		free(text);
	}
	if (fclose(out) != 0) {
		reader->problems->no_memory = true;
		right = false;
	}
	if (!right) {
		free(joined);
		return NULL;
	}
	return joined;
}

/* What INI would have behind the equals sign, to be freed; NULL after it was told why not. */
static char *value_text(struct reader *reader, const struct section *section, const char *key,
	const struct json_value *value, const struct config_place *place)
{
	const char *separator = list_separator(section, key);
	char *joined;

	switch (value->type) {
	case JSON_OBJECT:
		config_error(reader->problems, place,
			"this is an object; write a string, a number, true or false");
		return NULL;
	case JSON_ARRAY:
		joined = separator ? join(reader, value, separator) : NULL;
		if (!joined) {
			config_error(reader->problems, place, "%s",
				separator ? "the elements of this array are to be strings"
					  : "this is an array, but the key takes one value");
		}
		return joined;
	case JSON_WORD:
		if (*value->text == 'n') {
			config_error(reader->problems, place,
				"null is no value; write one, or leave the member out");
			return NULL;
		}
		if (!is_switch(section, key)) {
			config_error(reader->problems, place,
				"this is neither true nor false; write a string in double quotes");
			return NULL;
		}
		break;
	case JSON_STRING:
	case JSON_NUMBER:
		break;
	}
	return text_of(reader, value);
}

static void read_key(struct reader *reader, const struct section *section,
	const struct json_value *name, const struct json_value *value)
{
	char *key = text_of(reader, name);
	const struct config_place place = {
		.line = line_of(reader, name), .section = section->name, .key = key};
	char *text = key ? value_text(reader, section, key, value, &place) : NULL;

	if (text) {
		add(reader, place.line, section, key, text);
		explicit_bzero(text, strlen(text));
	}
	free(text);
	free(key);
}

/* Takes a value that nobody can make anything of. */
static void skip_value(struct reader *reader)
{
	struct json_value value;

	if (!json_take(&reader->json, &value)) {
		stop_at_value(reader);
	}
}

static void tell_no_object(struct reader *reader, unsigned line, const char *section)
{
	const struct config_place place = {.line = line, .section = section};

	config_error(reader->problems, &place, "this is to be an object: {\"KEY\": VALUE, …}");
	skip_value(reader);
}

/* Reads the keys of a section, whose value comes next. */
static void read_section(struct reader *reader, unsigned line, const struct section *section)
{
	struct json_value name, value;
	bool first = true;

	if (!enter(reader)) {
		tell_no_object(reader, line, section->name);
		return;
	}
	add(reader, line, section, NULL, NULL);
	while (next_member(reader, &first, &name)) {
		if (!json_take(&reader->json, &value)) {
			stop_at_value(reader);
			return;
		}
		read_key(reader, section, &name, &value);
	}
}

static void read_profile(struct reader *reader, const struct json_value *name)
{
	struct section section = {.kind = CONFIG_PROFILE_SECTION};
	const struct config_place place = {
		.line = line_of(reader, name), .section = CONFIG_PROFILE_SECTION};
	char *text = text_of(reader, name);
	char *heading = NULL;

	if (!text || asprintf(&heading, CONFIG_PROFILE_SECTION " %s", text) < 0) {
		reader->problems->no_memory = true;
		heading = NULL;
	}
	section.name = heading;
	if (!heading) {
		skip_value(reader);
	} else if (*text == ' ' || *text == '\t') {
		config_error(reader->problems, &place, "a profile's name begins with no blank");
		skip_value(reader);
	} else {
		read_section(reader, place.line, &section);
	}
	free(text);
	free(heading);
}

static void read_profiles(struct reader *reader, unsigned line)
{
	struct json_value name;
	bool first = true;

	if (!enter(reader)) {
		tell_no_object(reader, line, CONFIG_PROFILE_SECTION);
		return;
	}
	while (next_member(reader, &first, &name)) {
		read_profile(reader, &name);
	}
}

static void read_top(struct reader *reader, const struct json_value *name)
{
	const char *blank = CONFIG_PROFILE_SECTION " ";
	char *text = text_of(reader, name);
	const struct section section = {.name = text, .kind = text};
	const struct config_place place = {.line = line_of(reader, name), .section = text};

	if (!text) {
		skip_value(reader);
	} else if (strncmp(text, blank, strlen(blank)) == 0) {
		config_error(reader->problems, &place,
			"in JSON a profile is written \"profile\": {\"NAME\": {…}}");
		skip_value(reader);
	} else if (strcmp(text, CONFIG_PROFILE_SECTION) == 0) {
		read_profiles(reader, place.line);
	} else {
		read_section(reader, place.line, &section);
	}
	free(text);
}

void config_json_read(
	char *text, size_t len, struct config_problems *problems, struct config_entries *entries)
{
	struct reader reader = {.line = 1,
		.counted = (const unsigned char *)text,
		.problems = problems,
		.entries = entries};
	struct json_value name;
	bool first = true;

	json_begin(&reader.json, text, len);
	enter(&reader);
	while (next_member(&reader, &first, &name)) {
		read_top(&reader, &name);
	}
	reader.json.duplicate = false; /* within a value that was told to be wrong */
	if (reader.json.status == JSON_OK && json_end(&reader.json) != JSON_OK) {
		stop(&reader, "something stands behind the closing brace");
	}
}
