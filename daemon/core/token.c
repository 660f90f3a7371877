#include "token.h"

#include <stdlib.h>

#include "schedule.h"
#include "secret.h"

enum { MIN_VALIDITY_PERCENT_MAX = 75 /* of the lifetime */ };

struct token *token_new(struct secret *value, int64_t sent_ms, int64_t lifetime_ms)
{
	struct token *token = calloc(1, sizeof(*token));

	if (!token) {
		secret_free(value);
		return NULL;
	}
	token->value = value;
	token->sent_ms = sent_ms;
	token->lifetime_ms = lifetime_ms;
	return token;
}

void token_free(struct token *token)
{
	if (token) {
		token_unrender(token);
		secret_free(token->value);
		free(token);
	}
}

void token_unrender(struct token *token)
{
	for (int i = 0; i < TOKEN_RENDERINGS; i++) {
		if (token->rendered[i]) {
			token->free_rendered(token->rendered[i]);
			token->rendered[i] = NULL;
		}
	}
}

int64_t token_expires(const struct token *token)
{
	return token->sent_ms + token->lifetime_ms;
}

int64_t token_usable_until(const struct token *token)
{
	return token_expires(token) - schedule_margin(token->lifetime_ms);
}

bool token_usable(const struct token *token, int64_t now_ms)
{
	return token && now_ms <= token_usable_until(token);
}

bool token_satisfies(const struct token *token, int64_t min_validity_ms, int64_t now_ms)
{
	int64_t most = token->lifetime_ms * MIN_VALIDITY_PERCENT_MAX / 100;
	int64_t wanted = min_validity_ms < most ? min_validity_ms : most;

	return token_usable(token, now_ms) && token_expires(token) - now_ms >= wanted;
}
