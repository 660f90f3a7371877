/*
 * What the token endpoint answered, and how a 2xx is read: the token, its lifetime and when to
 * renew it, from the many forms that servers give them. It does not know what follows from an
 * answer that cannot be used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct cJSON;
struct secret;
struct settings;
struct token;

enum {
	ANSWER_TOKEN_MAX = 64000, /* bytes of an access token */
	ANSWER_WHY_SIZE = 160,
};

/* What came back, as the HTTP client tells it; borrowed. */
struct answer_http {
	const char *error; /* why no whole HTTP answer came, NULL: it did */
	bool begun;        /* the request, or a part of it, may have reached the server */
	int status;
	const char *body; /* NUL-terminated at body_len */
	size_t body_len;
	const char *retry_after, *date, *correlation_id; /* header values, NULL: absent */
	int64_t sent_ms;                                 /* when the request was sent */
};

/* The token, the caller's, and the refresh token that came with it (NULL: none did); or NULL with a
 * clause that tells why the answer is unusable. An unusable answer may have brought a refresh token
 * too. */
struct token *answer_token(const struct settings *settings, const struct answer_http *answer,
	struct secret **ret_refresh_token, char why[ANSWER_WHY_SIZE]);

/* The same for an answer of Genesys Cloud's messenger: {"jwt", "refreshToken"?}. The JWT lives for
 * its exp - iat, and no longer than its exp less the answer's Date. */
struct token *answer_jwt(const struct settings *settings, const struct answer_http *answer,
	struct secret **ret_refresh_token, char why[ANSWER_WHY_SIZE]);

/*
 * Who has signed in, for people: what the ID token of the answer says (OpenID Connect Core 1.0
 * section 5.1), or an access token that is a JWT; "" where neither says it. Their signatures are
 * not checked, since they come from the token endpoint itself (section 3.1.3.7) and nothing but
 * what is shown depends on them.
 */
void answer_account(const struct answer_http *answer, char ret[TEXT_UPSTREAM_SIZE]);

/* The seconds that a member of an answer says, as a number or a string that holds a decimal one; -1
 * where it says none. */
double answer_seconds(const struct cJSON *object, const char *name);

/* A date of HTTP (RFC 9110 section 5.6.7, IMF-fixdate) as seconds since 1970, or -1. */
int64_t answer_date(const char *text);
