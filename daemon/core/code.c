#include "code.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

/* False when there is no memory. */
static bool take_secret(struct secret **ret, const char *text)
{
	*ret = text ? secret_new(text, strlen(text)) : NULL;
	return *ret || !text;
}

static bool take_text(char **ret, const char *text)
{
	*ret = text ? strdup(text) : NULL;
	return *ret || !text;
}

struct code *code_new(const struct code_texts *texts)
{
	struct code *made = calloc(1, sizeof(*made));

	if (!made) {
		return NULL;
	}
	made->has_max_age = texts->has_max_age;
	made->max_age_s = texts->max_age_s;
	if (!take_secret(&made->code, texts->code) ||
		!take_secret(&made->id_token, texts->id_token) ||
		!take_secret(&made->assertion, texts->assertion) ||
		!take_secret(&made->verifier, texts->verifier) ||
		!take_secret(&made->nonce, texts->nonce) || !take_text(&made->iss, texts->iss) ||
		!take_text(&made->redirect_uri, texts->redirect_uri)) {
		code_free(made);
		return NULL;
	}
	return made;
}

void code_free(struct code *code)
{
	if (code) {
		secret_free(code->code);
		secret_free(code->id_token);
		secret_free(code->assertion);
		secret_free(code->verifier);
		secret_free(code->nonce);
		free(code->iss);
		free(code->redirect_uri);
		free(code);
	}
}
