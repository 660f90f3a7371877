/*
 * The registered clients, and who a token request is from (RFC 6749 section 2.3, RFC 7523 section
 * 2.2, RFC 8705 section 2.2). Knows nothing of grants, rules or connections.
 */
#ifndef SANDBOX_CLIENT_H
#define SANDBOX_CLIENT_H

#include <cjson/cJSON.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_EXPIRES_IN_MAX 1000000000 /* s */

enum client_format { CLIENT_OPAQUE, CLIENT_RS256, CLIENT_ES256 };

/* How a client has to prove who it is. */
enum client_proof {
	CLIENT_SECRET,      /* by Basic or in the form */
	CLIENT_PUBLIC,      /* not at all */
	CLIENT_KEY,         /* private_key_jwt */
	CLIENT_CERTIFICATE, /* self_signed_tls_client_auth */
};

/* What becomes of a refresh token that was used. */
enum client_refresh {
	CLIENT_REFRESH_NONE,    /* the client gets none */
	CLIENT_REFRESH_KEPT,    /* it goes on, and answers to it bring no other */
	CLIENT_REFRESH_ROTATED, /* a new one each time; an old one is refused */
	CLIENT_REFRESH_BURNED,  /* and an old one ends the session */
	CLIENT_REFRESH_GRACE, /* an old one brings its successor again for a while, then as above */
};

/* Lives as long as its list. */
struct client {
	char *id;
	char *secret; /* "" where the proof is another */
	enum client_proof proof;
	EVP_PKEY *public_key; /* CLIENT_KEY */
	char *certificate;    /* CLIENT_CERTIFICATE: its fingerprint */
	char *audience;       /* one more that its assertions may name, or NULL */
	cJSON *jtis;          /* of the assertions seen */
	int64_t expires_in;   /* s */
	enum client_format format;
	enum client_refresh refresh;
	int64_t grace_ms;
	bool pkce;            /* no code without a challenge */
	cJSON *redirect_uris; /* NULL: any */
	char *assertion;      /* the SAML assertion that it may use, or NULL */
	int64_t device_interval, device_expires_in; /* s; of device authorizations */
	char *org_name;                             /* that has to come with it; NULL: any */
	char *last_token;                           /* NULL before the first */
	int64_t last_expires_ms;
};

struct client_list;

enum client_method {
	CLIENT_AUTH_NONE,
	CLIENT_AUTH_BASIC,
	CLIENT_AUTH_POST,
	CLIENT_AUTH_ASSERTION,
	CLIENT_AUTH_CERTIFICATE,
	CLIENT_AUTH_BOTH,      /* more than one: forbidden */
	CLIENT_AUTH_MALFORMED, /* an Authorization header that is not Basic, or broken */
};

/* What a request brings; members may be NULL. */
struct client_evidence {
	const char *authorization;
	const cJSON *fields;
	const char
		*certificate; /* the fingerprint of the TLS client's, as pki_fingerprint has it */
	const char *issuer;   /* these two are the audiences of an assertion */
	const char *token_url;
};

struct client_auth {
	enum client_method method;
	char *id;              /* as the request names it; NULL if it does not */
	struct client *client; /* NULL if the id is not known */
	bool proven;
	const char *wrong; /* a constant; NULL if proven */
};

/* New clients without expires_in or token_format have these. client_list_free takes NULL. */
struct client_list *client_list_new(int64_t expires_in, enum client_format format);
void client_list_free(struct client_list *list);

/* Adds or changes a client as --help describes it. False with a message in ERROR if SPEC is not
 * that. */
bool client_put(struct client_list *list, const cJSON *spec, char *error, size_t error_size);

/* One client as client_put takes it, or an array of them. */
bool client_put_all(struct client_list *list, const cJSON *specs, char *error, size_t error_size);

/* The client of that id, or NULL, which ID may be too. */
struct client *client_find(const struct client_list *list, const char *id);

/* Fills AUTH, which client_auth_done empties. */
void client_authenticate(const struct client_list *list, const struct client_evidence *evidence,
	struct client_auth *auth);
void client_auth_done(struct client_auth *auth);

/* "none", "basic", "post", "private_key_jwt", "certificate", "both", "malformed". */
const char *client_method_name(enum client_method method);

/* "opaque", "RS256" or "ES256"; false if NAME is NULL or none of them. */
bool client_format_parse(const char *name, enum client_format *ret_format);

#endif
