#include "code.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

struct code *code_new(const char *code, size_t len, const char *verifier, const char *redirect_uri)
{
	struct code *made = calloc(1, sizeof(*made));

	if (!made) {
		return NULL;
	}
	made->code = secret_new(code, len);
	made->verifier = verifier ? secret_new(verifier, strlen(verifier)) : NULL;
	made->redirect_uri = strdup(redirect_uri);
	if (!made->code || (verifier && !made->verifier) || !made->redirect_uri) {
		code_free(made);
		return NULL;
	}
	return made;
}

struct code *code_assertion(const char *assertion, size_t len)
{
	struct code *made = calloc(1, sizeof(*made));

	if (made && !(made->assertion = secret_new(assertion, len))) {
		code_free(made);
		return NULL;
	}
	return made;
}

void code_free(struct code *code)
{
	if (code) {
		secret_free(code->assertion);
		secret_free(code->code);
		secret_free(code->verifier);
		free(code->redirect_uri);
		free(code);
	}
}
