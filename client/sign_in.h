/*
 * The subcommands that bring the daemon what it cannot get by itself: a code that a browser came
 * back with, or a token. It does not know how the arguments were written.
 */
#pragma once

#include "client/command.h"

command command_authorize;
command command_set_token;
