/*
 * What the configuration says of one profile, ready to use: defaults filled in, URLs composed,
 * rules parsed. It does not know the file it came from, and holds no state.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct access_rules;
struct grant;
struct secret;

enum {
	SETTINGS_NAME_MAX = 64,            /* bytes of a profile's name */
	SETTINGS_WAIT_MAX_S = 300,         /* the most that refresh_token_wait_max may say */
	SETTINGS_LIFETIME_MAX_S = 2678400, /* 31 days */
};

enum client_auth {
	CLIENT_AUTH_BASIC, /* RFC 6749 section 2.3.1, in the header */
	CLIENT_AUTH_POST,  /* the same section, in the form */
};

/* Strings and secrets are owned; NULL where a key is absent. */
struct settings {
	char *name;
	const struct grant *grant;
	char *client_id;
	struct secret *client_secret; /* NULL while it could not be read */
	char *client_secret_file;     /* the path that it is read from, NULL when it stands in the
					 configuration */
	char *client_secret_problem;  /* why it could not be read, names the path */
	enum client_auth client_auth;
	char *token_url;  /* token_url, or the login server's or gateway's /oauth/token */
	char *token_host; /* host:port of token_url, lower case; attempts are counted by it */
	char *login_url;  /* base URL of the login server, as people know it; no slash at the end */
	char *api_url;    /* base URL of the API; NULL where the server is not Genesys Cloud */
	char *scope, *audience, *resource;
	int64_t default_lifetime_ms; /* 0: none */
	bool refresh_access_token;
	int64_t wait_max_ms;        /* refresh_token_wait_max */
	struct access_rules *allow; /* NULL where there is no allow */
	/* for the HTTP client; core only carries them */
	char *ca_file;     /* NULL: the system's */
	char *unix_socket; /* the gateway's, instead of TCP */
	int64_t connect_timeout_ms, request_timeout_ms;
};

/* All members zero, or NULL when there is no memory. */
struct settings *settings_new(void);
void settings_free(struct settings *settings);

/* Whether a token got with one may be handed out under the other (grant, login server, client,
 * scope, audience). */
bool settings_same_identity(const struct settings *a, const struct settings *b);

/* Whether they would send the same credentials. */
bool settings_same_credentials(const struct settings *a, const struct settings *b);
