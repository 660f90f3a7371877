#include "code.h"

#include <stdlib.h>

#include "secret.h"

struct code *code_new(void)
{
	return calloc(1, sizeof(struct code));
}

void code_free(struct code *code)
{
	if (code) {
		secret_free(code->code);
		secret_free(code->verifier);
		free(code->redirect_uri);
		free(code);
	}
}
