/*
 * The subcommand that prints what happens to profiles, as it happens. It does not know how a line
 * comes.
 */
#pragma once

#include "client/command.h"

command command_watch;
