/*
 * The registered clients, and who a token request is from (RFC 6749 section 2.3.1).
 * Knows nothing of grants, rules or HTTP beyond the value of the Authorization header.
 */
#ifndef SANDBOX_CLIENT_H
#define SANDBOX_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_EXPIRES_IN_MAX 1000000000 /* s */

enum client_format { CLIENT_OPAQUE, CLIENT_RS256, CLIENT_ES256 };

/* Lives as long as its list. */
struct client {
	char *id;
	char *secret;
	int64_t expires_in; /* s */
	enum client_format format;
	char *last_token; /* NULL before the first */
	int64_t last_expires_ms;
};

struct client_list;

enum client_method {
	CLIENT_AUTH_NONE,
	CLIENT_AUTH_BASIC,
	CLIENT_AUTH_POST,
	CLIENT_AUTH_BOTH,      /* Basic and client_secret: forbidden */
	CLIENT_AUTH_MALFORMED, /* an Authorization header that is not Basic, or broken */
};

struct client_auth {
	enum client_method method;
	char *id;              /* as the request names it; NULL if it does not */
	struct client *client; /* NULL if the id is not known */
	bool secret_ok;
};

/* New clients without expires_in or token_format have these. client_list_free takes NULL. */
struct client_list *client_list_new(int64_t expires_in, enum client_format format);
void client_list_free(struct client_list *list);

/* Adds or changes {id, secret, expires_in?, token_format?}. False with a message in ERROR if it is
 * not that. */
bool client_put(struct client_list *list, const cJSON *spec, char *error, size_t error_size);

/* One client as client_put takes it, or an array of them. */
bool client_put_all(struct client_list *list, const cJSON *specs, char *error, size_t error_size);

/* AUTHORIZATION and FIELDS may be NULL. Fills AUTH, which client_auth_done empties. */
void client_authenticate(const struct client_list *list, const char *authorization,
	const cJSON *fields, struct client_auth *auth);
void client_auth_done(struct client_auth *auth);

/* "none", "basic", "post", "both", "malformed". */
const char *client_method_name(enum client_method method);

/* "opaque", "RS256" or "ES256"; false if NAME is NULL or none of them. */
bool client_format_parse(const char *name, enum client_format *ret_format);

#endif
