#include "config_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* What DESIGN calls loopback: localhost, 127/8, [::1]. host is as curl has normalised it. */
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

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
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
