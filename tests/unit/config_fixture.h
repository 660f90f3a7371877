/*
 * Configurations for tests: files in a directory of their own, loaded, and what was told of them.
 * It does not know what the tests look for.
 */
#pragma once

#include <sys/types.h>

#include "io/config.h"

/* Makes an empty directory, and removes it with its files. For each test. */
void config_fixture_set_up(void);
void config_fixture_tear_down(void);

/* The path of name in that directory; valid until the next call. */
const char *config_fixture_path(const char *name);

/* Writes a file there, with that mode; returns its path as above. */
const char *config_fixture_write(const char *name, const char *text, mode_t mode);

/* Loads path; returns what config_load() does. What is told is kept. */
int config_fixture_load(
	const char *path, const struct config_environment *environment, struct config **ret_config);

/* Writes text to a file of mode 0600 and loads it, without an environment. It has to be right. */
struct config *config_fixture_take(const char *text);

/* The same for a text that has to be refused. */
void config_fixture_refuse(const char *text);

/* All that was told at the last load, a line each: "error FILE:1: …", "warning FILE:2: …", where
 * FILE stands for the path. */
const char *config_fixture_told(void);

/* How many lines of it there are. */
int config_fixture_n_told(void);

/* Takes text, and checks that nothing but this was told. */
void config_fixture_check(const char *text, const char *told);
