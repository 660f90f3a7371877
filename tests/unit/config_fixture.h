/*
 * Configurations for tests: files in a directory of their own, loaded, and what was told of them.
 * It does not know what the tests look for.
 */
#pragma once

#include <sys/types.h>

#include "io/config.h"

struct settings;

/* A profile that is right; its three lines are the first of a text. */
#define CONFIG_FIXTURE_PROFILE "[profile a]\nclient_id = id\nclient_secret = s3cret\n"

/* Makes an empty directory, and removes it with its files. For each test. */
void config_fixture_set_up(void);
void config_fixture_tear_down(void);

/* The path of name in that directory; valid until the next call. */
const char *config_fixture_path(const char *name);

/* Writes a file there, with that mode; returns its path as above. */
const char *config_fixture_write(const char *name, const char *text, mode_t mode);

/* Loads file; returns what config_load() does. What is told is kept. */
int config_fixture_load(
	const char *file, const struct config_environment *environment, struct config **ret_config);

/* Writes text to a file of mode 0600 and loads it, without an environment. It has to be right. */
struct config *config_fixture_take(const char *text);

/* The same for a text that has to be refused. */
void config_fixture_refuse(const char *text);

/* All that was told at the last load, a line each: "error FILE:1: …", "warning FILE:2: …", where
 * FILE stands for the path. */
const char *config_fixture_told(void);

/* How many lines of it there are. */
int config_fixture_n_told(void);

/* Takes text, and checks that just what is expected was told. */
void config_fixture_check(const char *text, const char *expected);

/* The settings of that profile with more lines, followed by other sections; to be freed. */
struct settings *config_fixture_settings(const char *lines, const char *sections);

/* Checks that the profile with one more line (the text's fourth) is refused, and why. */
void config_fixture_refuse_line(const char *line, const char *why);

/* The settings of the one profile that text has, which has to be right; to be freed. */
struct settings *config_fixture_only(const char *text);
