#include "config_keys.h"

#include <string.h>

#include "core/nearest.h"

const struct config_key config_keys[] = {
#define X(symbol, section, name, in_profile, fallback, supported) \
	[CONFIG_KEY_##symbol] = {section, name, in_profile, fallback, supported},
	CONFIG_KEYS(X)
#undef X
};

const size_t config_n_keys = CONFIG_KEY_COUNT;

bool config_keys_has_section(const char *section)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		if (strcmp(config_keys[i].section, section) == 0) {
			return true;
		}
	}
	return false;
}

/* The key's name in that section, or NULL where it may not stand there. */
static const char *name_in(const struct config_key *key, const char *section)
{
	if (strcmp(key->section, section) == 0) {
		return key->name;
	}
	return strcmp(section, CONFIG_PROFILE_SECTION) == 0 ? key->in_profile : NULL;
}

bool config_keys_find(const char *section, const char *name, enum config_key_number *ret_key)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		const char *known = name_in(&config_keys[i], section);

		if (known && strcmp(known, name) == 0) {
			*ret_key = (enum config_key_number)i;
			return true;
		}
	}
	return false;
}

const char *config_keys_nearest_section(const char *written)
{
	struct nearest nearest;

	nearest_init(&nearest, written);
	for (size_t i = 0; i < config_n_keys; i++) {
		nearest_offer(&nearest, config_keys[i].section);
	}
	return nearest.best;
}

const char *config_keys_nearest(const char *section, const char *written)
{
	struct nearest nearest;

	nearest_init(&nearest, written);
	for (size_t i = 0; i < config_n_keys; i++) {
		const char *known = name_in(&config_keys[i], section);

		if (known) {
			nearest_offer(&nearest, known);
		}
	}
	return nearest.best;
}

const struct config_key *config_keys_elsewhere(const char *section, const char *name)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		if (strcmp(config_keys[i].section, section) != 0 &&
			strcmp(config_keys[i].name, name) == 0) {
			return &config_keys[i];
		}
	}
	return NULL;
}
