/*
 * The entries that apply to one profile, or to the daemon, by key: read as booleans, numbers, paths
 * and rules, with the defaults filled in. What is wrong with one is told. It does not know what the
 * values are for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config_keys.h"
#include "config_problems.h"

struct access_rules;
struct config_entry;
struct config_environment;
struct tls;

/* All borrowed. */
struct config_values {
	struct config_problems *problems;
	const struct config_entry *entries[CONFIG_KEY_COUNT]; /* NULL: absent */
	const char *section;                /* the profile's heading; NULL: not in a profile */
	const struct config_source *source; /* where that heading stands */
	unsigned line;
	bool insecure_http;
	const struct config_environment *environment;
	struct tls *tls; /* reads each file of authorities once, however many profiles name it */
};

/* Where the key stands, or would have to stand. */
struct config_place config_values_place(
	const struct config_values *values, enum config_key_number key);

/* Tells what is wrong with the key. */
#define config_values_error(values, key, ...) \
	config_error((values)->problems,      \
		(struct config_place[]){config_values_place(values, key)}, __VA_ARGS__)
#define config_values_warning(values, key, ...) \
	config_warning((values)->problems,      \
		(struct config_place[]){config_values_place(values, key)}, __VA_ARGS__)

/* Tells why where error is -EINVAL, remembers that memory ran out where it is -ENOMEM; whether it
 * is 0. */
bool config_values_judge(
	const struct config_values *values, enum config_key_number key, int error, const char *why);

/* The value, or the default, or NULL. */
const char *config_values_text(const struct config_values *values, enum config_key_number key);

/* A copy of it to be freed; NULL when there is none, or no memory. */
char *config_values_copy(const struct config_values *values, enum config_key_number key);

/* Whether it stands in this profile, and is not taken from a section for all. */
bool config_values_own(const struct config_values *values, enum config_key_number key);

/* true, false, yes, no, on, off, 1, 0; false when it is none of them. */
bool config_values_bool(const struct config_values *values, enum config_key_number key);

/* A whole number in decimal. unit ("seconds") may be NULL. min when it is wrong. */
int64_t config_values_number(const struct config_values *values, enum config_key_number key,
	int64_t min, int64_t max, const char *unit);

/* A path, to be freed; a relative one is taken from the directory of the file that it stands in. */
char *config_values_path(const struct config_values *values, enum config_key_number key);

/* The absolute path of a Unix socket, to be freed. */
char *config_values_socket(const struct config_values *values, enum config_key_number key);

/* The rules of an allow, to be freed; users and groups are looked up. */
struct access_rules *config_values_allow(
	const struct config_values *values, enum config_key_number key);

/* Whether text is one of the words for true or false, and which. */
bool config_values_parse_bool(const char *text, bool *ret_value);

/* strdup() that remembers that memory ran out; NULL stays NULL. */
char *config_values_strdup(const struct config_values *values, const char *text);
