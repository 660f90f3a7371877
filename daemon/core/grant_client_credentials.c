#include "encode.h"
#include "grant.h"
#include "settings.h"

/* RFC 6749 section 4.4.2. */
static void fill(
	const struct settings *settings, const struct grant_input *input, struct form *form)
{
	form_add(form, "grant_type", "client_credentials");
	form_add(form, "scope", settings->scope);
	form_add(form, "audience", settings->audience);
	form_add(form, "resource", settings->resource);
}

const struct grant grant_client_credentials = {
	.name = "client_credentials",
	.fill = fill,
};
