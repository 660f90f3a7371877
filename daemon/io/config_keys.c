#include "config_keys.h"

#include <string.h>

#include "core/nearest.h"

const struct config_key config_keys[] = {
#define X(symbol, section, name, in_profile, fallback) \
	[CONFIG_KEY_##symbol] = {section, name, in_profile, fallback},
	CONFIG_KEYS(X)
#undef X
};

const size_t config_n_keys = CONFIG_KEY_COUNT;

const enum config_key_number config_secret_keys[SETTINGS_SECRETS][CONFIG_SECRET_FORMS] = {
	[SETTINGS_CLIENT_SECRET] = {CONFIG_KEY_CLIENT_SECRET, CONFIG_KEY_CLIENT_SECRET_FILE,
		CONFIG_KEY_CLIENT_SECRET_CREDENTIAL},
	[SETTINGS_ASSERTION] = {CONFIG_KEY_COUNT, CONFIG_KEY_ASSERTION_FILE,
		CONFIG_KEY_ASSERTION_CREDENTIAL},
	[SETTINGS_REFRESH_TOKEN] = {CONFIG_KEY_COUNT, CONFIG_KEY_REFRESH_TOKEN_FILE,
		CONFIG_KEY_REFRESH_TOKEN_CREDENTIAL},
	[SETTINGS_PRIVATE_KEY] = {CONFIG_KEY_COUNT, CONFIG_KEY_PRIVATE_KEY_FILE,
		CONFIG_KEY_PRIVATE_KEY_CREDENTIAL},
	[SETTINGS_TLS_CERT] = {CONFIG_KEY_TLS_CERT, CONFIG_KEY_TLS_CERT_FILE,
		CONFIG_KEY_TLS_CERT_CREDENTIAL},
	[SETTINGS_TLS_KEY] = {CONFIG_KEY_TLS_KEY, CONFIG_KEY_TLS_KEY_FILE,
		CONFIG_KEY_TLS_KEY_CREDENTIAL},
	[SETTINGS_TLS_PASSPHRASE] = {CONFIG_KEY_TLS_PASSPHRASE, CONFIG_KEY_TLS_PASSPHRASE_FILE,
		CONFIG_KEY_TLS_PASSPHRASE_CREDENTIAL},
	[SETTINGS_PROXY_PASSWORD] = {CONFIG_KEY_PROXY_PASSWORD, CONFIG_KEY_COUNT, CONFIG_KEY_COUNT},
};

enum settings_secret_number config_keys_secret(enum config_key_number key)
{
	for (size_t i = 0; i < SETTINGS_SECRETS; i++) {
		for (size_t form = 0; form < CONFIG_SECRET_FORMS; form++) {
			if (config_secret_keys[i][form] == key) {
				return (enum settings_secret_number)i;
			}
		}
	}
	return SETTINGS_SECRETS;
}

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

const char *config_keys_separator(enum config_key_number key)
{
	switch (key) {
	case CONFIG_KEY_ALLOW:
	case CONFIG_KEY_RELOAD_ALLOW:
	case CONFIG_KEY_PROXY_NO_PROXY:
		return ", ";
	case CONFIG_KEY_SCOPE:
		return " ";
	default:
		return NULL;
	}
}

bool config_keys_is_switch(enum config_key_number key)
{
	const char *fallback = config_keys[key].fallback;

	return fallback && (strcmp(fallback, "true") == 0 || strcmp(fallback, "false") == 0);
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
