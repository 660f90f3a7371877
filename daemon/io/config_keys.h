/*
 * The keys that a configuration may hold, by number, and how one is found by its name. It does not
 * know what they do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One row for each key that is known; the manual's table is held against it by a test. */
struct config_key {
	const char *section; /* "general", …, "profile" */
	const char *name;
	const char *in_profile; /* the key's name in a profile where it may be set there too, else
				   NULL */
	const char *fallback;   /* the default as people write it, NULL: none */
	bool supported;         /* false: known, but not yet supported */
};
extern const struct config_key config_keys[];
extern const size_t config_n_keys;

#define CONFIG_PROFILE_SECTION "profile"

/* symbol, section, name, name in a profile, default, supported */
#define CONFIG_KEYS(X)                                                                            \
	X(HOST, "general", "host", "host", "mypurecloud.com", true)                               \
	X(LIVE_RELOAD, "general", "live_reload_config", NULL, "true", true)                       \
	X(REFRESH, "reauthentication", "refresh_access_token", "refresh_access_token", "true",    \
		true)                                                                             \
	X(WAIT_MAX, "reauthentication", "refresh_token_wait_max", "refresh_token_wait_max", "10", \
		true)                                                                             \
	X(LOG_LEVEL, "logging", "log_level", NULL, "info", false)                                 \
	X(LOG_FORMAT, "logging", "log_format", NULL, "text", false)                               \
	X(LOG_TO_CONSOLE, "logging", "log_to_console", NULL, "true", false)                       \
	X(LOG_FILE_PATH, "logging", "log_file_path", NULL, NULL, false)                           \
	X(LOG_REQUEST_BODY, "logging", "log_request_body", NULL, "false", false)                  \
	X(LOG_RESPONSE_BODY, "logging", "log_response_body", NULL, "false", false)                \
	X(GATEWAY_HOST, "gateway", "host", "gateway_host", NULL, true)                            \
	X(GATEWAY_PROTOCOL, "gateway", "protocol", "gateway_protocol", "https", true)             \
	X(GATEWAY_PORT, "gateway", "port", "gateway_port", NULL, true)                            \
	X(GATEWAY_PATH_LOGIN, "gateway", "path_params_login", "gateway_path_params_login", NULL,  \
		true)                                                                             \
	X(GATEWAY_PATH_API, "gateway", "path_params_api", "gateway_path_params_api", NULL, true)  \
	X(GATEWAY_UNIX_SOCKET, "gateway", "unix_socket", "gateway_unix_socket", NULL, true)       \
	X(GATEWAY_USERNAME, "gateway", "username", "gateway_username", NULL, true)                \
	X(GATEWAY_PASSWORD, "gateway", "password", "gateway_password", NULL, true)                \
	X(PROXY_URL, "proxy", "url", "proxy_url", NULL, false)                                    \
	X(PROXY_USERNAME, "proxy", "username", "proxy_username", NULL, false)                     \
	X(PROXY_PASSWORD, "proxy", "password", "proxy_password", NULL, false)                     \
	X(PROXY_NO_PROXY, "proxy", "no_proxy", "proxy_no_proxy", NULL, false)                     \
	X(TLS_CA_FILE, "tls", "ca_file", "tls_ca_file", NULL, true)                               \
	X(TLS_CERT, "tls", "client_cert", "tls_client_cert", NULL, false)                         \
	X(TLS_CERT_FILE, "tls", "client_cert_file", "tls_client_cert_file", NULL, false)          \
	X(TLS_CERT_CREDENTIAL, "tls", "client_cert_credential", "tls_client_cert_credential",     \
		NULL, false)                                                                      \
	X(TLS_KEY, "tls", "client_key", "tls_client_key", NULL, false)                            \
	X(TLS_KEY_FILE, "tls", "client_key_file", "tls_client_key_file", NULL, false)             \
	X(TLS_KEY_CREDENTIAL, "tls", "client_key_credential", "tls_client_key_credential", NULL,  \
		false)                                                                            \
	X(TLS_PASSPHRASE, "tls", "client_key_passphrase", "tls_client_key_passphrase", NULL,      \
		false)                                                                            \
	X(TLS_PASSPHRASE_FILE, "tls", "client_key_passphrase_file",                               \
		"tls_client_key_passphrase_file", NULL, false)                                    \
	X(TLS_PASSPHRASE_CREDENTIAL, "tls", "client_key_passphrase_credential",                   \
		"tls_client_key_passphrase_credential", NULL, false)                              \
	X(SOCKET, "daemon", "socket", NULL, NULL, true)                                           \
	X(MAX_CONNECTIONS, "daemon", "max_connections", NULL, "4096", true)                       \
	X(MAX_CONNECTIONS_PER_UID, "daemon", "max_connections_per_uid", NULL,                     \
		"a quarter of max_connections", true)                                             \
	X(MAX_WAITERS, "daemon", "max_waiters", NULL, "32768", true)                              \
	X(RELOAD_ALLOW, "daemon", "allow", NULL, NULL, true)                                      \
	X(RATE_LIMIT, "daemon", "rate_limit", NULL, "0", true)                                    \
	X(RATE_LIMIT_DELAY, "daemon", "rate_limit_quarantine_delay", NULL, "30", true)            \
	X(PERSIST_TOKENS, "daemon", "persist_tokens", NULL, "false", false)                       \
	X(INSECURE_HTTP, "daemon", "insecure_http", NULL, "false", true)                          \
	X(CONNECT_TIMEOUT, "daemon", "connect_timeout", "connect_timeout", "5", true)             \
	X(REQUEST_TIMEOUT, "daemon", "request_timeout", "request_timeout", "30", true)            \
	X(GRANT, "profile", "grant", NULL, "client_credentials", true)                            \
	X(CLIENT_ID, "profile", "client_id", NULL, NULL, true)                                    \
	X(CLIENT_SECRET, "profile", "client_secret", NULL, NULL, true)                            \
	X(CLIENT_SECRET_FILE, "profile", "client_secret_file", NULL, NULL, true)                  \
	X(CLIENT_SECRET_CREDENTIAL, "profile", "client_secret_credential", NULL, NULL, true)      \
	X(CLIENT_AUTH, "profile", "client_auth", NULL, "basic", true)                             \
	X(TOKEN_URL, "profile", "token_url", NULL, NULL, true)                                    \
	X(SCOPE, "profile", "scope", NULL, NULL, true)                                            \
	X(AUDIENCE, "profile", "audience", NULL, NULL, true)                                      \
	X(RESOURCE, "profile", "resource", NULL, NULL, true)                                      \
	X(ALLOW, "profile", "allow", NULL, NULL, true)                                            \
	X(DEFAULT_LIFETIME, "profile", "default_lifetime", NULL, NULL, true)

enum config_key_number {
#define X(symbol, section, name, in_profile, fallback, supported) CONFIG_KEY_##symbol,
	CONFIG_KEYS(X)
#undef X
		CONFIG_KEY_COUNT,
};

/* Whether there is such a section ("profile" is one without its name). */
bool config_keys_has_section(const char *section);

/* The key called name in section; false when there is none. */
bool config_keys_find(const char *section, const char *name, enum config_key_number *ret_key);

/* The section or key that was probably meant, or NULL. */
const char *config_keys_nearest_section(const char *written);
const char *config_keys_nearest(const char *section, const char *written);

/* The key of that very name in a section other than this, or NULL. */
const struct config_key *config_keys_elsewhere(const char *section, const char *name);
