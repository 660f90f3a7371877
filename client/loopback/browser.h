/*
 * Opens an address in the user's browser. It does not know what is behind the address.
 */
#pragma once

#include <sys/types.h>

/*
 * Runs $BROWSER, else xdg-open(1), with the address as its only argument, in a session of its own,
 * so that a Ctrl-C ends no browser. Returns 0 with a child, or -errno.
 */
int browser_open(const char *url, pid_t *ret_child);
