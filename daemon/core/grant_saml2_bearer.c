#include "code.h"
#include "encode.h"
#include "grant.h"
#include "secret.h"

/* RFC 7522 section 2.1, with Genesys Cloud's orgName. */
static void fill(
	const struct settings *settings, const struct grant_input *input, struct form *form)
{
	const struct secret *assertion = input->code ? input->code->assertion
						     : settings->secrets[SETTINGS_ASSERTION].value;

	form_add(form, "grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer");
	form_add(form, "orgName", settings->org);
	form_add(form, "assertion", secret_reveal(assertion));
	form_add(form, "scope", settings->scope);
	form_add(form, "audience", settings->audience);
	form_add(form, "resource", settings->resource);
}

const struct grant grant_saml2_bearer = {
	.name = "saml2_bearer",
	.parts = GRANT_ASSERTION,
	.fill = fill,
};
