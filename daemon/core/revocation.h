/*
 * What a profile had, on its way to be revoked at the login server: the requests that this takes,
 * one after the other, and what came of them. It does not know who logged out, nor HTTP.
 *
 * A messenger's JWT, and a token of Genesys Cloud, end by a request that they authorize themselves;
 * one that the server does not take any more is renewed by the refresh token first. Elsewhere RFC
 * 7009 holds, where the settings have a revocation_url.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "grant.h"

struct answer_http;
struct secret;
struct settings;

enum { REVOCATION_REFRESHES_MAX = 3 };

enum revocation_step {
	REVOCATION_BEARER,        /* the token is to end */
	REVOCATION_REFRESH,       /* there is none that the server takes: another is asked for */
	REVOCATION_REFRESH_TOKEN, /* by RFC 7009 */
	REVOCATION_ACCESS_TOKEN,  /* likewise */
	REVOCATION_ENDED,
};

struct revocation {
	LIST_ENTRY(revocation) link; /* in the list of whoever wants it */
	struct settings *settings;   /* a reference: what it is asked with */
	struct secret *token;        /* owned; NULL: none */
	struct secret *refresh_token;
	struct secret *client_assertion; /* owned; made for the request at hand, NULL: none was */
	enum revocation_step step;
	unsigned refreshes;
	bool revoked;                 /* the server takes neither any more */
	char why[GRANT_MESSAGE_SIZE]; /* a sentence: why not; "": there was nothing, or it is */
	unsigned number;              /* of the profile whose logout waits for it, 0: none does */
	bool late;                    /* it came of an attempt that a logout had overtaken */
	bool noting;                  /* the logout is being made durable */
	char unsaved[GRANT_MESSAGE_SIZE]; /* why it could not be; "": it is */
	void *context;                    /* the owner's */
	void *transfer;                   /* whatever the HTTP side wants to remember */
	void *write;                      /* whatever the state side wants to remember */
};

/* Takes both secrets over, which may be NULL, and the settings' reference is its own. NULL when
 * there is no memory; they are left to the caller then. */
struct revocation *revocation_new(
	struct settings *settings, struct secret *token, struct secret *refresh_token);

/* Takes NULL. */
void revocation_free(struct revocation *revocation);

/* What is sent in its step, which is none at the end; and so is what a server may say back. */
struct grant_input revocation_input(const struct revocation *revocation);
int revocation_request(const struct revocation *revocation, struct grant_request *request);

/* What an answer to that means. */
void revocation_judge(const struct revocation *revocation, const struct answer_http *answer,
	struct grant_result *result);

/* Takes the next step after a result, out of which it takes what it needs. */
void revocation_go_on(struct revocation *revocation, struct grant_result *result);
