/*
 * The key of the state: from a systemd credential, else from a file in the state directory, which
 * it makes once. It does not know what is encrypted with it.
 */
#pragma once

#include "state_why.h"

struct secret;
struct state_directory;

#define STATE_KEY_CREDENTIAL "gctokend.state-key"

/* Returns 0 and *ret_key, or a negative errno with a text. It never makes another key where one is
 * there that cannot be read (an error of its own), or where records are but no key (-ENOKEY). */
int state_key_get(const char *path, const struct state_directory *directory,
	struct secret **ret_key, char why[STATE_WHY_SIZE]);
