/*
 * The keys that a configuration may hold, by number, and how one is found by its name. It does not
 * know what they do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/settings.h"

/* One row for each key that is known; the manual's table is held against it by a test. */
struct config_key {
	const char *section; /* "general", …, "profile" */
	const char *name;
	const char *in_profile; /* the key's name in a profile where it may be set there too, else
				   NULL */
	const char *fallback;   /* the default as people write it, NULL: none */
};
extern const struct config_key config_keys[];
extern const size_t config_n_keys;

#define CONFIG_PROFILE_SECTION "profile"

/* symbol, section, name, name in a profile, default */
#define CONFIG_KEYS(X)                                                                            \
	X(HOST, "general", "host", "host", "mypurecloud.com")                                     \
	X(LIVE_RELOAD, "general", "live_reload_config", NULL, "true")                             \
	X(REFRESH, "reauthentication", "refresh_access_token", "refresh_access_token", "true")    \
	X(WAIT_MAX, "reauthentication", "refresh_token_wait_max", "refresh_token_wait_max", "10") \
	X(AUTH_CODE_TIMEOUT, "reauthentication", "auth_code_timeout", "auth_code_timeout", "30")  \
	X(SIGN_IN_TIMEOUT, "reauthentication", "sign_in_timeout", "sign_in_timeout", "600")       \
	X(LOG_LEVEL, "logging", "log_level", NULL, "info")                                        \
	X(LOG_FORMAT, "logging", "log_format", NULL, "text")                                      \
	X(LOG_TO_CONSOLE, "logging", "log_to_console", NULL, "true")                              \
	X(LOG_FILE_PATH, "logging", "log_file_path", NULL, NULL)                                  \
	X(LOG_REQUEST_BODY, "logging", "log_request_body", NULL, "false")                         \
	X(LOG_RESPONSE_BODY, "logging", "log_response_body", NULL, "false")                       \
	X(GATEWAY_HOST, "gateway", "host", "gateway_host", NULL)                                  \
	X(GATEWAY_PROTOCOL, "gateway", "protocol", "gateway_protocol", "https")                   \
	X(GATEWAY_PORT, "gateway", "port", "gateway_port", NULL)                                  \
	X(GATEWAY_PATH_LOGIN, "gateway", "path_params_login", "gateway_path_params_login", NULL)  \
	X(GATEWAY_PATH_API, "gateway", "path_params_api", "gateway_path_params_api", NULL)        \
	X(GATEWAY_UNIX_SOCKET, "gateway", "unix_socket", "gateway_unix_socket", NULL)             \
	X(GATEWAY_USERNAME, "gateway", "username", "gateway_username", NULL)                      \
	X(GATEWAY_PASSWORD, "gateway", "password", "gateway_password", NULL)                      \
	X(PROXY_URL, "proxy", "url", "proxy_url", NULL)                                           \
	X(PROXY_USERNAME, "proxy", "username", "proxy_username", NULL)                            \
	X(PROXY_PASSWORD, "proxy", "password", "proxy_password", NULL)                            \
	X(PROXY_NO_PROXY, "proxy", "no_proxy", "proxy_no_proxy", NULL)                            \
	X(TLS_CA_FILE, "tls", "ca_file", "tls_ca_file", NULL)                                     \
	X(TLS_CERT, "tls", "client_cert", "tls_client_cert", NULL)                                \
	X(TLS_CERT_FILE, "tls", "client_cert_file", "tls_client_cert_file", NULL)                 \
	X(TLS_CERT_CREDENTIAL, "tls", "client_cert_credential", "tls_client_cert_credential",     \
		NULL)                                                                             \
	X(TLS_KEY, "tls", "client_key", "tls_client_key", NULL)                                   \
	X(TLS_KEY_FILE, "tls", "client_key_file", "tls_client_key_file", NULL)                    \
	X(TLS_KEY_CREDENTIAL, "tls", "client_key_credential", "tls_client_key_credential", NULL)  \
	X(TLS_PASSPHRASE, "tls", "client_key_passphrase", "tls_client_key_passphrase", NULL)      \
	X(TLS_PASSPHRASE_FILE, "tls", "client_key_passphrase_file",                               \
		"tls_client_key_passphrase_file", NULL)                                           \
	X(TLS_PASSPHRASE_CREDENTIAL, "tls", "client_key_passphrase_credential",                   \
		"tls_client_key_passphrase_credential", NULL)                                     \
	X(SOCKET, "daemon", "socket", NULL, NULL)                                                 \
	X(MAX_CONNECTIONS, "daemon", "max_connections", NULL, "4096")                             \
	X(MAX_CONNECTIONS_PER_UID, "daemon", "max_connections_per_uid", NULL,                     \
		"a quarter of max_connections")                                                   \
	X(MAX_WAITERS, "daemon", "max_waiters", NULL, "32768")                                    \
	X(RELOAD_ALLOW, "daemon", "allow", NULL, NULL)                                            \
	X(RATE_LIMIT, "daemon", "rate_limit", NULL, "0")                                          \
	X(RATE_LIMIT_DELAY, "daemon", "rate_limit_quarantine_delay", NULL, "30")                  \
	X(PERSIST_TOKENS, "daemon", "persist_tokens", "persist_tokens", "false")                  \
	X(INSECURE_HTTP, "daemon", "insecure_http", NULL, "false")                                \
	X(CONNECT_TIMEOUT, "daemon", "connect_timeout", "connect_timeout", "5")                   \
	X(REQUEST_TIMEOUT, "daemon", "request_timeout", "request_timeout", "30")                  \
	X(GRANT, "profile", "grant", NULL, "client_credentials")                                  \
	X(CLIENT_ID, "profile", "client_id", NULL, NULL)                                          \
	X(CLIENT_SECRET, "profile", "client_secret", NULL, NULL)                                  \
	X(CLIENT_SECRET_FILE, "profile", "client_secret_file", NULL, NULL)                        \
	X(CLIENT_SECRET_CREDENTIAL, "profile", "client_secret_credential", NULL, NULL)            \
	X(CLIENT_AUTH, "profile", "client_auth", NULL, "basic")                                   \
	X(TOKEN_URL, "profile", "token_url", NULL, NULL)                                          \
	X(DEVICE_AUTHORIZATION_URL, "profile", "device_authorization_url", NULL, NULL)            \
	X(REVOCATION_URL, "profile", "revocation_url", NULL, NULL)                                \
	X(PRIVATE_KEY_FILE, "profile", "private_key_file", NULL, NULL)                            \
	X(PRIVATE_KEY_CREDENTIAL, "profile", "private_key_credential", NULL, NULL)                \
	X(PRIVATE_KEY_ID, "profile", "private_key_id", NULL, NULL)                                \
	X(SIGNING_ALG, "profile", "signing_alg", NULL, "RS256")                                   \
	X(DEPLOYMENT_ID, "profile", "deployment_id", NULL, NULL)                                  \
	X(ORG_NAME, "profile", "org_name", NULL, NULL)                                            \
	X(ASSERTION_FILE, "profile", "assertion_file", NULL, NULL)                                \
	X(ASSERTION_CREDENTIAL, "profile", "assertion_credential", NULL, NULL)                    \
	X(AUTH_PROVIDER_COMMAND, "profile", "auth_provider_command", NULL, NULL)                  \
	X(REDIRECT_URI, "profile", "redirect_uri", NULL, NULL)                                    \
	X(AUTHORIZE_URL, "profile", "authorize_url", NULL, NULL)                                  \
	X(ORG, "profile", "org", NULL, NULL)                                                      \
	X(PROVIDER, "profile", "provider", NULL, NULL)                                            \
	X(REFRESH_TOKEN_FILE, "profile", "refresh_token_file", NULL, NULL)                        \
	X(REFRESH_TOKEN_CREDENTIAL, "profile", "refresh_token_credential", NULL, NULL)            \
	X(SCOPE, "profile", "scope", NULL, NULL)                                                  \
	X(AUDIENCE, "profile", "audience", NULL, NULL)                                            \
	X(RESOURCE, "profile", "resource", NULL, NULL)                                            \
	X(ALLOW, "profile", "allow", NULL, NULL)                                                  \
	X(DEFAULT_LIFETIME, "profile", "default_lifetime", NULL, NULL)

enum config_key_number {
#define X(symbol, section, name, in_profile, fallback) CONFIG_KEY_##symbol,
	CONFIG_KEYS(X)
#undef X
		CONFIG_KEY_COUNT,
};

/* The keys under which a secret is written: itself, a file, a credential. CONFIG_KEY_COUNT where
 * there is no such key. */
enum config_secret_form {
	CONFIG_SECRET_INLINE,
	CONFIG_SECRET_FILE,
	CONFIG_SECRET_CREDENTIAL,
	CONFIG_SECRET_FORMS,
};
extern const enum config_key_number config_secret_keys[SETTINGS_SECRETS][CONFIG_SECRET_FORMS];

/* The secret that is written under that key; SETTINGS_SECRETS: the key is for something else. */
enum settings_secret_number config_keys_secret(enum config_key_number key);

/* Whether there is such a section ("profile" is one without its name). */
bool config_keys_has_section(const char *section);

/* The key called name in section; false when there is none. */
bool config_keys_find(const char *section, const char *name, enum config_key_number *ret_key);

/* What stands between the elements of the key's value where it is a list, else NULL. */
const char *config_keys_separator(enum config_key_number key);

/* Whether the key is true or false. */
bool config_keys_is_switch(enum config_key_number key);

/* The section or key that was probably meant, or NULL. */
const char *config_keys_nearest_section(const char *written);
const char *config_keys_nearest(const char *section, const char *written);

/* The key of that very name in a section other than this, or NULL. */
const struct config_key *config_keys_elsewhere(const char *section, const char *name);
