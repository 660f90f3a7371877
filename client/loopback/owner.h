/*
 * Tells whose a connection from this machine is. It does not know what comes over it.
 */
#pragma once

#include <stdbool.h>

/*
 * Whether the program at the other end of a TCP connection within this machine runs as this user or
 * as root, by what the kernel tells. One that its peer has closed, also for writing alone, is
 * nobody's.
 */
bool owner_is_ours(int fd);
