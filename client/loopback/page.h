/*
 * What a person reads in the browser during a sign-in, as HTML. It does not know how it gets there.
 */
#pragma once

#include <stdbool.h>

#include "client/loopback/gate.h"
#include "client/loopback/random.h"

struct page {
	int status; /* of HTTP */
	char *html; /* owned */
	bool posts; /* it has a script and a form */
	/* Its style and script carry it, so that the Content-Security-Policy can allow those and no
	 * others. */
	char nonce[RANDOM_SIZE];
};

/* What a request gets that brings nothing, with GATE_FRAGMENT a page that posts its fragment to
 * where it stands; none for GATE_GO_ON and GATE_CAME_BACK. All return 0, or -errno; texts may come
 * from anywhere. */
int page_verdict(struct page *page, enum gate_verdict verdict);

/* Somebody has signed in. account NULL: nobody knows who. */
int page_signed_in(
	struct page *page, const char *profile, const char *account, const char *login_url);

/* Nobody has, or, if it goes on, not yet. why is for people, as gctoken tells it. */
int page_failed(struct page *page, const char *profile, const char *why, bool goes_on);

void page_done(struct page *page);
