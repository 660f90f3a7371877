#include "identity.h"

#include <string.h>

#include "core/settings.h"

cJSON *identity_write(const struct settings *settings)
{
	const char *texts[SETTINGS_IDENTITY];
	cJSON *array = cJSON_CreateArray();

	settings_identity(settings, texts);
	for (int i = 0; i < SETTINGS_IDENTITY; i++) {
		cJSON_AddItemToArray(
			array, texts[i] ? cJSON_CreateString(texts[i]) : cJSON_CreateNull());
	}
	return array;
}

bool identity_is(const cJSON *array, const struct settings *settings)
{
	const char *texts[SETTINGS_IDENTITY];

	settings_identity(settings, texts);
	for (int i = 0; i < SETTINGS_IDENTITY; i++) {
		const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(array, i));

		if (text ? !texts[i] || strcmp(text, texts[i]) != 0 : texts[i] != NULL) {
			return false;
		}
	}
	return array != NULL;
}
