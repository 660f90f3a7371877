#include "authorize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "encode.h"
#include "grant.h"
#include "secret.h"
#include "settings.h"

enum { PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };

/* ---- redirect URIs */

/* The parts of http://HOST[:PORT]REST. */
struct place {
	const char *host;
	size_t host_len;
	const char *rest;
};

/* Where the digits of a port end; NULL when they are none from 1 to PORT_MAX. */
static const char *skip_port(const char *digits)
{
	size_t len = strspn(digits, "0123456789");
	long port = len > 0 && len <= PORT_DIGITS_MAX ? strtol(digits, NULL, 10) : 0;

	return port >= 1 && port <= PORT_MAX ? digits + len : NULL;
}

static bool is_loopback(const char *host, size_t len)
{
	static const char *const names[] = {"localhost", "[::1]"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (len == strlen(names[i]) && memcmp(host, names[i], len) == 0) {
			return true;
		}
	}
	return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len;
}

/* Takes http to loopback apart; false for anything else. */
static bool place_read(struct place *place, const char *uri)
{
	static const char scheme[] = "http://";

	if (strncmp(uri, scheme, strlen(scheme)) != 0) {
		return false;
	}
	place->host = uri + strlen(scheme);
	place->host_len = place->host[0] == '[' ? strcspn(place->host, "]/?") + 1
						: strcspn(place->host, ":/?");
	if (!is_loopback(place->host, place->host_len)) {
		return false;
	}
	place->rest = place->host + place->host_len;
	if (*place->rest == ':') {
		place->rest = skip_port(place->rest + 1);
	}
	return place->rest && (*place->rest == '\0' || *place->rest == '/' || *place->rest == '?');
}

bool authorize_takes_redirect(const struct settings *settings, const char *redirect_uri)
{
	struct place known, other;

	if (strcmp(settings->redirect_uri, redirect_uri) == 0) {
		return true;
	}
	return place_read(&known, settings->redirect_uri) && place_read(&other, redirect_uri) &&
	       known.host_len == other.host_len &&
	       memcmp(known.host, other.host, known.host_len) == 0 &&
	       strcmp(known.rest, other.rest) == 0;
}

/* ---- requests that are pending */

static void pending_free(struct authorize *pending)
{
	free(pending->state);
	free(pending->redirect_uri);
	secret_free(pending->verifier);
	free(pending);
}

void authorize_end(struct authorize_list *list, struct authorize *pending)
{
	TAILQ_REMOVE(list, pending, link);
	pending_free(pending);
}

void authorize_end_all(struct authorize_list *list)
{
	struct authorize *pending;

	while ((pending = TAILQ_FIRST(list))) {
		authorize_end(list, pending);
	}
}

/* All live equally long, so that the first ones have passed first. */
static void expire(struct authorize_list *list, int64_t now_ms)
{
	struct authorize *pending;

	while ((pending = TAILQ_FIRST(list)) && pending->expires_ms <= now_ms) {
		authorize_end(list, pending);
	}
}

/* Makes room for one more of that uid: nobody pushes out another's as long as there is one of their
 * own. */
static void make_room(struct authorize_list *list, uid_t uid)
{
	struct authorize *pending, *oldest = NULL;
	unsigned n = 0;

	TAILQ_FOREACH (pending, list, link) {
		n++;
		if (!oldest && pending->uid == uid) {
			oldest = pending;
		}
	}
	if (n >= AUTHORIZE_PENDING_MAX) {
		authorize_end(list, oldest ? oldest : TAILQ_FIRST(list));
	}
}

struct authorize *authorize_find(
	struct authorize_list *list, uid_t uid, const char *state, int64_t now_ms)
{
	struct authorize *pending;

	expire(list, now_ms);
	TAILQ_FOREACH (pending, list, link) {
		if (pending->uid == uid && strcmp(pending->state, state) == 0) {
			return pending;
		}
	}
	return NULL;
}

const char *authorize_response_type(const struct settings *settings)
{
	return settings->grant->parts & GRANT_IMPLICIT ? "token" : "code";
}

/* RFC 6749 sections 4.1.1 and 4.2.1, RFC 7636 section 4.3; org and provider are Genesys Cloud's.
 * NULL when there is no memory. */
static char *compose_url(
	const struct settings *settings, const struct authorize *pending, const char *challenge)
{
	bool is_implicit = settings->grant->parts & GRANT_IMPLICIT;
	struct form query = {0}, url = {0};
	const char *base = settings->authorize_url;

	form_add(&query, "client_id", settings->client_id);
	form_add(&query, "redirect_uri", pending->redirect_uri);
	form_add(&query, "response_type", authorize_response_type(settings));
	form_add(&query, "code_challenge", is_implicit ? NULL : challenge);
	form_add(&query, "code_challenge_method", is_implicit ? NULL : "S256");
	form_add(&query, "state", pending->state);
	form_add(&query, "scope", settings->scope);
	form_add(&query, "org", settings->org);
	form_add(&query, "provider", settings->provider);
	form_add(&query, "audience", settings->audience);
	form_add(&query, "resource", settings->resource);
	form_add_raw(&url, base, strlen(base));
	form_add_raw(&url, strchr(base, '?') ? "&" : "?", 1);
	if (!query.failed) {
		form_add_raw(&url, query.text, query.len);
		form_add_raw(&url, "", 1);
	}
	if (query.failed || url.failed) {
		form_done(&url);
	}
	form_done(&query);
	return url.text;
}

static char *choose_state(const struct authorize_random *random, const char *wish)
{
	char state[AUTHORIZE_RANDOM_SIZE];

	if (wish) {
		return strdup(wish);
	}
	return random->state(state) < 0 ? NULL : strdup(state);
}

int authorize_begin(struct authorize_list *list, const struct settings *settings,
	const struct authorize_random *random, const struct authorize_wish *wish, int64_t now_ms,
	const struct authorize **ret_pending, char **ret_url)
{
	const char *redirect_uri = wish->redirect_uri ? wish->redirect_uri : settings->redirect_uri;
	struct authorize *pending = calloc(1, sizeof(*pending));
	char challenge[AUTHORIZE_RANDOM_SIZE];

	if (!pending) {
		return -ENOMEM;
	}
	pending->uid = wish->uid;
	pending->expires_ms = now_ms + AUTHORIZE_LIFETIME_MS;
	pending->redirect_uri = strdup(redirect_uri);
	pending->state = choose_state(random, wish->state);
	pending->verifier = random->verifier();
	*ret_url = pending->redirect_uri && pending->state && pending->verifier &&
				   random->challenge(pending->verifier, challenge) == 0
			   ? compose_url(settings, pending, challenge)
			   : NULL;
	if (!*ret_url) {
		pending_free(pending);
		return -ENOMEM;
	}
	expire(list, now_ms);
	make_room(list, wish->uid);
	TAILQ_INSERT_TAIL(list, pending, link);
	*ret_pending = pending;
	return 0;
}

struct code *authorize_code(const struct authorize *pending, const char *code)
{
	return code_new(&(struct code_texts){
		.code = code,
		.verifier = secret_reveal(pending->verifier),
		.redirect_uri = pending->redirect_uri,
	});
}
