/*
 * The credentials that came in the environment: taken out of it at once, and kept for each reload.
 * It does not know what profile they make.
 */
#pragma once

struct secret;

/* The credentials that came in the environment; they are kept for the next reload. */
struct config_environment {
	struct secret *client_id, *client_secret;
	char *region;
};

/* Takes GENESYSCLOUD_OAUTHCLIENT_ID, _SECRET and GENESYSCLOUD_REGION out of the environment and
 * wipes them there. */
void config_environment_take(struct config_environment *environment);
void config_environment_done(struct config_environment *environment);
