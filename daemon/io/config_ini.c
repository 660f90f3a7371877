/*
 * The text is given to libini_config one section at a time. Of a whole file it would drop all that
 * is right together with the first line that is wrong, join sections whose names differ in the case
 * of letters alone, and take seconds for thousands of sections.
 */
#include "config_ini.h"

#include <errno.h>
#include <ini_configobj.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config_entries.h"
#include "config_problems.h"

/* One section's lines, with its heading; those before the first heading are one too. */
struct part {
	char *text;
	size_t len;
	unsigned line; /* of the first */
	bool headed;   /* begins with a heading that is right */
	struct config_problems *problems;
	struct config_entries *entries;
};

static size_t line_length(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	return end ? (size_t)(end - text) + 1 : len;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void tell(const struct part *part, unsigned line, const char *why)
{
	const struct config_place place = {.line = line};

	config_error(part->problems, &place, "%s", why);
}

/* Makes a comment of a line and of those that continue it; the numbers of the others stay. */
static void drop_line(struct part *part, unsigned line)
{
	size_t at = 0;

	for (unsigned i = part->line; at < part->len; i++) {
		size_t n = line_length(part->text + at, part->len - at);

		if (i > line && !is_blank(part->text[at])) {
			return;
		}
		if (i >= line) {
			memset(part->text + at, '#', part->text[at + n - 1] == '\n' ? n - 1 : n);
		}
		if (i == line && line == part->line) {
			part->headed = false;
		}
		at += n;
	}
}

/* libini refuses the whole text without a line for a name with such a byte. */
static bool has_bad_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len && text[i] != '='; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && !is_blank(text[i])) || c >= 0x7f || c == '!') {
			return true;
		}
	}
	return false;
}

static void check_names(struct part *part)
{
	unsigned line = part->line;

	for (size_t at = 0; at < part->len; line++) {
		const char *text = part->text + at;
		size_t n = line_length(text, part->len - at);

		if (!is_blank(*text) && *text != ';' && *text != '#' && has_bad_name(text, n)) {
			tell(part, line,
				"a name may hold printable ASCII characters alone, and no \"!\"");
			drop_line(part, line);
		}
		at += n;
	}
}

static const char *explain(int code)
{
	switch (code) {
	case ERR_NOCLOSESEC:
		return "the closing bracket is missing; write [SECTION] and nothing behind it";
	case ERR_NOSECTION:
		return "there is no name between the brackets";
	case ERR_SECTIONLONG:
		return "the name of the section is too long";
	case ERR_NOEQUAL:
		return "the equals sign is missing; write KEY = VALUE, and # in front of a comment";
	case ERR_NOKEY:
		return "there is no key before the equals sign";
	case ERR_LONGKEY:
		return "the name of the key is too long";
	case ERR_SPACE:
	case ERR_TAB:
		return "a line that begins with a blank continues the value above it, and there is "
		       "none here";
	default:
		return "this line is not understood";
	}
}

/* Tells what libini found and takes those lines out. */
static void tell_errors(struct part *part, struct ini_cfgobj *ini)
{
	unsigned first = part->line;
	char **errors;

	if (ini_config_error_count(ini) == 0 || ini_config_get_errors(ini, &errors) != 0) {
		return;
	}
	for (char **error = errors; *error; error++) {
		int code = 0;
		unsigned line = 1;

		/* NOLINTNEXTLINE(cert-err34-c): the numbers are libini's own. */
		sscanf(*error, "Error (%d) on line %u", &code, &line);
		tell(part, first + line - 1, explain(code));
		drop_line(part, first + line - 1);
	}
	ini_config_free_errors(errors);
}

/* Returns what was made of the part, or NULL when there is no memory. */
static struct ini_cfgobj *parse(const struct part *part, bool *ret_right)
{
	struct ini_cfgfile *file = NULL;
	struct ini_cfgobj *ini = NULL;

	if (ini_config_create(&ini) != 0) {
		return NULL;
	}
	if (ini_config_file_from_mem(part->text, (uint32_t)part->len, &file) != 0) {
		ini_config_destroy(ini);
		return NULL;
	}
	*ret_right = ini_config_parse(file, INI_STOP_ON_NONE, INI_MV1S_ALLOW,
			     INI_PARSE_NO_C_COMMENTS, ini) == 0;
	ini_config_file_destroy(file);
	return ini;
}

/*
 * The value of names[i]. libini finds a name in any case of letters, so that the values of all
 * those that it takes for the same come one after the other.
 */
static struct value_obj *find_value(
	struct ini_cfgobj *ini, const char *section, char **names, int i)
{
	struct value_obj *value = NULL;
	int mode = INI_GET_FIRST_VALUE;

	for (int j = 0; j <= i; j++) {
		if (strcasecmp(names[j], names[i]) == 0) {
			value = NULL;
			if (ini_get_config_valueobj(section, names[i], ini, mode, &value) != 0) {
				return NULL;
			}
			mode = INI_GET_NEXT_VALUE;
		}
	}
	return value;
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*text)[*len - 1])) {
		(*len)--;
	}
}

static bool copy_key(
	const struct part *part, struct ini_cfgobj *ini, const char *section, char **names, int i)
{
	struct value_obj *value = find_value(ini, section, names, i);
	const char *text = NULL;
	uint32_t line = 1;
	size_t len;

	if (!value || value_get_line(value, &line) != 0 ||
		value_get_concatenated(value, &text) != 0) {
		return false;
	}
	len = strlen(text);
	trim(&text, &len);
	return config_entries_add(
		part->entries, part->line + line - 1, section, names[i], text, len);
}

static bool copy_keys(const struct part *part, struct ini_cfgobj *ini, const char *section)
{
	int n = 0;
	char **names = ini_get_attribute_list(ini, section, &n, NULL);
	bool done = true;

	if (n > CONFIG_INI_KEYS_MAX) {
		tell(part, part->line, "there are too many keys in this section");
		n = 0;
	}
	for (int i = 0; i < n && done; i++) {
		done = copy_key(part, ini, section, names, i);
	}
	ini_free_attribute_list(names);
	return done;
}

/* Adds what libini made of the part; false when there is no memory. */
static bool copy_entries(const struct part *part, struct ini_cfgobj *ini)
{
	int n = 0;
	char **sections = ini_get_section_list(ini, &n, NULL);
	bool done = true;

	/* Under a heading that is wrong nobody knows what the keys mean. */
	if (n > 0 && part->headed) {
		done = config_entries_add(part->entries, part->line, sections[0], NULL, NULL, 0) &&
		       copy_keys(part, ini, sections[0]);
	}
	ini_free_section_list(sections);
	return done;
}

static void read_part(struct part *part)
{
	bool right = false;
	struct ini_cfgobj *ini;

	check_names(part);
	ini = parse(part, &right);
	if (ini && !right) {
		tell_errors(part, ini);
		ini_config_destroy(ini);
		ini = parse(part, &right);
	}
	if (!ini) {
		part->problems->no_memory = true;
		return;
	}
	if (!right) {
		tell(part, part->line, "this section is not understood");
	} else if (!copy_entries(part, ini)) {
		part->problems->no_memory = true;
	}
	ini_config_destroy(ini);
}

/* What stands before the first heading belongs nowhere. */
static void check_preamble(const struct part *part)
{
	unsigned line = part->line;

	for (size_t at = 0; at < part->len; line++) {
		const char *text = part->text + at;
		size_t n = line_length(text, part->len - at);

		if (!is_blank(*text) && *text != ';' && *text != '#') {
			tell(part, line, "this line stands before the first [SECTION]");
		}
		at += n;
	}
}

void config_ini_read(
	char *text, size_t len, struct config_problems *problems, struct config_entries *entries)
{
	struct part part = {.line = 1, .problems = problems, .entries = entries};

	while (len > 0) {
		unsigned lines = 0;

		part.text = text;
		part.len = 0;
		part.headed = *text == '[';
		do {
			part.len += line_length(text + part.len, len - part.len);
			lines++;
		} while (part.len < len && text[part.len] != '[');
		/* libini's time grows with the square of them. */
		if (lines > CONFIG_INI_LINES_MAX) {
			tell(&part, part.line, "there are too many lines in this section");
		} else if (part.headed) {
			read_part(&part);
		} else {
			check_preamble(&part);
		}
		text += part.len;
		len -= part.len;
		part.line += lines;
	}
}
