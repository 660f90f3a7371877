#include "config_entries.h"

#include <stdlib.h>
#include <string.h>

static void entry_done(struct config_entry *entry)
{
	if (entry->value) {
		explicit_bzero(entry->value, strlen(entry->value));
	}
	free(entry->section);
	free(entry->key);
	free(entry->value);
}

struct config_place config_entry_place(const struct config_entry *entry)
{
	return (struct config_place){
		.source = entry->source,
		.line = entry->line,
		.section = entry->section,
		.key = entry->key,
		.outside = entry->source == NULL,
	};
}

bool config_entries_add(struct config_entries *entries, unsigned line, const char *section,
	const char *key, const char *value, size_t value_len)
{
	struct config_entry entry = {
		.section = strdup(section),
		.key = key ? strdup(key) : NULL,
		.value = value ? strndup(value, value_len) : NULL,
		.line = line,
		.source = entries->source,
	};

	if (entries->n == entries->capacity) {
		size_t capacity = entries->capacity ? 2 * entries->capacity : 64;
		struct config_entry *list = reallocarray(entries->list, capacity, sizeof(*list));

		if (!list) {
			entry_done(&entry);
			return false;
		}
		entries->list = list;
		entries->capacity = capacity;
	}
	if (!entry.section || (key && !entry.key) || (value && !entry.value)) {
		entry_done(&entry);
		return false;
	}
	entries->list[entries->n++] = entry;
	return true;
}

void config_entries_done(struct config_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		entry_done(&entries->list[i]);
	}
	free(entries->list);
	*entries = (struct config_entries){0};
}
