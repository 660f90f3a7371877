#include "encode.h"
#include "grant.h"
#include "secret.h"

/* RFC 7636 section 4.5, for a public client. */
static void fill(
	const struct settings *settings, const struct grant_input *input, struct form *form)
{
	grant_authorization_code.fill(settings, input, form);
}

const struct grant grant_pkce = {
	.name = "pkce",
	.parts = GRANT_CODE | GRANT_SESSION,
	.client_auth = CLIENT_AUTH_NONE,
	.fill = fill,
};
