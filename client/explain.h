/*
 * The subcommand that has the daemon say what its rules make of a caller. It knows users by name,
 * which the daemon does not look up while it serves.
 */
#pragma once

#include "client/command.h"

command command_explain;
