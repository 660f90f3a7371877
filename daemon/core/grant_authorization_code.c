#include "code.h"
#include "encode.h"
#include "grant.h"
#include "secret.h"

/* RFC 6749 section 4.1.3; with a verifier RFC 7636 section 4.5 too. */
static void fill(
	const struct settings *settings, const struct grant_input *input, struct form *form)
{
	if (input->refresh_token) {
		grant_fill_refresh(settings, input, form);
		return;
	}
	form_add(form, "grant_type", "authorization_code");
	form_add(form, "code", secret_reveal(input->code->code));
	form_add(form, "redirect_uri", input->code->redirect_uri);
	form_add(form, "code_verifier",
		input->code->verifier ? secret_reveal(input->code->verifier) : NULL);
	form_add(form, "resource", settings->resource);
}

const struct grant grant_authorization_code = {
	.name = "authorization_code",
	.parts = GRANT_CODE | GRANT_SESSION,
	.fill = fill,
};
