/*
 * A profile's OAuth client: its id, how it authenticates, and what that takes. It does not know the
 * TLS certificates that some clients have instead of a secret.
 */
#pragma once

#include "core/settings.h"

struct config_environment;
struct config_values;

/* Fills in client_id, client_auth and its secrets; after config_grant_read(). environment holds the
 * credentials of a profile that no file has, else it is NULL. What is wrong is told. */
void config_client_read(const struct config_values *values,
	const struct config_environment *environment, struct settings *settings);
