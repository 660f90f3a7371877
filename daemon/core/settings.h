/*
 * What the configuration says of one profile, ready to use: defaults filled in, URLs composed,
 * rules parsed. It does not know the file it came from, and holds no state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct access_rules;
struct grant;
struct secret;

enum {
	SETTINGS_NAME_MAX = 64,            /* bytes of a profile's name */
	SETTINGS_WAIT_MAX_S = 300,         /* the most that refresh_token_wait_max may say */
	SETTINGS_LIFETIME_MAX_S = 2678400, /* 31 days */
	SETTINGS_IDENTITY = 6,             /* texts of a profile's identity, beside its grant */
};

/* How the client authenticates at the token endpoint. */
enum client_auth {
	CLIENT_AUTH_BASIC,           /* RFC 6749 section 2.3.1, in the header */
	CLIENT_AUTH_POST,            /* the same section, in the form */
	CLIENT_AUTH_PRIVATE_KEY_JWT, /* RFC 7523 section 2.2 */
	CLIENT_AUTH_TLS,             /* tls_client_auth, RFC 8705 section 2 */
	CLIENT_AUTH_NONE,            /* a public client names itself, RFC 6749 section 3.2.1 */
};

enum signing_alg { SIGNING_RS256, SIGNING_ES256 }; /* RFC 7518 section 3.1 */

/* What is secret of a profile. */
enum settings_secret_number {
	SETTINGS_CLIENT_SECRET,
	SETTINGS_ASSERTION,     /* saml2_bearer's */
	SETTINGS_REFRESH_TOKEN, /* the seed: the first one, later ones are in the state */
	SETTINGS_PRIVATE_KEY,   /* private_key_jwt's, PEM */
	SETTINGS_TLS_CERT,      /* the client's certificate chain, PEM */
	SETTINGS_TLS_KEY,       /* its key, PEM */
	SETTINGS_TLS_PASSPHRASE,
	SETTINGS_PROXY_PASSWORD,
	SETTINGS_SECRETS,
};

/* Owned. */
struct settings_secret {
	struct secret *value; /* NULL: none is meant, or it could not be read */
	char *file;           /* the path that it is read from, NULL when it stands in the
				 configuration */
	char *problem;        /* why it could not be read, names the path; NULL when it could */
};

/* Strings and secrets are owned; NULL where a key is absent. */
struct settings {
	unsigned refs;
	char *name;
	const struct grant *grant;
	char *client_id; /* with messenger its deployment_id */
	enum client_auth client_auth;
	char *private_key_id; /* kid, NULL: none */
	enum signing_alg signing_alg;
	struct settings_secret secrets[SETTINGS_SECRETS];
	char *org;           /* org_name of saml2_bearer, org of the browser's grants */
	char *provider;      /* of the browser's grants, there together with org */
	char *redirect_uri;  /* of the browser's grants; the registered one */
	char *authorize_url; /* authorize_url, or the login server's /oauth/authorize */
	char *token_url;     /* token_url, or the login server's or gateway's /oauth/token; with
				messenger what its token endpoints have in common */
	char *token_host;    /* host:port of token_url, lower case; attempts are counted by it */
	char *device_authorization_url; /* RFC 8628's endpoint, of the device grant */
	char *revocation_url; /* RFC 7009's endpoint; NULL: the server is Genesys Cloud, or has none
			       */
	char *login_url;  /* base URL of the login server, as people know it; no slash at the end */
	char *api_url;    /* base URL of the API; NULL where the server is not Genesys Cloud */
	bool api_revokes; /* tokens end at api_url: it is the profile's, not what others have */
	char *scope, *audience, *resource;
	int64_t default_lifetime_ms; /* 0: none */
	bool refresh_access_token;
	bool persist_tokens;        /* access tokens outlive the daemon too */
	int64_t wait_max_ms;        /* refresh_token_wait_max */
	struct access_rules *allow; /* NULL where there is no allow */
	/* for the HTTP client; core only carries them */
	char *ca_file;     /* NULL: the system's */
	char *unix_socket; /* the gateway's, instead of TCP to token_url and api_url */
	char *proxy_url;   /* http, https or socks5h; NULL: none, as for loopback always */
	char *proxy_username;
	char *no_proxy; /* hosts as CURLOPT_NOPROXY has them */
	int64_t connect_timeout_ms, request_timeout_ms;
	/* of the plugin that signs in for it */
	char *auth_provider_command;  /* starts it when it is needed: a program and its arguments,
					  with blanks between; NULL: it comes by itself */
	int64_t auth_code_timeout_ms; /* for a code that it has */
	int64_t sign_in_timeout_ms;   /* for a person to sign in */
};

/* All members zero but for one reference, or NULL when there is no memory. */
struct settings *settings_new(void);
struct settings *settings_ref(struct settings *settings);

/* Gives a reference back; the last one frees. Takes NULL. */
void settings_unref(struct settings *settings);

/* What an access token is for: it may be handed out under settings with the same grant and texts
 * alone. They are borrowed, NULL where a key is absent. */
void settings_identity(const struct settings *settings, const char *ret_texts[SETTINGS_IDENTITY]);

/* Whether a token got with one may be handed out under the other. */
bool settings_same_identity(const struct settings *a, const struct settings *b);

/* Whether a refresh token got with one may be sent under the other (token URL, client). */
bool settings_same_session(const struct settings *a, const struct settings *b);

/* Whether the same program, or none, is started as a provider. */
bool settings_same_provider(const struct settings *a, const struct settings *b);

/* Whether they would send the same credentials, from the same provider. */
bool settings_same_credentials(const struct settings *a, const struct settings *b);
