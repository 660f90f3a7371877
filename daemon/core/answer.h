/*
 * Reads the token endpoint's 2xx answer: the token, its lifetime and when to renew it, from the
 * many forms that servers give them. It does not know what follows from an answer that cannot be
 * used.
 */
#pragma once

#include <stdint.h>

struct grant_answer;
struct settings;
struct token;

enum { ANSWER_WHY_SIZE = 160 };

/* The token, the caller's; or NULL with a clause that tells why the answer is unusable. */
struct token *answer_token(const struct settings *settings, const struct grant_answer *answer,
	char why[ANSWER_WHY_SIZE]);

/* A date of HTTP (RFC 9110 section 5.6.7, IMF-fixdate) as seconds since 1970, or -1. */
int64_t answer_date(const char *text);
