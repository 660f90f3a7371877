#include "client/loopback/place.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PORT_DIGITS_MAX = 5,
	PORT_MAX = 65535,
	PORT_HTTP = 80, /* which no browser writes */
};

static bool is_loopback(const char *host)
{
	struct in_addr address;

	if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) {
		return true;
	}
	return inet_pton(AF_INET, host, &address) == 1 &&
	       ntohl(address.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
}

/* Reads :PORT, and returns what follows; NULL when it is none. */
static const char *read_port(struct place *place, const char *text)
{
	size_t len = strspn(text + 1, "0123456789");

	place->port = len <= PORT_DIGITS_MAX ? (int)strtol(text + 1, NULL, 10) : 0;
	return place->port >= 1 && place->port <= PORT_MAX ? text + 1 + len : NULL;
}

bool place_read(struct place *place, const char *uri)
{
	static const char scheme[] = "http://";
	const char *host = uri + strlen(scheme);
	const char *rest;
	size_t len;

	*place = (struct place){0};
	if (strncmp(uri, scheme, strlen(scheme)) != 0) {
		return false;
	}
	len = *host == '[' ? strcspn(host, "]/?") + 1 : strcspn(host, ":/?");
	if (len >= PLACE_HOST_SIZE) {
		return false;
	}
	memcpy(place->host, host, len);
	rest = host + strlen(place->host);
	if (is_loopback(place->host) && *rest == ':') {
		rest = read_port(place, rest);
	}
	if (!is_loopback(place->host) || !rest || (*rest != '\0' && *rest != '/' && *rest != '?')) {
		return false;
	}
	place->path = rest;
	place->path_len = strcspn(rest, "?");
	return true;
}

char *place_uri(const struct place *place)
{
	char *uri;

	return asprintf(&uri, "http://%s:%d%s", place->host, place->port, place->path) < 0 ? NULL
											   : uri;
}

void place_authority(const struct place *place, char ret[PLACE_AUTHORITY_SIZE])
{
	if (place->port == PORT_HTTP) {
		snprintf(ret, PLACE_AUTHORITY_SIZE, "%s", place->host);
	} else {
		snprintf(ret, PLACE_AUTHORITY_SIZE, "%s:%d", place->host, place->port);
	}
}

void place_origin(const struct place *place, char ret[PLACE_ORIGIN_SIZE])
{
	char authority[PLACE_AUTHORITY_SIZE];

	place_authority(place, authority);
	snprintf(ret, PLACE_ORIGIN_SIZE, "http://%s", authority);
}

bool place_is_path(const struct place *place, const char *path)
{
	static const char root[] = "/";
	const char *known = place->path_len > 0 ? place->path : root;
	size_t len = place->path_len > 0 ? place->path_len : strlen(root);

	return strlen(path) == len && memcmp(path, known, len) == 0;
}
