/*
 * Hosts and URLs as people write them in a configuration: checked, and put together. It does not
 * know where they stand, nor which is used.
 */
#pragma once

#include <stdbool.h>

struct secret;

enum { CONFIG_URL_WHY_MAX = 512 /* bytes of the text that tells what is wrong */ };

struct config_url {
	char *text;  /* as curl_url() has it: what was checked is what is used */
	char *place; /* host:port, lower case */
};

/*
 * Parses text with curl_url(). It has to be https, or http to loopback (or anywhere with
 * insecure_http), without userinfo, fragment, blanks and other odd bytes. Returns 0 and *ret_url,
 * -EINVAL with a text that says what would be right, or -ENOMEM.
 */
int config_url_parse(const char *text, bool insecure_http, struct config_url *ret_url,
	char why[CONFIG_URL_WHY_MAX]);
void config_url_done(struct config_url *url);

/* Whether HOST:PORT, as in place, is loopback: localhost, 127/8, [::1]. */
bool config_url_is_loopback(const char *place);

/*
 * Checks where a browser is sent back to (RFC 6749 section 3.1.2, RFC 8252 section 7): a URL as
 * above, http with loopback alone, or a scheme of the application's own. Returns as above.
 */
int config_url_redirect(const char *text, bool insecure_http, char why[CONFIG_URL_WHY_MAX]);

struct config_proxy_url {
	char *text;              /* scheme://host:port */
	char *username;          /* decoded, NULL: none */
	struct secret *password; /* likewise */
};

/*
 * A proxy: http, https or socks5h, host and port, nothing behind it. With of_environment
 * a user and password may stand in it, and it is http where it has no scheme, as curl has it.
 * Returns as above.
 */
int config_url_proxy(const char *text, bool of_environment, struct config_proxy_url *ret_proxy,
	char why[CONFIG_URL_WHY_MAX]);
void config_url_proxy_done(struct config_proxy_url *proxy);

/*
 * The domain meant by [general] host: a domain, https://api.DOMAIN, or a region's name; lower case,
 * to be freed. Returns 0, -EINVAL with a text, or -ENOMEM.
 */
int config_url_domain(const char *host, char **ret_domain, char why[CONFIG_URL_WHY_MAX]);

/*
 * A host for a URL: a name, an IPv4 address, or an IPv6 address (in brackets in *ret_host); to be
 * freed. Returns as above.
 */
int config_url_host(const char *host, char **ret_host, char why[CONFIG_URL_WHY_MAX]);

/* path without the slashes around it, with one in front when anything is left; returns as above. */
int config_url_path(const char *path, char **ret_path, char why[CONFIG_URL_WHY_MAX]);
