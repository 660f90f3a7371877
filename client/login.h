/*
 * Signs a profile in with the browser of this machine. It does not know how the arguments were
 * written.
 */
#pragma once

#include "client/command.h"

command command_login;
