/*
 * One access token and its times. It does not know which profile has it, nor who gets it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct secret;

/* In what it is handed out, as its owner renders it. */
enum token_rendering {
	TOKEN_IN_REPLY,
	TOKEN_IN_EVENT,      /* with its value, */
	TOKEN_TOLD_IN_EVENT, /* or without */
	TOKEN_RENDERINGS,
};

struct token {
	struct secret *value; /* owned */
	int64_t sent_ms;      /* when the request was sent; the lifetime runs from there */
	int64_t lifetime_ms;
	int64_t refresh_in_ms; /* the server's word, 0: none */
	int64_t refresh_ms;    /* when to renew it, set by who keeps it */
	bool rejected;         /* an API answered 401 to it */
	/* What its owner has rendered of it, so that handing it out costs nothing. */
	void *rendered[TOKEN_RENDERINGS]; /* NULL: not yet */
	void (*free_rendered)(void *rendered);
};

/* Takes value over in any case; NULL when there is no memory. */
struct token *token_new(struct secret *value, int64_t sent_ms, int64_t lifetime_ms);

/* Takes NULL. */
void token_free(struct token *token);

/* Lets go of what was rendered. */
void token_unrender(struct token *token);

/* Times on the scale of sent_ms: the end of its life, and the last moment in which it is handed
 * out. */
int64_t token_expires(const struct token *token);
int64_t token_usable_until(const struct token *token);

/* Whether it may be handed out; takes NULL, which may not. */
bool token_usable(const struct token *token, int64_t now_ms);

/* Whether it has min_validity_ms left too; more than 75 % of its lifetime counts as 75 %. */
bool token_satisfies(const struct token *token, int64_t min_validity_ms, int64_t now_ms);
