/*
 * Signs a profile in with a browser on any machine, by a code that is entered there (RFC 8628). It
 * does not know how the arguments were written.
 */
#pragma once

#include "client/command.h"

command command_device;
