#include "config_choice.h"

#include <stdio.h>
#include <string.h>

#include "config_values.h"
#include "core/nearest.h"

enum { LIST_SIZE = 512 /* bytes of a list of names */ };

static int find(const char *text, const char *const *names)
{
	for (int i = 0; names && names[i]; i++) {
		if (strcmp(names[i], text) == 0) {
			return i;
		}
	}
	return -1;
}

static void offer(struct nearest *nearest, const char *const *names)
{
	for (; names && *names; names++) {
		nearest_offer(nearest, *names);
	}
}

void config_choice_list(char *text, size_t size, const char *const *names)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; names[i] && len < size; i++) {
		const char *gap = i == 0 ? "" : names[i + 1] ? ", " : " or ";

		len += (size_t)snprintf(text + len, size - len, "%s%s", gap, names[i]);
	}
}

int config_choice_read(const struct config_values *values, enum config_key_number key,
	const struct config_choice *choice)
{
	const char *text = config_values_text(values, key);
	int found = find(text, choice->names);
	char list[LIST_SIZE];
	struct nearest nearest;

	if (found >= 0) {
		return found;
	}
	config_choice_list(list, sizeof(list), choice->names);
	if (find(text, choice->later) >= 0) {
		config_values_error(values, key,
			"%s is not yet supported by this version; write %s", text, list);
		return -1;
	}
	nearest_init(&nearest, text);
	offer(&nearest, choice->names);
	offer(&nearest, choice->later);
	if (nearest.best) {
		config_values_error(values, key, "this is not known; did you mean %s? Write %s",
			nearest.best, list);
	} else {
		config_values_error(values, key, "this is not known; write %s", list);
	}
	return -1;
}
