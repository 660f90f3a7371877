/*
 * Opens an address in the user's browser. It does not know what is behind the address.
 */
#pragma once

#include <sys/types.h>

/*
 * Runs $BROWSER, else xdg-open(1), in a session of its own, so that a Ctrl-C ends no browser.
 * $BROWSER is a program with arguments, split at blanks and at nothing else, in which %s stands for
 * the address; without it the address is the last argument. Of several, with colons between, the
 * first that can be started is taken. Returns 0 with a child, or -errno.
 */
int browser_open(const char *url, pid_t *ret_child);
