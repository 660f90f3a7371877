/*
 * The credentials and proxies that came in the environment: taken out of it at once, and kept for
 * each reload. It does not know what profile they make.
 */
#pragma once

struct secret;

/* NULL: not set, or empty. */
struct config_environment {
	struct secret *client_id, *client_secret;
	char *region;
	struct secret *http_proxy, *https_proxy, *all_proxy; /* may hold a password */
	char *no_proxy;
};

/*
 * Takes GENESYSCLOUD_OAUTHCLIENT_ID, _SECRET and GENESYSCLOUD_REGION out of the environment and
 * wipes them there, and so the variables that curl has for proxies: http_proxy in lower case alone
 * (a web server makes HTTP_PROXY of a request's header), the others in upper case too.
 */
void config_environment_take(struct config_environment *environment);
void config_environment_done(struct config_environment *environment);
