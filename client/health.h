/*
 * The subcommand for a monitoring system: judges what the daemon says of its profiles, as one line
 * and an exit status of the Monitoring Plugins' guidelines. It does not fetch tokens.
 */
#pragma once

#include "client/command.h"

/* Returns 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN, and no enum exit_status. */
command command_health;

/* Tells that the arguments were wrong, as that line. Returns UNKNOWN. */
int health_refuse(const char *fault);
