/*
 * Who may call what: the answer of the rules of `allow` for one caller and one endpoint, and by
 * which of them. It does not know how they are written (access_parse.h does), nor connections.
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
	X(AUTHORIZE_DEVICE, "auth.authorizeDevice", false) \
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
	bool privileged;  /* root, or the daemon's own uid */
	const char *unit; /* of systemd's system manager, such as "billing.service"; NULL: none
			     known; borrowed */
	pid_t pid;        /* for people to read, since it may be another's by now; 0: not known */
};

struct access_rules;

/* Takes NULL. */
void access_free(struct access_rules *rules);

/* The rights as a set: bit 1 << right. rules is NULL where there is no `allow`. */
unsigned access_rights(const struct access_rules *rules, const struct access_subject *subject);
bool access_allows(const struct access_rules *rules, const struct access_subject *subject,
	enum access_right right);

/* By what a right is granted: the text of the first rule that grants it, "privileged", or NULL
 * where it is not. Borrowed from rules. */
const char *access_by(const struct access_rules *rules, const struct access_subject *subject,
	enum access_right right);

/* The rules in their order, 0 where there is no `allow`; the text of each as it was written, and
 * whether the caller is one that it names. */
size_t access_n_rules(const struct access_rules *rules);
const char *access_rule_text(const struct access_rules *rules, size_t i);
bool access_rule_matches(
	const struct access_rules *rules, size_t i, const struct access_subject *subject);

/* Whether any rule asks for a unit, so that it has to be known of who asks; takes NULL. */
bool access_needs_unit(const struct access_rules *rules);

/* Whether any rule grants it to somebody; takes NULL. */
bool access_grants(const struct access_rules *rules, enum access_right right);

/* "auth.getJwtToken" and so on. */
const char *access_name(enum access_right right);

/* What a wildcard grants; prefix is what stands before the asterisk. */
unsigned access_wildcard(const char *prefix, size_t len);
