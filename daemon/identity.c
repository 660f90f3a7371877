#include "identity.h"

#include <string.h>

#include "core/grant.h"
#include "core/settings.h"

/* The grant's name goes first. */
enum { TEXTS = 1 + SETTINGS_IDENTITY };

static void take_texts(const struct settings *settings, const char *texts[TEXTS])
{
	texts[0] = settings->grant->name;
	settings_identity(settings, texts + 1);
}

cJSON *identity_write(const struct settings *settings)
{
	const char *texts[TEXTS];
	cJSON *array = cJSON_CreateArray();

	take_texts(settings, texts);
	for (int i = 0; i < TEXTS; i++) {
		cJSON_AddItemToArray(
			array, texts[i] ? cJSON_CreateString(texts[i]) : cJSON_CreateNull());
	}
	return array;
}

bool identity_is(const cJSON *array, const struct settings *settings)
{
	const char *texts[TEXTS];

	take_texts(settings, texts);
	for (int i = 0; i < TEXTS; i++) {
		const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(array, i));

		if (text ? !texts[i] || strcmp(text, texts[i]) != 0 : texts[i] != NULL) {
			return false;
		}
	}
	return array != NULL;
}
