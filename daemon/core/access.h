/*
 * Who may call what: the rules of `allow`, and the answer for one caller and one endpoint.
 * It does not know names of users (a resolver given by the caller does), nor connections.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * symbol, name, what a wildcard (`*`, `auth.*`, or no list) grants.
 * What gives or plants a token is granted by name alone.
 */
#define ACCESS_LIST(X)                                     \
	X(GET_JWT_TOKEN, "auth.getJwtToken", false)        \
	X(GET_TOKEN_INFO, "auth.getTokenInfo", true)       \
	X(REFRESH, "auth.refresh", false)                  \
	X(GET_AUTHORIZE_URL, "auth.getAuthorizeUrl", true) \
	X(AUTHORIZE, "auth.authorize", false)              \
	X(SET_ACCESS_TOKEN, "auth.setAccessToken", false)  \
	X(SIGN_IN, "auth.signIn", false)                   \
	X(LOGOUT, "auth.logout", false)                    \
	X(REGISTER, "authProvider.register", false)        \
	X(SUBSCRIBE, "events.subscribe", true)             \
	X(RELOAD, "system.reload", true)

enum access_right {
#define X(symbol, name, wildcard) ACCESS_##symbol,
	ACCESS_LIST(X)
#undef X
		ACCESS_RIGHTS,
};

/* Who asks, as the kernel told it at accept. */
struct access_subject {
	uid_t uid;
	const gid_t *gids; /* primary and supplementary; borrowed */
	size_t n_gids;
	bool privileged; /* root, or the daemon's own uid */
	const char *unit; /* of systemd's system manager, such as "billing.service"; NULL: none
			     known; borrowed */
};

/* Finds numbers for names; false when there is no such user or group. */
struct access_resolver {
	bool (*user)(const char *name, uid_t *ret_uid);
	bool (*group)(const char *name, gid_t *ret_gid);
};

enum access_problem_kind {
	ACCESS_WARNING, /* the rule stands, but matches nobody (an unknown user) */
	ACCESS_ERROR,
};

/* Told of each thing that is wrong with the text, in its order. text says what would be right. */
typedef void access_problem_fn(void *context, enum access_problem_kind kind, const char *text);

struct access_rules;

/*
 * Parses `CALLER [(NAME, …)], …`. *ret_rules is the caller's; it is NULL after an error. Returns 0,
 * -EINVAL after at least one ACCESS_ERROR was told, or -ENOMEM.
 */
int access_parse(const char *text, const struct access_resolver *resolver,
	access_problem_fn *problem, void *context, struct access_rules **ret_rules);
void access_free(struct access_rules *rules);

/* The rights as a set: bit 1 << right. rules is NULL where there is no `allow`. */
unsigned access_rights(const struct access_rules *rules, const struct access_subject *subject);
bool access_allows(const struct access_rules *rules, const struct access_subject *subject,
	enum access_right right);

/* "auth.getJwtToken" and so on. */
const char *access_name(enum access_right right);
