/*
 * Makes the settings of one profile out of the values that apply to it: URLs composed, credentials
 * read, rules parsed. It does not know the syntax that they were written in.
 */
#pragma once

struct config_environment;
struct config_values;
struct settings;

/*
 * The settings of a profile, to be freed. environment holds the credentials of a profile that no
 * file has, else it is NULL. What is wrong is told to values->problems, and the settings are then
 * not to be used; NULL when there is no memory.
 */
struct settings *config_profile_read(const struct config_values *values, const char *name,
	const struct config_environment *environment);

/* Tells what is wrong with the values that are meant for all profiles. */
void config_profile_check_common(const struct config_values *values);
