#include "encode.h"
#include "grant.h"

/* RFC 6749 section 6. */
static void fill(
	const struct settings *settings, const struct grant_input *input, struct form *form)
{
	grant_fill_refresh(settings, input, form);
	form_add(form, "scope", settings->scope);
}

const struct grant grant_refresh_token = {
	.name = "refresh_token",
	.parts = GRANT_SEED | GRANT_SESSION,
	.fill = fill,
};
