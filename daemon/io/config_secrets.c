#include "config_secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_entries.h"
#include "config_secret_file.h"
#include "config_values.h"
#include "core/secret.h"

#define PEM_DASHES "-----"

static bool is_written(const struct config_values *values, enum settings_secret_number number,
	enum config_secret_form form)
{
	enum config_key_number key = config_secret_keys[number][form];

	return key != CONFIG_KEY_COUNT && values->entries[key];
}

bool config_secrets_written(const struct config_values *values, enum settings_secret_number number)
{
	return is_written(values, number, CONFIG_SECRET_INLINE) ||
	       is_written(values, number, CONFIG_SECRET_FILE) ||
	       is_written(values, number, CONFIG_SECRET_CREDENTIAL);
}

bool config_secrets_own(const struct config_values *values, enum settings_secret_number number)
{
	for (size_t form = 0; form < CONFIG_SECRET_FORMS; form++) {
		if (is_written(values, number, (enum config_secret_form)form) &&
			config_values_own(values, config_secret_keys[number][form])) {
			return true;
		}
	}
	return false;
}

struct secret *config_secrets_copy(const struct config_values *values, const struct secret *secret)
{
	struct secret *copy = secret_new_locked(secret_reveal(secret), secret_len(secret));

	values->problems->no_memory |= !copy;
	return copy;
}

/*
 * PEM of one line, as INI makes it of lines that continue a value, gets its line breaks back: one
 * in place of the blanks, but for those within -----BEGIN …----- and -----END …-----.
 */
static void break_pem_lines(char *text)
{
	bool in_label = false;
	char *out = text;

	if (strchr(text, '\n')) {
		return;
	}
	for (const char *at = text; *at;) {
		if (strncmp(at, PEM_DASHES, strlen(PEM_DASHES)) == 0) {
			in_label = !in_label;
			memmove(out, at, strlen(PEM_DASHES));
			out += strlen(PEM_DASHES);
			at += strlen(PEM_DASHES);
		} else if (!in_label && (*at == ' ' || *at == '\t')) {
			at += strspn(at, " \t");
			*out++ = '\n';
		} else {
			*out++ = *at++;
		}
	}
	*out = '\0';
}

static bool is_pem(enum settings_secret_number number)
{
	return number == SETTINGS_TLS_CERT || number == SETTINGS_TLS_KEY;
}

static void read_inline(const struct config_values *values, enum settings_secret_number number,
	struct settings_secret *secret)
{
	enum config_key_number key = config_secret_keys[number][CONFIG_SECRET_INLINE];
	char *text = config_values_copy(values, key);
	char why[CREDENTIAL_WHY_MAX];

	if (!text) {
		return;
	}
	if (is_pem(number)) {
		break_pem_lines(text);
	}
	secret->value = secret_new_locked(text, strlen(text));
	explicit_bzero(text, strlen(text));
	free(text);
	if (!secret->value) {
		values->problems->no_memory = true;
	} else if (!config_secret_file_check(number, secret->value, "this", why)) {
		config_values_error(values, key, "%s", why);
	}
}

/* Reads the file; that it cannot be read rejects the profile, and stops nobody else. */
static void read_file(const struct config_values *values, enum settings_secret_number number,
	enum config_key_number key, struct settings_secret *secret, char why[CREDENTIAL_WHY_MAX])
{
	int error = secret->file
			    ? config_secret_file_read(number, secret->file, &secret->value, why)
			    : -ENOENT;

	if (error == -ENOMEM) {
		values->problems->no_memory = true;
	} else if (error < 0) {
		secret->problem = config_values_strdup(values, why);
		config_values_warning(
			values, key, "%s; the profile gets no tokens until this is mended", why);
	}
}

static void read_credential(const struct config_values *values, enum settings_secret_number number,
	struct settings_secret *secret)
{
	enum config_key_number key = config_secret_keys[number][CONFIG_SECRET_CREDENTIAL];
	enum config_key_number file_key = config_secret_keys[number][CONFIG_SECRET_FILE];
	const char *name = config_values_text(values, key);
	char why[CREDENTIAL_WHY_MAX] = "";

	if (strchr(name, '/')) {
		config_values_error(values, key,
			"this is to be the name of a credential; a path is written under %s",
			config_keys[file_key].name);
		return;
	}
	secret->file = credential_path(name, why);
	read_file(values, number, key, secret, why);
}

/* Whether it is written in one way only. */
static bool check_ways(const struct config_values *values, enum settings_secret_number number)
{
	const struct config_entry *found = NULL;

	for (size_t form = 0; form < CONFIG_SECRET_FORMS; form++) {
		enum config_key_number key = config_secret_keys[number][form];

		if (!is_written(values, number, (enum config_secret_form)form)) {
			continue;
		}
		if (found) {
			config_values_error(values, key,
				"there is %s on line %u too; write one of them", found->key,
				found->line);
			return false;
		}
		found = values->entries[key];
	}
	return true;
}

void config_secrets_read(const struct config_values *values, enum settings_secret_number number,
	struct settings *settings)
{
	struct settings_secret *secret = &settings->secrets[number];
	enum config_key_number file_key = config_secret_keys[number][CONFIG_SECRET_FILE];
	char why[CREDENTIAL_WHY_MAX] = "";

	if (!check_ways(values, number)) {
		return;
	}
	if (is_written(values, number, CONFIG_SECRET_INLINE)) {
		read_inline(values, number, secret);
	} else if (is_written(values, number, CONFIG_SECRET_FILE)) {
		secret->file = config_values_path(values, file_key);
		read_file(values, number, file_key, secret, why);
	} else if (is_written(values, number, CONFIG_SECRET_CREDENTIAL)) {
		read_credential(values, number, secret);
	}
}

void config_secrets_require(const struct config_values *values, enum settings_secret_number number,
	struct settings *settings)
{
	const enum config_key_number *keys = config_secret_keys[number];
	bool inlined = keys[CONFIG_SECRET_INLINE] != CONFIG_KEY_COUNT;

	if (config_secrets_written(values, number)) {
		config_secrets_read(values, number, settings);
		return;
	}
	config_values_error(values, inlined ? keys[CONFIG_SECRET_INLINE] : keys[CONFIG_SECRET_FILE],
		"this is missing; write %s (a path)%s %s (a credential of the service)%s%s",
		config_keys[keys[CONFIG_SECRET_FILE]].name, inlined ? "," : " or",
		config_keys[keys[CONFIG_SECRET_CREDENTIAL]].name, inlined ? " or " : "",
		inlined ? config_keys[keys[CONFIG_SECRET_INLINE]].name : "");
}
