#include "config_sections.h"

#include <stdlib.h>
#include <string.h>

#include "config_entries.h"
#include "core/settings.h"
#include "tls.h"

struct reader {
	struct config_sections *sections;
	struct config_problems *problems;
	const struct config_source *told_readers; /* the last file that others can read */
	bool told_gateway_password, told_too_many;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The name behind "profile", "" when there is none; NULL in another section. */
static const char *profile_name(const char *section)
{
	size_t len = strlen(CONFIG_PROFILE_SECTION);

	if (strncmp(section, CONFIG_PROFILE_SECTION, len) != 0 ||
		(section[len] != '\0' && !is_blank(section[len]))) {
		return NULL;
	}
	section += len;
	while (is_blank(*section)) {
		section++;
	}
	return section;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_profile_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > SETTINGS_NAME_MAX || !is_alphanumeric(*name)) {
		return false;
	}
	for (; *name; name++) {
		if (!is_alphanumeric(*name) && !strchr("._-", *name)) {
			return false;
		}
	}
	return true;
}

static void tell_unknown_section(struct reader *reader, const struct config_entry *heading)
{
	const struct config_place place = config_entry_place(heading);
	size_t word = strcspn(heading->section, " \t");
	char *first = strndup(heading->section, word);
	const char *nearest = first ? config_keys_nearest_section(first) : NULL;

	if (!first) {
		reader->problems->no_memory = true;
	} else if (!nearest) {
		config_error(reader->problems, &place, "there is no such section");
	} else if (strcmp(nearest, CONFIG_PROFILE_SECTION) == 0) {
		config_error(reader->problems, &place,
			"there is no such section; did you mean [profile NAME]?");
	} else {
		config_error(reader->problems, &place,
			"there is no such section; did you mean [%s]?", nearest);
	}
	free(first);
}

static struct config_section *find_section(
	struct config_sections *sections, const char *section, const char *profile)
{
	for (size_t i = 0; i < sections->n; i++) {
		struct config_section *known = &sections->list[i];

		if (profile ? known->profile && strcmp(known->profile, profile) == 0
			    : strcmp(known->heading->section, section) == 0) {
			return known;
		}
	}
	return NULL;
}

/* Whether the heading may open a section; else it was told why not. */
static bool check_heading(
	struct reader *reader, const struct config_entry *heading, const char *profile)
{
	const struct config_place place = config_entry_place(heading);
	const struct config_section *first;

	if (profile && !is_profile_name(profile)) {
		config_error(reader->problems, &place,
			"write [profile NAME]; a name has 1 to %d letters, digits, \".\", \"_\" "
			"and "
			"\"-\", and begins with a letter or digit",
			SETTINGS_NAME_MAX);
		return false;
	}
	if (!profile && !config_keys_has_section(heading->section)) {
		tell_unknown_section(reader, heading);
		return false;
	}
	first = find_section(reader->sections, heading->section, profile);
	if (first && first->latest->source == heading->source) {
		config_error(reader->problems, &place,
			"this section stands twice; put its keys under line %u, where it began",
			first->latest->line);
		return false;
	}
	if (!first && profile && reader->sections->n_profiles == CONFIG_PROFILES_MAX) {
		if (!reader->told_too_many) {
			config_error(reader->problems, &place, "there are more than %d profiles",
				CONFIG_PROFILES_MAX);
		}
		reader->told_too_many = true;
		return false;
	}
	return true;
}

/* The section that heading opens, or NULL. */
static struct config_section *open_section(
	struct reader *reader, const struct config_entry *heading)
{
	struct config_sections *sections = reader->sections;
	const char *profile = profile_name(heading->section);
	struct config_section *section;

	if (!check_heading(reader, heading, profile)) {
		return NULL;
	}
	section = find_section(sections, heading->section, profile);
	if (section) {
		section->latest = heading;
		return section;
	}
	if (sections->n == sections->capacity) {
		size_t capacity = sections->capacity ? 2 * sections->capacity : 16;
		struct config_section *list = reallocarray(sections->list, capacity, sizeof(*list));

		if (!list) {
			reader->problems->no_memory = true;
			return NULL;
		}
		sections->list = list;
		sections->capacity = capacity;
	}
	section = &sections->list[sections->n++];
	sections->n_profiles += profile != NULL;
	*section = (struct config_section){
		.heading = heading,
		.latest = heading,
		.profile = profile,
		.values = {.problems = reader->problems,
			.environment = sections->common.environment,
			.section = profile ? heading->section : NULL,
			.source = heading->source,
			.line = heading->line},
	};
	return section;
}

static void tell_unknown_key(struct reader *reader, const char *section,
	const struct config_entry *entry, const struct config_place *place)
{
	const char *nearest = config_keys_nearest(section, entry->key);
	const struct config_key *elsewhere = config_keys_elsewhere(section, entry->key);
	bool in_profile = strcmp(section, CONFIG_PROFILE_SECTION) == 0;

	if (elsewhere && in_profile && elsewhere->in_profile) {
		config_error(reader->problems, place,
			"there is no such key; in a profile it is called %s",
			elsewhere->in_profile);
	} else if (elsewhere) {
		config_error(reader->problems, place, "this key stands in [%s%s]",
			elsewhere->section,
			strcmp(elsewhere->section, CONFIG_PROFILE_SECTION) == 0 ? " NAME" : "");
	} else if (nearest) {
		config_error(
			reader->problems, place, "there is no such key; did you mean %s?", nearest);
	} else {
		config_error(reader->problems, place, "there is no such key");
	}
}

static bool is_secret(enum config_key_number key)
{
	enum settings_secret_number secret = config_keys_secret(key);

	return key == CONFIG_KEY_GATEWAY_PASSWORD ||
	       (secret != SETTINGS_SECRETS && secret != SETTINGS_TLS_CERT &&
		       config_secret_keys[secret][CONFIG_SECRET_INLINE] == key);
}

static bool is_quoted(const char *value)
{
	size_t len = strlen(value);

	return len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value;
}

/* What is said of a key whatever its value. */
static void warn(struct reader *reader, enum config_key_number key, const char *value,
	const struct config_place *place)
{
	if ((key == CONFIG_KEY_GATEWAY_USERNAME || key == CONFIG_KEY_GATEWAY_PASSWORD) &&
		!reader->told_gateway_password) {
		config_warning(reader->problems, place,
			"a gateway's username and password are taken, but never sent");
		reader->told_gateway_password = true;
	}
	if (is_quoted(value)) {
		config_warning(reader->problems, place,
			"the quotation marks are taken as a part of the value");
	}
}

/* The SDKs take a key without a value for one that is not there. */
static bool may_be_empty(const char *section)
{
	static const char *const sections[] = {"general", "reauthentication", "logging", "gateway"};

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (strcmp(section, sections[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* Whether the value is to be used; else it was told why not, or says nothing new. */
static bool check_value(struct reader *reader, enum config_key_number key,
	const struct config_entry *entry, const struct config_place *place)
{
	if (is_secret(key) && entry->source->read_by_others &&
		reader->told_readers != entry->source) {
		config_error(reader->problems, place,
			"others can read this file, and so this secret; chmod 0600 the file (or "
			"0640 with the daemon's group), or keep the secret in a file of its own");
		reader->told_readers = entry->source;
	}
	if (*entry->value == '\0' && may_be_empty(entry->section)) {
		return false;
	}
	if (*entry->value == '\0') {
		config_error(reader->problems, place,
			"there is no value; write one, or take the line out");
		return false;
	}
	if (strlen(entry->value) > CONFIG_VALUE_MAX) {
		config_error(reader->problems, place, "the value is longer than %d bytes",
			CONFIG_VALUE_MAX);
		return false;
	}
	warn(reader, key, entry->value, place);
	return true;
}

/* Of the ways to write a secret, the one in a later file goes before another in an earlier one. */
static void replace_ways(struct config_values *values, enum config_key_number key,
	const struct config_source *source)
{
	enum settings_secret_number secret = config_keys_secret(key);

	for (size_t form = 0; secret != SETTINGS_SECRETS && form < CONFIG_SECRET_FORMS; form++) {
		enum config_key_number way = config_secret_keys[secret][form];

		if (way != CONFIG_KEY_COUNT && values->entries[way] &&
			values->entries[way]->source != source) {
			values->entries[way] = NULL;
		}
	}
}

static void add_key(
	struct reader *reader, struct config_section *section, const struct config_entry *entry)
{
	const struct config_place place = config_entry_place(entry);
	const char *kind = section->profile ? CONFIG_PROFILE_SECTION : entry->section;
	const struct config_entry **known;
	enum config_key_number key;

	if (!config_keys_find(kind, entry->key, &key)) {
		tell_unknown_key(reader, kind, entry, &place);
		return;
	}
	known = &section->values.entries[key];
	if (*known && (*known)->source == entry->source) {
		config_error(reader->problems, &place,
			"this key stands twice in its section; the first is on line %u",
			(*known)->line);
		return;
	}
	if (check_value(reader, key, entry, &place)) {
		replace_ways(&section->values, key, entry->source);
		*known = entry;
	}
}

/* Whether one of the keys under which that secret may stand is there. */
static bool has_secret(const struct config_values *values, enum settings_secret_number secret)
{
	for (size_t form = 0; form < CONFIG_SECRET_FORMS; form++) {
		enum config_key_number key = config_secret_keys[secret][form];

		if (key != CONFIG_KEY_COUNT && values->entries[key]) {
			return true;
		}
	}
	return false;
}

/* Fills in what stands outside of the profiles where a profile has nothing of its own; the three
 * ways to write a secret count as one. */
static void inherit(struct config_values *values, const struct config_values *common)
{
	bool own[SETTINGS_SECRETS + 1] = {false};

	for (size_t i = 0; i < SETTINGS_SECRETS; i++) {
		own[i] = has_secret(values, (enum settings_secret_number)i);
	}
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (!values->entries[i] && !own[config_keys_secret((enum config_key_number)i)]) {
			values->entries[i] = common->entries[i];
		}
	}
	values->insecure_http = common->insecure_http;
}

void config_sections_read(struct config_sections *sections, const struct config_entries *entries,
	const struct config_environment *environment, struct config_problems *problems)
{
	struct reader reader = {.sections = sections, .problems = problems};
	struct config_section *section = NULL;

	*sections = (struct config_sections){
		.common = {.problems = problems, .environment = environment, .tls = tls_new()}};
	problems->no_memory |= !sections->common.tls;
	for (size_t i = 0; i < entries->n; i++) {
		const struct config_entry *entry = &entries->list[i];

		if (!entry->key) {
			section = open_section(&reader, entry);
		} else if (section) {
			add_key(&reader, section, entry);
		}
	}
	for (size_t i = 0; i < sections->n; i++) {
		if (!sections->list[i].profile) {
			inherit(&sections->common, &sections->list[i].values);
		}
	}
	sections->common.insecure_http = config_values_bool(
		&sections->common, CONFIG_KEY_INSECURE_HTTP);
	for (size_t i = 0; i < sections->n; i++) {
		if (sections->list[i].profile) {
			inherit(&sections->list[i].values, &sections->common);
			sections->list[i].values.tls = sections->common.tls;
		}
	}
}

void config_sections_done(struct config_sections *sections)
{
	tls_free(sections->common.tls);
	free(sections->list);
	*sections = (struct config_sections){0};
}
