/*
 * Reads what is secret of a profile from its file, and looks whether it can be what it is meant to
 * be. It does not know where the configuration names the file.
 */
#pragma once

#include "core/settings.h"
#include "credential.h"

/* As credential_read(); a file of the wrong kind (raw XML for an assertion, no PEM for a key) is
 * -EINVAL too. */
int config_secret_file_read(enum settings_secret_number number, const char *path,
	struct secret **ret_secret, char why[CREDENTIAL_WHY_MAX]);

/* Whether the secret, which stands in what the text calls place, is of the right kind; else with a
 * text as above. */
bool config_secret_file_check(enum settings_secret_number number, const struct secret *secret,
	const char *place, char why[CREDENTIAL_WHY_MAX]);
