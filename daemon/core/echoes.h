/*
 * The secrets of a token request in the forms in which a server may say them back: as they are, as
 * in a form, in JSON, in the header. It does not know where they are looked for.
 */
#pragma once

#include <stddef.h>

#include "settings.h"

struct secret;

enum {
	ECHOES_SECRETS_MAX = SETTINGS_SECRETS + 10, /* the settings', grant_input's, new tokens */
	ECHOES_MAX = 3 * ECHOES_SECRETS_MAX + 1,
};

/* To be read by others; the list is of secrets that are borrowed or made here. */
struct echoes {
	const struct secret *list[ECHOES_MAX];
	size_t n;
	struct secret *made[ECHOES_MAX];
	size_t n_made;
};

/* Those of the settings. Where there is no memory for a form of one, it is left out. */
void echoes_init(struct echoes *echoes, const struct settings *settings);

/* One more, borrowed; NULL adds nothing. There is room for ECHOES_SECRETS_MAX with the settings'.
 */
void echoes_add(struct echoes *echoes, const struct secret *secret);

/* Wipes and frees what was made. */
void echoes_done(struct echoes *echoes);

/* Id and secret of the client as HTTP's Basic has them (RFC 6749 section 2.3.1); NULL when there is
 * no memory. */
struct secret *echoes_basic(const struct settings *settings);
