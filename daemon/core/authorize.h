/*
 * Authorization requests of a profile (RFC 6749 section 4.1.1): the URL that a browser is sent to,
 * and what has to be remembered until it comes back. It does not know how random texts are made,
 * nor what becomes of a code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct code;
struct secret;
struct settings;

enum {
	AUTHORIZE_PENDING_MAX = 16, /* of a profile; more push out the oldest */
	AUTHORIZE_LIFETIME_MS = 10 * 60 * 1000,
	AUTHORIZE_STATE_MIN = 8, /* characters of a state that a caller brings */
	AUTHORIZE_STATE_MAX = 128,
	AUTHORIZE_RANDOM_SIZE = 43 + 1, /* 256 bits in base64url, and NUL */
};

/* Where random texts come from; each fails with 0 or NULL, and a negative errno. */
struct authorize_random {
	struct secret *(*verifier)(void); /* RFC 7636 section 4.1 */
	int (*challenge)(const struct secret *verifier, char ret[AUTHORIZE_RANDOM_SIZE]);
	int (*state)(char ret[AUTHORIZE_RANDOM_SIZE]);
};

/* A browser that was sent off and has not come back. All is owned. */
struct authorize {
	TAILQ_ENTRY(authorize) link;
	uid_t uid; /* who asked for the URL, and alone may bring the answer */
	int64_t expires_ms;
	char *state;
	char *redirect_uri;
	struct secret *verifier;
};

/* The oldest first. */
TAILQ_HEAD(authorize_list, authorize);

/* Who asks, and what for; borrowed, NULL for the profile's redirect URI and a random state. */
struct authorize_wish {
	uid_t uid;
	const char *redirect_uri, *state;
};

/* Whether a code may come back there: the redirect URI of the settings, or, where this is http to
 * loopback, the same with another port (RFC 8252 section 7.3). */
bool authorize_takes_redirect(const struct settings *settings, const char *redirect_uri);

/*
 * Remembers a request, and says where the browser goes: *ret_url is the caller's, who frees it. It
 * is pushed out by the 16 that come after it, first those of the same uid. *ret_pending is the
 * list's. The uid has none with that state already. Returns 0, or a negative errno with nothing
 * changed.
 */
int authorize_begin(struct authorize_list *list, const struct settings *settings,
	const struct authorize_random *random, const struct authorize_wish *wish, int64_t now_ms,
	const struct authorize **ret_pending, char **ret_url);

/* What such a request asks for (RFC 6749 section 3.1.1): "code", or "token". */
const char *authorize_response_type(const struct settings *settings);

/* The request of that uid with that state; NULL when there is none (any more). */
struct authorize *authorize_find(
	struct authorize_list *list, uid_t uid, const char *state, int64_t now_ms);

/* The code that came back for it, with what belongs to it, the caller's; NULL when there is no
 * memory. The request stays pending. */
struct code *authorize_code(const struct authorize *pending, const char *code);

/* Its state is used up. */
void authorize_end(struct authorize_list *list, struct authorize *pending);

/* Forgets all. */
void authorize_end_all(struct authorize_list *list);
