/*
 * Decides what a browser gets that comes to the listener of a sign-in, so that nobody but the
 * browser that was sent off brings an answer. It knows no socket, and not what becomes of the
 * answer.
 *
 * The first browser that opens the page gets a cookie and is sent on to the authorization endpoint.
 * The address of the page cannot be guessed, but other users may see it in the arguments of what
 * opens the browser, so that theirs are refused. What comes back counts with that cookie, the state
 * of the sign-in (RFC 6749 section 10.12), and the exact Host that the listener goes by: no other
 * name may lead here (DNS rebinding).
 */
#pragma once

#include <stdbool.h>

#include "client/loopback/place.h"
#include "client/loopback/random.h"
#include "client/redirect.h"

enum {
	GATE_PAGE_SIZE = 1 + RANDOM_SIZE,
	GATE_COOKIE_SIZE = 160, /* of a Set-Cookie */
};

/* A sign-in. */
struct gate {
	const struct place *place; /* borrowed; where the browser is sent back to */
	const char *state;         /* borrowed */
	bool takes_token;          /* it comes in the fragment (RFC 6749 section 4.2.2) */
	char page[GATE_PAGE_SIZE]; /* path of the page that is opened */
	char cookie[RANDOM_SIZE];  /* its value */
	bool opened;               /* a browser has got the cookie */
	bool over;                 /* nothing is waited for any more */
};

/* What a browser asks; borrowed, NULL where it is not there. */
struct gate_request {
	bool ours; /* it comes from a program of this user, or of root */
	bool post;
	const char *host, *cookie, *origin; /* headers */
	const char *path;
	char *query, *body; /* are written to */
};

enum gate_verdict {
	GATE_GO_ON,     /* on to the authorization endpoint, with the cookie */
	GATE_FRAGMENT,  /* back, with what only the browser sees: its page is to post it */
	GATE_CAME_BACK, /* the answer; it is over */
	GATE_OPENED,    /* the page was opened before */
	GATE_WRONG_USER,
	GATE_WRONG_HOST,
	GATE_NOT_FOUND,
	GATE_NO_COOKIE,    /* back in a browser that was not sent off */
	GATE_WRONG_ORIGIN, /* posted by a page of somebody else */
	GATE_NO_ANSWER,    /* with neither a code, a token nor an error */
	GATE_WRONG_STATE,  /* of another sign-in */
	GATE_OVER,
	GATE_VERDICTS,
};

/* page and cookie are random. */
void gate_init(struct gate *gate, const struct place *place, const char *state, bool takes_token,
	const char page[RANDOM_SIZE], const char cookie[RANDOM_SIZE]);

/* Judges a request. With GATE_CAME_BACK *ret_redirect is what came back, in the query or the body.
 */
enum gate_verdict gate_judge(
	struct gate *gate, const struct gate_request *request, struct redirect *ret_redirect);

/* The Set-Cookie (RFC 6265 section 4.1) that goes with GATE_GO_ON, or takes the cookie back. */
void gate_set_cookie(const struct gate *gate, bool keep, char ret[GATE_COOKIE_SIZE]);
