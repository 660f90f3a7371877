/*
 * The proxy of a profile: that of the configuration, else that of the environment. It does not know
 * how one is spoken to.
 */
#pragma once

#include "core/settings.h"

struct config_values;

/* Fills in proxy_url, proxy_username, its password and no_proxy; after config_endpoints_read().
 * None for a login server on loopback, or behind a gateway's socket. What is wrong is told. */
void config_proxy_read(const struct config_values *values, struct settings *settings);
