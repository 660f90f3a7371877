/*
 * The OAuth 2.0 grants: what a token request says, and what its answer means.
 * It does not send anything, and does not know when to ask again. Each grant is one file and one
 * row of the table in grant.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings.h"
#include "text.h"

struct answer_http;
struct code;
struct echoes;
struct form;
struct secret;
struct token;

enum {
	GRANT_MESSAGE_SIZE = 1024, /* of a sentence for people */
};

/* What a grant is made of: the keys that it takes, and how it begins and goes on. */
enum grant_part {
	GRANT_ASSERTION = 1 << 0,  /* org_name and an assertion, which is sent each time */
	GRANT_CODE = 1 << 1,       /* begins with a code from the authorization endpoint */
	GRANT_SEED = 1 << 2,       /* begins with a refresh token of the configuration */
	GRANT_SESSION = 1 << 3,    /* goes on with the refresh token of the last answer */
	GRANT_PLANTED = 1 << 4,    /* asks for nothing: its token is given by auth.setAccessToken */
	GRANT_DEPLOYMENT = 1 << 5, /* of a messenger deployment, which is the client; its codes come
				      from the brand's own login, and its token ends with its
				      session */
	GRANT_IMPLICIT = 1 << 6,   /* or comes from the authorization endpoint */
	GRANT_BROWSER = GRANT_CODE | GRANT_IMPLICIT, /* somebody signs in with a browser */
	GRANT_DEVICE = 1 << 7, /* begins with a code that somebody enters elsewhere */
};

/* What an attempt sends beside the settings; borrowed, NULL where there is none. A refresh token
 * goes before a code. */
struct grant_input {
	const struct secret *refresh_token;
	const struct secret *token; /* to be revoked */
	const struct code *code;
	const struct secret *client_assertion; /* for private_key_jwt */
	bool resent; /* the refresh token was sent before, and the answer was lost */
};

/* All owned. */
struct grant_request {
	const char *method; /* a constant */
	char *url;
	struct secret *body;          /* NULL: none */
	bool is_json;                 /* the body; else it is application/x-www-form-urlencoded */
	struct secret *authorization; /* the header's value, or NULL */
};

struct grant {
	const char *name;
	unsigned parts;
	enum client_auth client_auth; /* the default */
	/* Adds grant_type and what belongs to it; the client's authentication is added for all
	 * grants alike. NULL with GRANT_PLANTED. */
	void (*fill)(const struct settings *settings, const struct grant_input *input,
		struct form *form);
	/* Where a server is not spoken with as RFC 6749 has it; NULL: it is. The first fills an
	 * empty request, but for its method, and returns 0 or -ENOMEM; the second is as
	 * answer_token(). */
	int (*request)(const struct settings *settings, const struct grant_input *input,
		struct grant_request *request);
	struct token *(*read)(const struct settings *settings, const struct answer_http *answer,
		struct secret **ret_refresh_token, char *why);
};

/* The grant of that name, or NULL. */
const struct grant *grant_find(const char *name);

/* Their names, for messages: the n-th one, NULL behind the last. */
const char *grant_name(size_t n);

/* Whether some of the profile outlives the daemon: its login, or with persist_tokens its token. */
bool grant_is_stored(const struct settings *settings);

/* Whether a provider can bring what the grant begins with. */
bool grant_is_provided(const struct settings *settings);

/* Builds a token request (RFC 6749 sections 2.3.1, 4.1.3, 4.4.2 and 6, RFC 7522, RFC 7523, RFC
 * 7636). settings must hold the secrets that its client_auth sends. Returns 0, or -ENOMEM. */
int grant_request_init(struct grant_request *request, const struct settings *settings,
	const struct grant_input *input);
void grant_request_done(struct grant_request *request);

/* Completes a POST to url of an OAuth 2.0 server with a form, which is used up, and what proves who
 * the client is. Returns 0 or -ENOMEM. */
int grant_fill_client(struct grant_request *request, const char *url,
	const struct settings *settings, const struct grant_input *input, struct form *form);

/* What a server may say back of the secrets that a request with these sends; ended by
 * echoes_done().
 */
void grant_echoes(
	struct echoes *echoes, const struct settings *settings, const struct grant_input *input);

enum grant_verdict {
	GRANT_NONE, /* nothing was asked yet */
	GRANT_GRANTED,
	GRANT_TEMPORARY,      /* ask again by the back-off */
	GRANT_PERMANENT,      /* asking again will not help until somebody mends something */
	GRANT_LOGIN_REQUIRED, /* a person or plugin has to act */
};

struct grant_result {
	enum grant_verdict verdict;
	struct token *token;          /* owned; with GRANT_GRANTED */
	struct secret *refresh_token; /* owned; the one that came with it, NULL: none did */
	bool pending;           /* nothing is wrong: nobody has signed in with the codes yet */
	bool lost;              /* the request may have been acted upon, and its answer is lost */
	int64_t retry_after_ms; /* 0: none given */
	int status;             /* of HTTP; 0: no answer came */
	char message[GRANT_MESSAGE_SIZE];
	char upstream_error[TEXT_UPSTREAM_SIZE]; /* OAuth's error code, "" where there was none */
	char correlation_id[TEXT_UPSTREAM_SIZE];
	char account[TEXT_UPSTREAM_SIZE]; /* whose token it is, where somebody signed in; "" */
};

/* Judges an answer (RFC 6749 sections 5.1 and 5.2, and how servers really are). */
void grant_judge(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, struct grant_result *result);

/* Judges an answer that brings no token: any 2xx is GRANT_GRANTED. */
void grant_judge_other(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, struct grant_result *result);

/* Judges an answer to a request that revokes what input has: any 2xx is GRANT_GRANTED, with no
 * token. */
void grant_judge_revocation(const struct settings *settings, const struct grant_input *input,
	const struct answer_http *answer, struct grant_result *result);

/* Why a profile that was logged out has no token, and what somebody does to get one. */
void grant_say_logged_out(const struct settings *settings, char text[GRANT_MESSAGE_SIZE]);

/* A result that did not come from a server: a secret that cannot be read, no memory. */
void grant_fail(struct grant_result *result, enum grant_verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Frees what was not taken out. */
void grant_result_done(struct grant_result *result);

/* What the grants with GRANT_SESSION send to go on (RFC 6749 section 6). */
void grant_fill_refresh(
	const struct settings *settings, const struct grant_input *input, struct form *form);

/* The rows of the table, a file each. */
extern const struct grant grant_authorization_code;
extern const struct grant grant_client_credentials;
extern const struct grant grant_device;
extern const struct grant grant_implicit;
extern const struct grant grant_messenger;
extern const struct grant grant_pkce;
extern const struct grant grant_refresh_token;
extern const struct grant grant_saml2_bearer;
extern const struct grant grant_static;
