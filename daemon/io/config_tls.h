/*
 * The authorities that a profile trusts, and the certificate that it shows. It does not know what
 * is connected to.
 */
#pragma once

#include "core/settings.h"

struct config_values;

/* Fills in ca_file and the secrets of TLS. What is wrong is told. */
void config_tls_read(const struct config_values *values, struct settings *settings);
