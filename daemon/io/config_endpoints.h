/*
 * Where a profile's requests go: the URLs composed of host, gateway or token_url. It does not know
 * what is asked there.
 */
#pragma once

struct config_values;
struct settings;

/* Fills in token_url, token_host, login_url, api_url, revocation_url and unix_socket. What is wrong
 * is told to values->problems, and its members are left NULL. */
void config_endpoints_read(const struct config_values *values, struct settings *settings);

/* Puts the token endpoints of messenger's deployments, below api_url, in the place of token_url and
 * what goes with it; as above. */
void config_endpoints_read_deployment(
	const struct config_values *values, struct settings *settings);

/* Fills in device_authorization_url, for the grant that begins there; as above. */
void config_endpoints_read_device(const struct config_values *values, struct settings *settings);

/* Fills in authorize_url, for the grants that begin there; as above. */
void config_endpoints_read_authorize(const struct config_values *values, struct settings *settings);
