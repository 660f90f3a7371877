#include "config_values.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "config_entries.h"
#include "core/access_parse.h"

struct config_place config_values_place(
	const struct config_values *values, enum config_key_number key)
{
	const struct config_entry *entry = values->entries[key];

	if (entry) {
		return config_entry_place(entry);
	}
	if (!values->section) {
		return (struct config_place){
			.section = config_keys[key].section, .key = config_keys[key].name};
	}
	return (struct config_place){
		.source = values->source,
		.line = values->line,
		.section = values->section,
		.key = config_keys[key].in_profile ? config_keys[key].in_profile
						   : config_keys[key].name,
	};
}

bool config_values_judge(
	const struct config_values *values, enum config_key_number key, int error, const char *why)
{
	if (error == -EINVAL) {
		config_values_error(values, key, "%s", why);
	} else if (error < 0) {
		values->problems->no_memory = true;
	}
	return error == 0;
}

const char *config_values_text(const struct config_values *values, enum config_key_number key)
{
	return values->entries[key] ? values->entries[key]->value : config_keys[key].fallback;
}

char *config_values_strdup(const struct config_values *values, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	values->problems->no_memory |= text && !copy;
	return copy;
}

char *config_values_copy(const struct config_values *values, enum config_key_number key)
{
	return config_values_strdup(values, config_values_text(values, key));
}

bool config_values_own(const struct config_values *values, enum config_key_number key)
{
	const struct config_entry *entry = values->entries[key];

	return entry && entry->section &&
	       strncmp(entry->section, CONFIG_PROFILE_SECTION, strlen(CONFIG_PROFILE_SECTION)) == 0;
}

bool config_values_parse_bool(const char *text, bool *ret_value)
{
	static const char *const words[][2] = {
		{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int value = 0; value < 2; value++) {
			if (strcasecmp(text, words[i][value]) == 0) {
				*ret_value = value;
				return true;
			}
		}
	}
	return false;
}

bool config_values_bool(const struct config_values *values, enum config_key_number key)
{
	struct config_place place = config_values_place(values, key);
	bool value = false;

	if (!config_values_parse_bool(config_values_text(values, key), &value)) {
		config_error(values->problems, &place,
			"this is to be true or false (or yes, no, on, off, 1, 0)");
	}
	return value;
}

static bool parse_number(const char *text, int64_t max, int64_t *ret_number)
{
	int64_t number = 0;

	if (!*text) {
		return false;
	}
	for (; *text; text++) {
		if (*text < '0' || *text > '9') {
			return false;
		}
		number = number * 10 + (*text - '0');
		if (number > max) {
			return false;
		}
	}
	*ret_number = number;
	return true;
}

int64_t config_values_number(const struct config_values *values, enum config_key_number key,
	int64_t min, int64_t max, const char *unit)
{
	struct config_place place = config_values_place(values, key);
	int64_t number;

	if (parse_number(config_values_text(values, key), max, &number) && number >= min) {
		return number;
	}
	config_error(values->problems, &place,
		"this is to be a whole number%s%s from %" PRId64 " to %" PRId64, unit ? " of " : "",
		unit ? unit : "", min, max);
	return min;
}

char *config_values_path(const struct config_values *values, enum config_key_number key)
{
	const struct config_entry *entry = values->entries[key];
	const char *file = entry && entry->source ? entry->source->path : "";
	const char *slash = strrchr(file, '/');
	const char *path = config_values_text(values, key);
	char *joined;

	if (!path || path[0] == '/' || !slash) {
		return config_values_strdup(values, path);
	}
	if (asprintf(&joined, "%.*s/%s", (int)(slash - file), file, path) < 0) {
		values->problems->no_memory = true;
		return NULL;
	}
	return joined;
}

char *config_values_socket(const struct config_values *values, enum config_key_number key)
{
	const size_t size = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	struct config_place place = config_values_place(values, key);
	const char *path = config_values_text(values, key);

	if (!path) {
		return NULL;
	}
	if (path[0] != '/') {
		config_error(values->problems, &place,
			"the path of a socket has to be absolute (begin with /)");
		return NULL;
	}
	if (strlen(path) >= size) {
		config_error(values->problems, &place, "the path of a socket has at most %zu bytes",
			size - 1);
		return NULL;
	}
	return config_values_strdup(values, path);
}

static bool find_user(const char *name, uid_t *ret_uid)
{
	const struct passwd *user = getpwnam(name);

	if (user) {
		*ret_uid = user->pw_uid;
	}
	return user;
}

static bool find_group(const char *name, gid_t *ret_gid)
{
	const struct group *group = getgrnam(name);

	if (group) {
		*ret_gid = group->gr_gid;
	}
	return group;
}

struct allow_context {
	struct config_problems *problems;
	struct config_place place;
};

static void tell_allow(void *context, enum access_problem_kind kind, const char *text)
{
	const struct allow_context *allow = context;

	config_problems_add(allow->problems,
		kind == ACCESS_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, &allow->place, "%s",
		text);
}

struct access_rules *config_values_allow(
	const struct config_values *values, enum config_key_number key)
{
	static const struct access_resolver resolver = {find_user, find_group};
	struct allow_context allow = {values->problems, config_values_place(values, key)};
	const char *text = config_values_text(values, key);
	struct access_rules *rules = NULL;

	if (text && access_parse(text, &resolver, tell_allow, &allow, &rules) == -ENOMEM) {
		values->problems->no_memory = true;
	}
	return rules;
}
