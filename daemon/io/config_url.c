#include "config_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/secret.h"
#include "proto/region.h"

enum {
	DOMAIN_NAME_MAX = 253, /* bytes of a host's name (RFC 1035 section 2.3.4) */
	DOMAIN_LABEL_MAX = 63, /* bytes between two dots of it */
};

#define HOST_FORMS "write a domain (mypurecloud.ie), https://api.DOMAIN, or a region (eu_west_1)"

/* Tells why, and is the error that the caller returns. */
__attribute__((format(printf, 2, 3))) static int refuse(
	char why[CONFIG_URL_WHY_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, CONFIG_URL_WHY_MAX, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static bool has_odd_byte(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text >= 0x7f || strchr("\"<>\\^`{|}", *text)) {
			return true;
		}
	}
	return false;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static void lower(char *text)
{
	for (; *text; text++) {
		if (*text >= 'A' && *text <= 'Z') {
			*text = (char)(*text - 'A' + 'a');
		}
	}
}

/* host is as curl has normalised it. */
static bool is_loopback(const char *host)
{
	struct in_addr address;

	if (inet_pton(AF_INET, host, &address) == 1) {
		return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* Judges a URL that curl has parsed, and takes its parts. */
static int take_parts(CURLU *parsed, bool insecure_http, struct config_url *url, char *why)
{
	char *host = NULL, *port = NULL, *text = NULL;
	int error = -ENOMEM;

	if (curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
		curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
		curl_url_get(parsed, CURLUPART_URL, &text, 0) != CURLUE_OK) {
		goto out;
	}
	if (strcmp(port, "0") == 0) {
		error = refuse(why, "port 0 does not exist; write one from 1 to 65535");
	} else if (starts_with(text, "http:") && !insecure_http && !is_loopback(host)) {
		error = refuse(why,
			"http is for loopback alone (localhost, 127.0.0.0/8, [::1]); write https, "
			"or set [daemon] insecure_http = true");
	} else {
		url->text = strdup(text);
		if (asprintf(&url->place, "%s:%s", host, port) < 0) {
			url->place = NULL;
		}
		error = url->text && url->place ? 0 : -ENOMEM;
	}
out:
	curl_free(host);
	curl_free(port);
	curl_free(text);
	return error;
}

int config_url_parse(const char *text, bool insecure_http, struct config_url *ret_url,
	char why[CONFIG_URL_WHY_MAX])
{
	const char *host;
	CURLU *parsed;
	CURLUcode code;
	int error;

	*ret_url = (struct config_url){0};
	host = starts_with(text, "https://")  ? text + strlen("https://")
	       : starts_with(text, "http://") ? text + strlen("http://")
					      : "";
	/* curl would take the path of https:///path for a host. */
	if (*host == '\0' || *host == '/') {
		return refuse(why, "a URL begins with https:// and a host");
	}
	if (strchr(text, '#')) {
		return refuse(why, "a URL here has no fragment; leave out the # and what follows");
	}
	if (has_odd_byte(text)) {
		return refuse(why, "a URL holds no blanks, quotes or other odd characters; "
				   "percent-encode them");
	}
	parsed = curl_url();
	if (!parsed) {
		return -ENOMEM;
	}
	code = curl_url_set(parsed, CURLUPART_URL, text, CURLU_DISALLOW_USER);
	if (code == CURLUE_OUT_OF_MEMORY) {
		error = -ENOMEM;
	} else if (code == CURLUE_USER_NOT_ALLOWED) {
		error = refuse(why, "a URL here has no user and password (no @ before the path)");
	} else if (code != CURLUE_OK) {
		error = refuse(why, "this is no URL: %s", curl_url_strerror(code));
	} else {
		error = take_parts(parsed, insecure_http, ret_url, why);
	}
	curl_url_cleanup(parsed);
	if (error < 0) {
		config_url_done(ret_url);
	} else {
		lower(ret_url->place);
	}
	return error;
}

void config_url_done(struct config_url *url)
{
	free(url->text);
	free(url->place);
	*url = (struct config_url){0};
}

bool config_url_is_loopback(const char *place)
{
	const char *port = strrchr(place, ':');
	char host[DOMAIN_NAME_MAX + 1];

	if (!port || port - place > DOMAIN_NAME_MAX) {
		return false;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(port - place), place);
	return is_loopback(host);
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The bytes of the scheme that text begins with (RFC 3986 section 3.1), 0: none. */
static size_t scheme_length(const char *text)
{
	size_t len = 0;

	while (is_letter_or_digit(text[len]) || (text[len] && strchr("+-.", text[len]))) {
		len++;
	}
	return text[len] == ':' ? len : 0;
}

int config_url_redirect(const char *text, bool insecure_http, char why[CONFIG_URL_WHY_MAX])
{
	struct config_url url;
	int error;

	if (starts_with(text, "http:") || starts_with(text, "https:")) {
		error = config_url_parse(text, insecure_http, &url, why);
		config_url_done(&url);
		return error;
	}
	if (strchr(text, '#')) {
		return refuse(why, "a redirect has no fragment; leave out the # and what follows");
	}
	if (scheme_length(text) == 0 || has_odd_byte(text)) {
		return refuse(why,
			"this is to be an absolute URI: https://app.example.com/callback, "
			"http://localhost:8400/, or com.example.app:/callback");
	}
	return 0;
}

/* Names of letters, digits, - and _, with single dots between them. */
static bool is_host_name(const char *name)
{
	size_t label = 0;

	if (strlen(name) > DOMAIN_NAME_MAX) {
		return false;
	}
	for (const char *at = name; *at; at++) {
		if (*at == '.') {
			if (label == 0) {
				return false;
			}
			label = 0;
		} else if (is_letter_or_digit(*at) || *at == '-' || *at == '_') {
			if (++label > DOMAIN_LABEL_MAX) {
				return false;
			}
		} else {
			return false;
		}
	}
	return label > 0;
}

static bool is_ip4(const char *text)
{
	struct in_addr address;

	return inet_pton(AF_INET, text, &address) == 1;
}

static int copy(const char *text, size_t len, char **ret_text)
{
	*ret_text = strndup(text, len);
	return *ret_text ? 0 : -ENOMEM;
}

int config_url_domain(const char *host, char **ret_domain, char why[CONFIG_URL_WHY_MAX])
{
	const char *domain = region_domain(host);
	size_t len;
	int error;

	*ret_domain = NULL;
	if (domain) {
		return copy(domain, strlen(domain), ret_domain);
	}
	if (starts_with(host, "http://")) {
		return refuse(why, "Genesys Cloud is reached by https; " HOST_FORMS);
	}
	domain = starts_with(host, "https://") ? host + strlen("https://") : host;
	len = strlen(domain);
	if (domain != host && len > 0 && domain[len - 1] == '/') {
		len--;
	}
	if (starts_with(domain, "api.") || starts_with(domain, "login.")) {
		size_t prefix = (size_t)(strchr(domain, '.') - domain) + 1;

		domain += prefix;
		len -= prefix;
	}
	error = copy(domain, len, ret_domain);
	if (error < 0) {
		return error;
	}
	lower(*ret_domain);
	if (is_host_name(*ret_domain) && !is_ip4(*ret_domain) && strchr(*ret_domain, '.') &&
		!strchr(*ret_domain, '_')) {
		return 0;
	}
	free(*ret_domain);
	*ret_domain = NULL;
	return refuse(why, "this is neither a domain nor a known region; " HOST_FORMS
			   "; another server is named by token_url or [gateway] host");
}

int config_url_host(const char *host, char **ret_host, char why[CONFIG_URL_WHY_MAX])
{
	size_t len = strlen(host);
	bool bracketed = len > 2 && host[0] == '[' && host[len - 1] == ']';
	struct in6_addr address;
	char *inner;
	int error;

	*ret_host = NULL;
	if (strstr(host, "://")) {
		return refuse(why, "write the host alone, and the scheme under protocol");
	}
	if (strchr(host, '/')) {
		return refuse(why, "write the host alone, and paths under path_params_login and "
				   "path_params_api");
	}
	if (is_host_name(host)) {
		return copy(host, len, ret_host);
	}
	error = bracketed ? copy(host + 1, len - 2, &inner) : copy(host, len, &inner);
	if (error < 0) {
		return error;
	}
	if (inet_pton(AF_INET6, inner, &address) == 1) {
		error = asprintf(ret_host, "[%s]", inner) < 0 ? -ENOMEM : 0;
	} else if (strchr(host, ':')) {
		error = refuse(why, "write the host alone, and its port under port");
	} else {
		error = refuse(why, "this is no host; write a name or an address alone");
	}
	free(inner);
	return error;
}

int config_url_path(const char *path, char **ret_path, char why[CONFIG_URL_WHY_MAX])
{
	size_t len;

	*ret_path = NULL;
	if (strstr(path, "://") || strpbrk(path, "?#") || has_odd_byte(path)) {
		return refuse(why, "write a path alone (oauth/proxy), without ?, # and blanks");
	}
	while (*path == '/') {
		path++;
	}
	len = strlen(path);
	while (len > 0 && path[len - 1] == '/') {
		len--;
	}
	if (asprintf(ret_path, "%s%.*s", len > 0 ? "/" : "", (int)len, path) < 0) {
		*ret_path = NULL;
		return -ENOMEM;
	}
	return 0;
}

#define PROXY_FORMS "write http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT"

static bool is_proxy_scheme(const char *scheme)
{
	return strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0 ||
	       strcmp(scheme, "socks5h") == 0;
}

/* A part of the URL, decoded if it has to be; NULL where there is none. To be freed by curl. */
static char *part(CURLU *parsed, CURLUPart what, unsigned flags)
{
	char *text = NULL;

	return curl_url_get(parsed, what, &text, flags) == CURLUE_OK ? text : NULL;
}

static int take_proxy_user(CURLU *parsed, struct config_proxy_url *proxy)
{
	char *user = part(parsed, CURLUPART_USER, CURLU_URLDECODE);
	char *password = part(parsed, CURLUPART_PASSWORD, CURLU_URLDECODE);
	int error = 0;

	if (user) {
		proxy->username = strdup(user);
		error = proxy->username ? 0 : -ENOMEM;
	}
	if (password) {
		proxy->password = secret_new_locked(password, strlen(password));
		error = proxy->password ? error : -ENOMEM;
		explicit_bzero(password, strlen(password));
	}
	curl_free(user);
	curl_free(password);
	return error;
}

static int take_proxy(CURLU *parsed, struct config_proxy_url *proxy, char *why)
{
	char *scheme = part(parsed, CURLUPART_SCHEME, 0);
	char *host = part(parsed, CURLUPART_HOST, 0);
	char *port = part(parsed, CURLUPART_PORT, 0);
	char *path = part(parsed, CURLUPART_PATH, 0);
	char *query = part(parsed, CURLUPART_QUERY, 0);
	int error;

	if (!scheme || !is_proxy_scheme(scheme)) {
		error = refuse(why, "a proxy speaks http, https or socks5h; " PROXY_FORMS);
	} else if (!host || !*host || (path && strcmp(path, "") != 0 && strcmp(path, "/") != 0) ||
		   query) {
		error = refuse(why, "a proxy has a host and a port alone; " PROXY_FORMS);
	} else if (!port || strcmp(port, "0") == 0) {
		error = refuse(why, "the port is missing; " PROXY_FORMS);
	} else if (asprintf(&proxy->text, "%s://%s:%s", scheme, host, port) < 0) {
		proxy->text = NULL;
		error = -ENOMEM;
	} else {
		error = take_proxy_user(parsed, proxy);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	return error;
}

int config_url_proxy(const char *text, bool of_environment, struct config_proxy_url *ret_proxy,
	char why[CONFIG_URL_WHY_MAX])
{
	unsigned flags = CURLU_NON_SUPPORT_SCHEME | (of_environment ? 0 : CURLU_DISALLOW_USER);
	char *with_scheme = NULL;
	CURLUcode code;
	CURLU *parsed;
	int error;

	*ret_proxy = (struct config_proxy_url){0};
	if (has_odd_byte(text) || strchr(text, '#')) {
		return refuse(why, "a URL holds no blanks, quotes, # or other odd characters; "
				   "percent-encode them");
	}
	if (!of_environment && !strstr(text, "://")) {
		return refuse(why, "the scheme is missing; " PROXY_FORMS);
	}
	if (asprintf(&with_scheme, "%s%s", strstr(text, "://") ? "" : "http://", text) < 0) {
		return -ENOMEM;
	}
	parsed = curl_url();
	code = parsed ? curl_url_set(parsed, CURLUPART_URL, with_scheme, flags)
		      : CURLUE_OUT_OF_MEMORY;
	explicit_bzero(with_scheme, strlen(with_scheme));
	free(with_scheme);
	if (code == CURLUE_OUT_OF_MEMORY) {
		error = -ENOMEM;
	} else if (code == CURLUE_USER_NOT_ALLOWED) {
		error = refuse(why, "write the user and password under username and password");
	} else if (code != CURLUE_OK) {
		error = refuse(why, "this is no URL of a proxy (%s); " PROXY_FORMS,
			curl_url_strerror(code));
	} else {
		error = take_proxy(parsed, ret_proxy, why);
	}
	curl_url_cleanup(parsed);
	if (error < 0) {
		config_url_proxy_done(ret_proxy);
	}
	return error;
}

void config_url_proxy_done(struct config_proxy_url *proxy)
{
	free(proxy->text);
	free(proxy->username);
	secret_free(proxy->password);
	*proxy = (struct config_proxy_url){0};
}
