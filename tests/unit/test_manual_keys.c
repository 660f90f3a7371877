#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config.h"
#include "unit.h"

enum { MANUAL_SIZE_MAX = 256 * 1024 };

static char manual[MANUAL_SIZE_MAX];

static void read_manual(void)
{
	FILE *file = fopen(CONFIG_MANUAL, "re");
	size_t len;

	ck_assert_ptr_nonnull(file);
	len = fread(manual, 1, sizeof(manual) - 1, file);
	ck_assert(feof(file));
	manual[len] = '\0';
	fclose(file);
}

/* What stands between start and the next of end, to be freed; NULL when start is nowhere. */
static char *part(const char *text, const char *start, const char *end)
{
	const char *from = strstr(text, start);
	const char *to;

	if (!from) {
		return NULL;
	}
	from += strlen(start);
	to = strstr(from, end);
	return to ? strndup(from, (size_t)(to - from)) : strdup(from);
}

/* The part of the manual about a section; "" when it has none. */
static char *section_part(const char *section)
{
	char heading[64];
	char *text;

	snprintf(heading, sizeof(heading), "\n## [%s%s]\n", section,
		strcmp(section, "profile") == 0 ? " NAME" : "");
	text = part(manual, heading, "\n#");
	return text ? text : strdup("");
}

/* What stands below a key in the part of its section, up to the next empty line. Keys that belong
 * together share it. */
static char *key_part(const char *section, const struct config_key *key)
{
	char head[128];
	char *text;

	snprintf(head, sizeof(head), "\n*%s*%s%s%s", key->name, key->fallback ? " = _" : "",
		key->fallback ? key->fallback : "", key->fallback ? "_" : "");
	text = part(section, head, "\n\n");
	/* A default stands at the end of the line, and so does the name where there is none. */
	if (text && *text != '\n' && strncmp(text, "++\n", strlen("++\n")) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

START_TEST(each_key_stands_in_the_manual_with_its_default)
{
	read_manual();
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];
		char *section = section_part(key->section);
		char *text = key_part(section, key);

		ck_assert_msg(text, "[%s] %s = %s is not in the manual", key->section, key->name,
			key->fallback ? key->fallback : "");
		if (key->in_profile) {
			char name[128];

			snprintf(name, sizeof(name), "*%s*", key->in_profile);
			ck_assert_msg(strstr(text, "profile:"),
				"[%s] %s: the manual does not say that it may stand in a profile",
				key->section, key->name);
			ck_assert_msg(strstr(text, name), "[%s] %s: the manual does not name %s",
				key->section, key->name, key->in_profile);
		}
		free(text);
		free(section);
	}
}
END_TEST

static bool is_key(const char *section, const char *name, size_t len)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		if (strcmp(config_keys[i].section, section) == 0 &&
			strlen(config_keys[i].name) == len &&
			memcmp(config_keys[i].name, name, len) == 0) {
			return true;
		}
	}
	return false;
}

START_TEST(each_key_of_the_manual_is_known)
{
	read_manual();
	for (size_t i = 0; i < config_n_keys; i++) {
		char *section = section_part(config_keys[i].section);

		for (const char *at = strstr(section, "\n*"); at; at = strstr(at, "\n*")) {
			size_t len;

			at += strlen("\n*");
			len = strcspn(at, "*");
			ck_assert_msg(is_key(config_keys[i].section, at, len),
				"[%s] %.*s stands in the manual alone", config_keys[i].section,
				(int)len, at);
		}
		free(section);
	}
}
END_TEST

static void tell(void *context, enum log_level level, const char *text)
{
	ck_assert_msg(level != LOG_LEVEL_ERROR, "%s", text);
}

/* Secrets, users and groups of the examples are not here: those are warnings. */
START_TEST(examples_of_the_manual_are_right)
{
	const struct config_environment nothing = {0};
	const char *at;
	int examples = 0;

	read_manual();
	for (at = strstr(manual, "```\n"); at; at = strstr(at + 1, "```\n")) {
		char *text = part(at, "```\n", "```");
		struct config *config = NULL;

		if (*text != '[' && *text != '{') {
			free(text);
			continue;
		}
		ck_assert_int_eq(config_parse("/nonexistent/gctokend.conf", text, strlen(text),
					 &nothing, tell, NULL, &config),
			0);
		ck_assert_uint_ge(config->n_profiles, 1);
		config_free(config);
		free(text);
		examples++;
	}
	ck_assert_int_ge(examples, 5);
}
END_TEST

UNIT_MAIN("manual_keys", each_key_stands_in_the_manual_with_its_default,
	each_key_of_the_manual_is_known, examples_of_the_manual_are_right)
